"""What a phase costs: one row of the table, with the processor time of both sides."""

import os
import resource
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from tests.support.server import Server

from bench.load import Connection, Timing

R = TypeVar("R")

CONNECTOR, DIRECTOR = "/connector/graphql", "/director/graphql"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``cpu_ms`` is the server's time an operation; busy are shares of a core."""

    what: str
    per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    server_busy: float
    load_busy: float


@dataclass(frozen=True, slots=True)
class Target:
    """A server that runs, to which a load is put."""

    server: Server

    def context(self) -> ssl.SSLContext:
        """Trust in the server's root."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.server.root.decode())
        return context

    def to(self, listener: str, context: ssl.SSLContext) -> Connection:
        """A connection to a listener."""
        address = urlsplit(self.server.urls[listener])
        assert address.hostname is not None
        assert address.port is not None
        return Connection(address.hostname, address.port, context)

    def administers(self, tenant: str) -> bytes:
        """The headers of the first administrator in a tenant."""
        key = (self.server.data / "admin.key").read_text().strip()
        return f"Authorization: Bearer {key}\r\nTenant: {tenant}\r\n".encode()

    async def measured(self, what: str, phase: Awaitable[tuple[Timing, list[R]]]) -> tuple[Row, list[R]]:
        """Run a phase, with the processor time that it took on both sides."""
        assert self.server.process is not None
        server, load = _cpu(self.server.process.pid), _own_cpu()
        timing, results = await phase
        seconds = timing.operations / timing.per_second
        server, load = _cpu(self.server.process.pid) - server, _own_cpu() - load
        row = Row(
            what,
            per_second=timing.per_second,
            cpu_ms=server / timing.operations * 1000,
            p50_ms=timing.p50,
            p99_ms=timing.p99,
            server_busy=server / seconds,
            load_busy=load / seconds,
        )
        return row, results


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
