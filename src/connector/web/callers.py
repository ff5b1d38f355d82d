"""A request's statements about its caller: address, certificate, Idempotency-Key. Nothing has been checked yet."""

from hashlib import sha256
from random import getrandbits

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.audit import Circumstances
from connector.domain.principals import AdminHolder
from connector.domain.refusals.requests import BadRequest
from connector.domain.steps import MAX_KEY
from connector.ports.audit import CIRCUMSTANCES
from connector.web.requests import header

ID_OCTETS = 8
MOST_OF_A_PATH = 200


def source(scope: Scope) -> str | None:
    """The address of the peer, as the connection says: no header is believed."""
    client = scope.get("client")
    return str(client[0]) if client else None


def set_circumstances(scope: Scope) -> None:
    """Note a request's circumstances, for the audit and the log."""
    # The path without the query: that may hold a token.
    path = scope["path"][:MOST_OF_A_PATH]
    request_id = f"{getrandbits(8 * ID_OCTETS):0{2 * ID_OCTETS}x}"  # to distinguish requests; no secret
    CIRCUMSTANCES.set(Circumstances(source(scope), request_id, scope["method"], path))


def certificate(scope: Scope) -> bytes | None:
    """The certificate (DER) that the peer showed in the TLS handshake; None where it showed none."""
    return scope.get("extensions", {}).get("tls", {}).get("client_cert") or None


def certificate_fingerprint(scope: Scope) -> bytes | None:
    """The SHA-256 of that certificate."""
    shown = certificate(scope)
    return None if shown is None else sha256(shown).digest()


def with_certificates_of_administrators(app: ASGIApp) -> ASGIApp:
    """The application, shown a client certificate as an administrator's alone (:func:`admin_holder`): what asks for the
    certificate of an application or runtime finds none.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        shown = certificate(scope)
        if shown is not None:
            scope = {**scope, "extensions": {**scope["extensions"], "tls": {}, "administrator": shown}}
        await app(scope, receive, send)

    return wrapped


def admin_holder(scope: Scope) -> AdminHolder | None:
    """The holder of a certificate of a CA that is set for administrators; None without one, or where there is an
    Authorization header, whatever it says: then the certificate is not looked at.
    """
    shown = scope.get("extensions", {}).get("administrator")
    if shown is None:
        return None
    names = {name for name, _ in scope["headers"]}
    if b"authorization" in names:
        return None
    # With what a page sends there is one of these, and no page can take it away (Fetch standard, 4.6; Fetch Metadata).
    return AdminHolder(shown, by_page=not names.isdisjoint({b"origin", b"sec-fetch-site"}))


def step_key(scope: Scope) -> str | None:
    """The Idempotency-Key (docs/wire-contract.md, "Retries"): any opaque string.

    Raises:
        BadRequest: it is too long, or was sent more than once.
    """
    key = header(scope, b"idempotency-key")
    if key is not None and len(key) > MAX_KEY:
        raise BadRequest(f"The header Idempotency-Key is too long. Send at most {MAX_KEY} characters.")
    return key
