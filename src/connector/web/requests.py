"""Requests as they come in: headers that claim an identity are dropped, bodies are read within limits."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.errors import BadRequest, BodyTooLarge, RequestTimeout

# What a gateway in front of the original passes on as proven (wire contract section 0). Nothing here reads them; they
# are dropped all the same, so that nothing that is added later can.
IDENTITY_HEADERS = frozenset(
    {
        b"client-id-from-token",
        b"client-id-from-certificate",
        b"subject-from-certificate",
        b"client-certificate-hash",
        b"certificate-data",
    }
)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The most octets of a body, and the most seconds that it may take to arrive."""

    octets: int
    seconds: float


def without_identity_headers(app: ASGIApp) -> ASGIApp:
    """The application, never shown a header that claims an identity, however its name is spelled."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [pair for pair in scope["headers"] if pair[0].lower().replace(b"_", b"-") not in IDENTITY_HEADERS]
            if len(kept) != len(scope["headers"]):
                scope = {**scope, "headers": kept}
        await app(scope, receive, send)

    return wrapped


def header(scope: Scope, name: bytes) -> str | None:
    """The header's value; None where it is absent or empty.

    Raises:
        BadRequest: it is there more than once, so that it is open which one counts.
    """
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise BadRequest(f"The header {name.decode()} was sent more than once. Send it once.")
    return values[0].decode("latin-1") or None if values else None


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge, RequestTimeout: it breaks a limit.
        BadRequest: the client went away before it was whole.
    """
    announced = header(scope, b"content-length")
    if announced is not None and announced.isdecimal() and int(announced[:20]) > limits.octets:
        raise BodyTooLarge
    try:
        async with asyncio.timeout(limits.seconds):
            return await _gather(receive, limits.octets)
    except TimeoutError as error:
        raise RequestTimeout from error


async def _gather(receive: Receive, octets: int) -> bytes:
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The request ended before its body did.")
        chunks.append(message.get("body", b""))
        octets -= len(chunks[-1])
        if octets < 0:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
