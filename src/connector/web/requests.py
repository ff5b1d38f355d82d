"""Requests as they come in: headers that claim an identity are dropped, bodies are read within limits."""

import asyncio
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.refusals.requests import BadRequest, BodyTooLarge, Overloaded, RequestTimeout

# Compass's gateways pass on an identity in these (docs/wire-contract.md, "Addresses and identity"). Nothing here reads
# them; they are dropped so that nothing that is added later can.
IDENTITY_HEADERS = frozenset(
    {
        b"client-id-from-token",
        b"client-id-from-certificate",
        b"subject-from-certificate",
        b"client-certificate-hash",
        b"certificate-data",
    }
)


# The size that everybody may send, and that no standard request exceeds.
SMALL = 16 * 1024

# The limit of all bodies together that are not whole yet; workers divide it.
HELD = 8 * 1024 * 1024


class Budget:
    """The memory for the bodies that are not whole yet, of all requests together.

    The first ``SMALL`` octets of each are free, since the connections are counted: however many large bodies are held
    up half sent, a standard request still gets in.
    """

    def __init__(self, octets: int = HELD) -> None:
        self._left = octets

    def take(self, octets: int) -> None:
        """Take that number of octets.

        Raises:
            Overloaded: there are fewer left; none were taken.
        """
        if octets > self._left:
            raise Overloaded
        self._left -= octets

    def give_back(self, octets: int) -> None:
        """Give back what was taken."""
        self._left += octets


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The most octets of a body, the most seconds that it may take to arrive, and what all bodies share."""

    octets: int
    seconds: float
    budget: Budget = field(default_factory=Budget)


def without_identity_headers(app: ASGIApp) -> ASGIApp:
    """The application, never shown a header that claims an identity, however its name is spelled."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [pair for pair in scope["headers"] if pair[0].lower().replace(b"_", b"-") not in IDENTITY_HEADERS]
            if len(kept) != len(scope["headers"]):
                scope = {**scope, "headers": kept}
        await app(scope, receive, send)

    return wrapped


def is_stranger(scope: Scope) -> bool:
    """Whether the connection has not brought a good credential yet: strangers' are the first to be closed when memory
    is short.
    """
    return "credential" in scope.get("extensions", {})


def vouch(scope: Scope) -> None:
    """Tell the connection that this request showed a good credential."""
    if is_stranger(scope):
        scope["extensions"]["credential"]["good"]()


def header(scope: Scope, name: bytes) -> str | None:
    """The header's value; None where it is absent or empty.

    Raises:
        BadRequest: it is there more than once, so that it is open which one counts.
    """
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise BadRequest(f"The header {name.decode()} was sent more than once. Send it once.")
    return values[0].decode("latin-1") or None if values else None


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits, *, anonymous: bool) -> bytes:
    """The whole body. A caller without a credential may send little, since no operation waits for more.

    Raises:
        BodyTooLarge, RequestTimeout, Overloaded: it breaks a limit.
        BadRequest: the client went away before it was whole.
    """
    octets = min(limits.octets, SMALL) if anonymous else limits.octets
    announced = header(scope, b"content-length")
    length = int(announced[:20]) if announced is not None and announced.isdecimal() else 0
    if length > octets:
        raise BodyTooLarge
    try:
        async with asyncio.timeout(limits.seconds):
            return await _gather(receive, octets, limits.budget, length)
    except TimeoutError as error:
        raise RequestTimeout from error


async def _gather(receive: Receive, octets: int, budget: Budget, length: int) -> bytes:
    """The body. Of an announced length memory is taken before anything is read: so a body is refused at its beginning,
    and not in the middle of many others.
    """
    body = bytearray()
    more = True
    taken = max(length - SMALL, 0)
    budget.take(taken)
    try:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The request ended before its body did. Send it again, whole.")
            body += message.get("body", b"")
            if len(body) > octets:
                raise BodyTooLarge
            more = message.get("more_body", False)
            wanted = max(len(body) - SMALL, taken)
            budget.take(wanted - taken)
            taken = wanted
        return bytes(body)
    finally:
        budget.give_back(taken)
