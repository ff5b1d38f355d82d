"""What a request says of its caller: address, certificate, Idempotency-Key. None of it has been checked yet."""

from hashlib import sha256

from starlette.types import Scope

from connector.domain.refusals.requests import BadRequest
from connector.domain.steps import MAX_KEY
from connector.web.requests import header


def source(scope: Scope) -> str | None:
    """The address of the peer, as the connection says: no header is believed."""
    client = scope.get("client")
    return str(client[0]) if client else None


def certificate_fingerprint(scope: Scope) -> bytes | None:
    """The SHA-256 of the certificate that the peer showed in the TLS handshake; None where it showed none."""
    certificate = scope.get("extensions", {}).get("tls", {}).get("client_cert")
    return sha256(certificate).digest() if certificate else None


def step_key(scope: Scope) -> str | None:
    """The Idempotency-Key (docs/wire-contract.md, "Retries"): any opaque string.

    Raises:
        BadRequest: it is too long, or was sent more than once.
    """
    key = header(scope, b"idempotency-key")
    if key is not None and len(key) > MAX_KEY:
        raise BadRequest(f"The header Idempotency-Key is too long. Send at most {MAX_KEY} characters.")
    return key
