"""The table: signing in-process and over HTTPS, a full onboarding, configuration over mutual TLS.

The server has one core, the load generator another; the run says how busy each was, so that it shows which of the two
was the limit. "On one core" is what the server's processor time an operation allows for, whoever was the limit.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import ssl
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table
from tests.support.server import Server

from bench.load import Connection, Timing, spread
from connector.client import make_csr, make_key

R = TypeVar("R")

CONFIGURATION = json.dumps(
    {
        "query": "query { result: configuration() { token { token } "
        "certificateSigningRequestInfo { subject keyAlgorithm } "
        "managementPlaneInfo { directorURL certificateSecuredConnectorURL } } }",
        "variables": None,
    }
).encode()
POLL = CONFIGURATION.replace(b"token { token } ", b"")
SIGN = (
    'mutation { result: signCertificateSigningRequest(csr: "%s") { certificateChain caCertificate clientCertificate } }'
)
REQUEST = 'mutation { result: requestOneTimeTokenForApplication(id: "%s") { token } }'
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


@dataclass(slots=True)
class Bench:
    """The phases against one server."""

    server: Server
    connections: int
    operations: int

    def context(self) -> ssl.SSLContext:
        """Trust in the server's root."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.server.root.decode())
        return context

    def to(self, url: str, context: ssl.SSLContext) -> Connection:
        """A connection to a listener."""
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        return Connection(address.hostname, address.port, context)

    async def run(self) -> list[Row]:
        """All phases."""
        application = self.server.application("bench")
        key = (self.server.data / "admin.key").read_text().strip()
        admin = f"Authorization: Bearer {key}\r\nTenant: default\r\n".encode()
        request = json.dumps({"query": REQUEST % application}).encode()

        async def token(connection: Connection, _: int) -> str:
            return str(json.loads(await connection.post(DIRECTOR, request, admin))["data"]["result"]["token"])

        async def configure(connection: Connection, secret: str) -> tuple[str, str]:
            answer = json.loads(await connection.post(CONNECTOR, CONFIGURATION, _bearer(secret)))["data"]["result"]
            return answer["token"]["token"], answer["certificateSigningRequestInfo"]["subject"]

        async def sign(connection: Connection, prepared: tuple[str, bytes]) -> bytes:
            return await connection.post(CONNECTOR, prepared[1], _bearer(prepared[0]))

        pem = make_key()

        async def onboard(connection: Connection, number: int) -> bytes:
            secret, subject = await configure(connection, await token(connection, number))
            return await sign(connection, (secret, _sign_body(make_csr(pem, subject))))

        numbers = range(self.operations)
        context = self.context()
        opened = [self.to(self.server.urls["public"], context) for _ in range(self.connections)]
        async with AsyncExitStack() as stack:
            for connection in opened:
                await stack.enter_async_context(connection)
            rows = []
            await spread(range(200), opened, onboard)  # warm
            row, secrets = await self.measured("token request over HTTPS", spread(numbers, opened, token))
            rows.append(row)
            row, told = await self.measured("configuration over HTTPS, by token", spread(secrets, opened, configure))
            rows.append(row)
            prepared = [(secret, _sign_body(make_csr(pem, subject))) for secret, subject in told]
            row, _ = await self.measured("signing over HTTPS", spread(prepared, opened, sign))
            rows.append(row)
            row, answers = await self.measured("full onboarding over HTTPS", spread(numbers, opened, onboard))
            rows.append(row)
        rows.append(await self.mutual(json.loads(answers[0])["data"]["result"]["certificateChain"], pem))
        return rows

    async def mutual(self, chain: str, key: EllipticCurvePrivateKey) -> Row:
        """Configuration over mutual TLS, each time over a fresh connection."""
        context = self.context()
        with tempfile.NamedTemporaryFile() as file:
            file.write(b64decode(chain))
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            context.load_cert_chain(file.name)

        async def poll(_: Connection, __: int) -> bytes:
            async with self.to(self.server.urls["mtls"], context) as fresh:
                return await fresh.post(CONNECTOR, POLL)

        # Never opened: each stands for one client that opens a connection of its own for each call.
        clients = [self.to(self.server.urls["mtls"], context) for _ in range(min(self.connections, 16))]
        row, _ = await self.measured(
            "configuration over mTLS, fresh handshake", spread(range(self.operations), clients, poll)
        )
        return row

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


def _bearer(secret: str) -> bytes:
    return f"Connector-Token: {secret}\r\n".encode()


def _sign_body(csr: bytes) -> bytes:
    return json.dumps({"query": SIGN % b64encode(csr).decode(), "variables": None}).encode()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _in_process(core: int, seconds: float) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.signing", str(core), str(seconds)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--operations", type=int, default=3000, help="operations in each phase")
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    server_core, load_core = sorted(os.sched_getaffinity(0))[:2]
    ceiling = _in_process(server_core, 3)
    os.sched_setaffinity(0, {load_core})
    with tempfile.TemporaryDirectory() as directory:
        wrapper = ("taskset", "--cpu-list", str(server_core))
        with Server(Path(directory) / "data", {}, wrapper) as server:
            rows = asyncio.run(Bench(server, given.connections, given.operations).run())
            server.stop()
    ceiling = (ceiling + _in_process(server_core, 3)) / 2  # before and after: these machines drift
    signing = next(row for row in rows if row.what == "signing over HTTPS")
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "in_process_signing_per_second": ceiling,
        "rows": [asdict(row) for row in rows],
        "signing_over_https_to_in_process": signing.per_second / ceiling,
    }
    if given.json:
        print(json.dumps(report, indent=2))
        return
    table = Table("operation", "per second", "CPU ms", "on one core", "p50 ms", "p99 ms", "server busy", "load busy")
    table.add_row(
        "signing, in-process", f"{ceiling:.0f}", f"{1000 / ceiling:.2f}", f"{ceiling:.0f}", "", "", "100%", ""
    )
    for row in rows:
        table.add_row(
            row.what,
            f"{row.per_second:.0f}",
            f"{row.cpu_ms:.2f}",
            f"{1000 / row.cpu_ms:.0f}",
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            f"{row.server_busy:.0%}",
            f"{row.load_busy:.0%}",
        )
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(f"signing over HTTPS ÷ in-process signing: {signing.per_second / ceiling:.2f}")


if __name__ == "__main__":
    main()
