"""Our own paths for holders of certificates, behind a gateway that ends TLS and passes the certificate on."""

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.refusals import Refusal
from connector.usecases.forwarding import ForwardedCertificates
from connector.web.answers import error_answer
from connector.web.gateways.forwarded import Dialect
from connector.web.gateways.proxies import SECRET_HEADER, Proxies
from connector.web.notes import note


def forwarding(app: ASGIApp, dialect: Dialect, proxies: Proxies, certificates: ForwardedCertificates) -> ASGIApp:
    """The application, for which the certificate that a named gateway passes on stands for that of a TLS handshake.

    Without a certificate the request goes on, and the application refuses it as it does behind TLS.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        try:
            proxies.check(scope)
            shown = dialect.certificate(scope["headers"])
            if shown is not None:
                certificates.verify(shown)
        except Refusal as refusal:
            note(refusal)
            await error_answer(refusal)(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in {dialect.header, SECRET_HEADER}]
        extensions = {**scope.get("extensions", {}), "tls": {"client_cert": shown}}
        await app({**scope, "headers": headers, "extensions": extensions}, receive, send)

    return wrapped
