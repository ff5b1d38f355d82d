"""A long answer on its way: a piece at a time, as fast as its peer takes it."""

from asyncio import sleep
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.web.answers import HEADERS, octets_answer

PIECE = 64 * 1024
"""Octets that are sent at once."""


@dataclass(frozen=True, slots=True)
class PiecedAnswer:
    """An answer that is there in pieces, JSON unless ``headers`` say otherwise. ``sent`` is called with the number of
    octets of each piece that has gone out.
    """

    pieces: deque[bytes]
    sent: Callable[[int], None]
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json", **HEADERS})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it. The server waits with each piece until the peer has room for it."""
        length = sum(map(len, self.pieces))
        headers = [
            (b"content-length", b"%d" % length),
            *((name.encode(), value.encode()) for name, value in self.headers.items()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while self.pieces:
            piece = memoryview(self.pieces.popleft())
            for start in range(0, len(piece), PIECE):
                part = bytes(piece[start : start + PIECE])
                length -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": length > 0})
                self.sent(len(part))
                await sleep(0)


def pieced_answer(pieces: deque[bytes], sent: Callable[[int], None]) -> ASGIApp:
    """The answer that is there in pieces; one that is short goes out as any other does."""
    if len(pieces) == 1 and len(pieces[0]) <= PIECE:
        return octets_answer(pieces[0])
    return PiecedAnswer(pieces, sent)
