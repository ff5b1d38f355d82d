"""A load generator: HTTPS/1.1 over asyncio, many connections, one request at a time on each."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Connection:
    """One kept-alive connection to ``host:port``."""

    host: str
    port: int
    context: ssl.SSLContext
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, ssl=self.context)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def post(self, path: str, body: bytes, headers: bytes = b"") -> bytes:
        """Send one request and return the body of its answer, which must be a 200."""
        self.writer.write(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (path.encode(), len(body), headers, body)
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        answer = await self.reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200 ") or b'"errors"' in answer:
            raise RuntimeError(answer.decode())
        return answer


@dataclass(frozen=True, slots=True)
class Timing:
    """What a phase took: operations a second, milliseconds of latency (median, 99th of a hundred)."""

    operations: int
    per_second: float
    p50: float
    p99: float


async def spread(
    items: Sequence[T], connections: Sequence[Connection], do: Callable[[Connection, T], Awaitable[R]]
) -> tuple[Timing, list[R]]:
    """Do all items, each connection taking the next one as soon as it is free; results in the items' order."""
    latencies: list[float] = []
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def work(connection: Connection) -> None:
        for index, item in waiting:
            started = time.perf_counter()
            results[index] = await do(connection, item)
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in connections))
    elapsed = time.perf_counter() - started
    latencies.sort()
    timing = Timing(
        operations=len(items),
        per_second=len(items) / elapsed,
        p50=latencies[len(latencies) // 2] * 1000,
        p99=latencies[len(latencies) * 99 // 100] * 1000,
    )
    return timing, [results[index] for index in range(len(items))]
