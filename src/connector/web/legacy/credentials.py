"""The credentials of the legacy REST API: a token in the URL or in a header, or a client certificate."""

from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from connector.domain.principals import PresentedCertificate, PresentedToken
from connector.domain.refusals.callers import CredentialMissing
from connector.domain.refusals.requests import BadRequest
from connector.web.callers import certificate_fingerprint, source
from connector.web.requests import header

PARAMETER = b"token"


def presented_token(scope: Scope) -> PresentedToken:
    """The one-time token in the parameter ``token`` of the URL, or in the header Connector-Token, or in both.

    The parameter is decoded once (RFC 3986 section 2.1): what was encoded twice is no token.

    Raises:
        CredentialMissing: there is none.
        BadRequest: there are several parameters or headers, or the two differ. No text of them is repeated.
    """
    given = {text for text in (_parameter(scope["query_string"]), header(scope, b"connector-token")) if text}
    if not given:
        raise CredentialMissing
    if len(given) > 1:
        raise BadRequest("The token in the URL is not the one in the header Connector-Token. Send one token.")
    return PresentedToken(given.pop(), source(scope))


def presented_certificate(scope: Scope) -> PresentedCertificate:
    """The certificate that the peer showed in the TLS handshake.

    Raises:
        CredentialMissing: there is none.
    """
    fingerprint = certificate_fingerprint(scope)
    if fingerprint is None:
        raise CredentialMissing
    return PresentedCertificate(fingerprint)


def refuse_browsers(scope: Scope) -> None:
    """Return unless the request was sent by a page in a browser.

    A browser shows its user's certificate to whichever site asks for it. With every POST that a page sends there is an
    Origin (Fetch standard, "append a request Origin header"), and no page can take it away.

    Raises:
        BadRequest: there is an Origin.
    """
    if header(scope, b"origin") is not None:
        raise BadRequest("The request came from a page in a browser. Send it from the system itself, without Origin.")


def _parameter(query: bytes) -> str | None:
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    values = [value for name, _, value in pairs if unquote_to_bytes(name) == PARAMETER]
    if len(values) > 1:
        raise BadRequest("The parameter token was sent more than once. Send it once.")
    return unquote_to_bytes(values[0]).decode("latin-1") if values else None
