"""Our own paths for holders of certificates, behind a gateway that ends TLS and passes the certificate on."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.refusals import Refusal
from connector.usecases.forwarding import ForwardedCertificates
from connector.web.answers import error_answer
from connector.web.gateways.forwarded import Dialect
from connector.web.gateways.proxies import SECRET_HEADER, Proxies
from connector.web.notes import note


@dataclass(frozen=True, slots=True)
class Forwarding:
    """The certificate that a named gateway passes on stands for that of a TLS handshake."""

    dialect: Dialect
    proxies: Proxies
    certificates: ForwardedCertificates

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, for the holder of the certificate that is passed on.

        Without a certificate the request goes on, and the application refuses it as it does behind TLS.
        """

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            try:
                shown = self._shown(scope)
            except Refusal as refusal:
                note(refusal)
                await error_answer(refusal)(scope, receive, send)
                return
            headers = [pair for pair in scope["headers"] if pair[0] not in {self.dialect.header, SECRET_HEADER}]
            extensions = {**scope.get("extensions", {}), "tls": {"client_cert": shown}}
            await app({**scope, "headers": headers, "extensions": extensions}, receive, send)

        return wrapped

    def _shown(self, scope: Scope) -> bytes | None:
        """The verified certificate (DER); None if there is none."""
        self.proxies.check(scope)
        shown = self.dialect.certificate(scope["headers"])
        if shown is not None:
            self.certificates.verify(shown)
        return shown
