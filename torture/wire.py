"""A client of the torture's own: HTTPS over asyncio, one request at a time on each connection, and nothing hidden.

Whether no answer came, and on which request, is what everything else is judged by; so nothing is ever sent twice here.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

SECONDS = 60.0


class Lost(Exception):  # noqa: N818 - named for what happened
    """No answer came: the connection could not be opened, or ended, or took too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: Any

    @property
    def code(self) -> str | None:
        """The refusal's code, if it is one."""
        errors = self.content.get("errors") if isinstance(self.content, dict) else None
        return str(errors[0]["extensions"]["error"]) if errors else None

    @property
    def result(self) -> Any:
        """What the document's one root field, aliased to ``result``, answers."""
        assert self.status == 200, self
        assert self.code is None, self
        return self.content["data"]["result"]


def trust(root: bytes, identity: str | None = None) -> ssl.SSLContext:
    """A client's context, with a certificate if there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.decode())
    if identity is not None:
        context.load_cert_chain(identity)
    return context


@dataclass(slots=True)
class Connection:
    """One kept-alive connection to a base URL, opened at the first request, and anew after it has ended."""

    url: str
    context: ssl.SSLContext | None = None
    seconds: float = SECONDS
    raw: bool = False
    """Whether answers are left as octets."""
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def open(self) -> None:
        """Connect, unless a connection is open. Raises Lost."""
        if self._streams is not None and not self._streams[0].at_eof():
            return
        self.close()
        address = urlsplit(self.url)
        name = address.hostname if self.context is not None else None
        try:
            async with asyncio.timeout(self.seconds):
                self._streams = await asyncio.open_connection(
                    address.hostname, address.port, ssl=self.context, server_hostname=name
                )
        except OSError as error:
            raise Lost(repr(error)) from error

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def get(self, path: str) -> Answer:
        """Send a GET. Raises Lost."""
        return await self._ask(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())

    async def post(self, path: str, query: str, variables: object = None, **headers: str) -> Answer:
        """Send a GraphQL request. Raises Lost."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return await self._ask(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (path.encode(), len(body), lines.encode(), body)
        )

    async def _ask(self, request: bytes) -> Answer:
        await self.open()
        assert self._streams is not None
        reader, writer = self._streams
        try:
            async with asyncio.timeout(self.seconds):
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                body = await reader.readexactly(length)
        except (OSError, EOFError, ssl.SSLError) as error:
            self.close()
            raise Lost(repr(error)) from error
        if b"connection: close" in head:
            self.close()
        content = body if self.raw else json.loads(body) if b"application/json" in head else body.decode()
        return Answer(int(head.split(b" ", 2)[1]), content)


async def spread(
    items: Iterable[T], connections: Sequence[Connection], do: Callable[[Connection, T], Awaitable[None]]
) -> None:
    """Do all items, each connection taking the next one as soon as it is free."""
    waiting = iter(items)

    async def work(connection: Connection) -> None:
        for item in waiting:
            await do(connection, item)

    await asyncio.gather(*(work(connection) for connection in connections))


async def open_all(connections: Sequence[Connection], at_once: int = 32) -> None:
    """Open them, so many at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(connection: Connection) -> None:
        async with gate:
            await connection.open()

    await asyncio.gather(*(one(connection) for connection in connections))


def close_all(connections: Sequence[Connection]) -> None:
    """Drop them all."""
    for connection in connections:
        with suppress(RuntimeError):
            connection.close()
