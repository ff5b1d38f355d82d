"""One HTTPS/1.1 connection of the load generator: as little work a request as asyncio allows.

Requests are octets that were made beforehand. Only what tells a good answer from a bad one is looked at.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
END_OF_CHUNKS = b"\r\n0\r\n\r\n"
LENGTH = b"content-length:"


class BadAnswerError(Exception):
    """The server answered what a benchmark must not count."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is, and whom the client trusts there; without a context it speaks no TLS."""

    host: str
    port: int
    context: ssl.SSLContext | None

    async def open(self) -> "Connection":
        """Connect, with a full handshake: nothing is resumed."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self.host, self.port, ssl=self.context)
        return connection


def request(path: str, body: bytes, headers: bytes = b"", media_type: bytes = b"application/json") -> bytes:
    """A POST of JSON, or of another media type."""
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        path.encode(),
        media_type,
        len(body),
        headers,
        body,
    )


class Connection(asyncio.Protocol):
    """A kept-alive connection with one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    async def send(self, octets: bytes) -> bytes:
        """Send a request and return the body of its answer.

        Raises:
            BadAnswerError: it is no 200 or 201, or one with errors.
        """
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(octets)
        return await self._answer

    def close(self) -> None:
        """Close, at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand over the answer once all of it is there."""
        received = self._received + data if self._received else data
        body = _body(received)
        if body is None:
            self._received = received
            return
        self._received = b""
        if received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 201 ")) and b'"errors"' not in body:
            self._settle(body)
        else:
            self._settle(BadAnswerError(received[:1000].decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for an answer gets none."""
        self._settle(BadAnswerError(f"the connection ended before the answer: {exc}"))

    def _settle(self, outcome: bytes | Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if isinstance(outcome, bytes):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)


def _body(received: bytes) -> bytes | None:
    """The answer's body, if all of it has come. JSON has no line ends of its own that look like a last chunk."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return None
    start = end + len(END_OF_HEAD)
    head = received[:end].lower()
    place = head.find(LENGTH)
    if place >= 0:
        whole = start + int(head[place + len(LENGTH) :].split(b"\r\n", 1)[0])
        return received[start:whole] if len(received) >= whole else None
    return _joined(received[start:]) if received.endswith(END_OF_CHUNKS) else None


def _joined(chunks: bytes) -> bytes:
    body, place = b"", 0
    while True:
        line = chunks.index(b"\r\n", place)
        size = int(chunks[place:line], 16)
        if size == 0:
            return body
        body += chunks[line + 2 : line + 2 + size]
        place = line + 2 + size + 2
