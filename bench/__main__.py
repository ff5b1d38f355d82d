"""The table: signing in-process and over HTTPS, a full onboarding, configuration over mutual TLS, the Director at size.

The server has one core, the load generator another; the run says how busy each was, so that it shows which of the two
was the limit. "On one core" is what the server's processor time an operation allows for, whoever was the limit.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table
from tests.support.server import Server

from bench.load import Connection, spread
from bench.measured import CONNECTOR, DIRECTOR, Row, Target
from bench.scale import Scale
from connector.client import make_csr, make_key

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
REGISTER = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id } }"
REQUEST = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { token } }"


@dataclass(slots=True)
class Bench:
    """The phases against one server."""

    target: Target
    connections: int
    operations: int

    async def run(self) -> list[Row]:
        """All phases."""
        admin = self.target.administers("default")
        applications: list[str] = []

        async def register(connection: Connection, number: int) -> str:
            request = json.dumps({"query": REGISTER, "variables": {"name": f"bench-{number}"}}).encode()
            return str(json.loads(await connection.post(DIRECTOR, request, admin))["data"]["result"]["id"])

        async def token(connection: Connection, number: int) -> str:
            named = {"id": applications[number % len(applications)]}
            request = json.dumps({"query": REQUEST, "variables": named}).encode()
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
        context = self.target.context()
        opened = [self.target.to("public", context) for _ in range(self.connections)]
        async with AsyncExitStack() as stack:
            for connection in opened:
                await stack.enter_async_context(connection)
            rows = []
            applications += (await spread(range(self.operations // 10 + 10), opened, register))[1]
            await spread(range(200), opened, onboard)  # warm
            row, secrets = await self.target.measured("token request over HTTPS", spread(numbers, opened, token))
            rows.append(row)
            row, told = await self.target.measured(
                "configuration over HTTPS, by token", spread(secrets, opened, configure)
            )
            rows.append(row)
            prepared = [(secret, _sign_body(make_csr(pem, subject))) for secret, subject in told]
            row, _ = await self.target.measured("signing over HTTPS", spread(prepared, opened, sign))
            rows.append(row)
            row, answers = await self.target.measured("full onboarding over HTTPS", spread(numbers, opened, onboard))
            rows.append(row)
        rows.append(await self.mutual(json.loads(answers[0])["data"]["result"]["certificateChain"], pem))
        return rows

    async def mutual(self, chain: str, key: EllipticCurvePrivateKey) -> Row:
        """Configuration over mutual TLS, each time over a fresh connection."""
        context = self.target.context()
        with tempfile.NamedTemporaryFile() as file:
            file.write(b64decode(chain))
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            context.load_cert_chain(file.name)

        async def poll(_: Connection, __: int) -> bytes:
            async with self.target.to("mtls", context) as fresh:
                return await fresh.post(CONNECTOR, POLL)

        # Never opened: each stands for one client that opens a connection of its own for each call.
        clients = [self.target.to("mtls", context) for _ in range(min(self.connections, 16))]
        row, _ = await self.target.measured(
            "configuration over mTLS, fresh handshake", spread(range(self.operations), clients, poll)
        )
        return row


def _bearer(secret: str) -> bytes:
    return f"Connector-Token: {secret}\r\n".encode()


def _sign_body(csr: bytes) -> bytes:
    return json.dumps({"query": SIGN % b64encode(csr).decode(), "variables": None}).encode()


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
    arguments.add_argument("--applications", type=int, default=100_000, help="for the Director at size")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    server_core, load_core = sorted(os.sched_getaffinity(0))[:2]
    wrapper = ("taskset", "--cpu-list", str(server_core))
    ceiling = _in_process(server_core, 3)
    os.sched_setaffinity(0, {load_core})
    with tempfile.TemporaryDirectory() as directory, Server(Path(directory) / "data", {}, wrapper) as server:
        rows = asyncio.run(Bench(Target(server), given.connections, given.operations).run())
        server.stop()
    ceiling = (ceiling + _in_process(server_core, 3)) / 2  # before and after: these machines drift
    signing = next(row for row in rows if row.what == "signing over HTTPS")
    with tempfile.TemporaryDirectory() as directory, Server(Path(directory) / "data", {}, wrapper) as server:
        scale = Scale(Target(server), given.connections, given.operations, given.applications)
        at_size, ratios = asyncio.run(scale.run())
        server.stop()
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "in_process_signing_per_second": ceiling,
        "rows": [asdict(row) for row in (*rows, *at_size)],
        "signing_over_https_to_in_process": signing.per_second / ceiling,
        **ratios,
    }
    if given.json:
        print(json.dumps(report, indent=2))
    else:
        _print(ceiling, [*rows, *at_size])
        print(f"signing over HTTPS ÷ in-process signing: {signing.per_second / ceiling:.2f}")
        print(f"registering, {given.applications} there ÷ empty: {ratios['registering_at_size_to_empty']:.2f}")
        print(f"last page ÷ first page: {ratios['last_page_to_first']:.2f}")


def _print(ceiling: float, rows: list[Row]) -> None:
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
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
