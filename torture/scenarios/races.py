"""One token, many at once (R1); revoked on one server, asked on another (R13)."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connector.client import make_key
from torture import checks, clients, wire
from torture.clients import Ready
from torture.ledger import Ledger
from torture.sites import Site
from torture.wire import Connection

REPOSITORY = Path(__file__).parents[2]


@dataclass(slots=True)
class Racer:
    """A process of many clients."""

    process: "subprocess.Popen[str]"

    def tell(self, line: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Take a line from it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def racer(site: Site, connections: int) -> Iterator[Racer]:
    """One, running."""
    task = {
        "root": site.first.root.decode(),
        "urls": [server.urls["public"] for server in site.servers],
        "connections": connections,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "torture.racers"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        one = Racer(process)
        one.tell(json.dumps(task))
        try:
            yield one
        finally:
            process.kill()


async def one_winner(
    site: Site, *, tokens: int, tries: int, processes: int = 4, replays: int = 100
) -> dict[str, int | float]:
    """Of all concurrent redemptions of a token exactly one gets a certificate, which is stored; every other gets the
    same clean refusal, or is told that the store is too busy (503); later replays get none.
    """
    (connection,) = site.connections(1)
    application = await site.application(connection)
    contested = [await site.administrator.ready(connection, application) for _ in range(tokens)]
    refused, busy, statuses, fingerprints = 0, 0, Counter[int](), set[bytes]()
    with ExitStack() as stack:
        racers = [stack.enter_context(racer(site, tries // processes)) for _ in range(processes)]
        for ready in contested:
            outcomes = Counter[str]()
            for told in _race(racers, ready):
                outcomes.update(told["outcomes"])
                statuses.update(told["statuses"])
                fingerprints |= {bytes.fromhex(text) for text in told["fingerprints"]}
            # The second is how PostgreSQL's store refuses who had to wait too long: nothing was done then either.
            assert outcomes.keys() <= {"issued", "token_spent", "storage_unavailable"}, outcomes
            assert (outcomes["issued"], outcomes.total()) == (1, tries), outcomes
            refused += outcomes["token_spent"]
            busy += outcomes["storage_unavailable"]
    server_errors = sum(count for status, count in statuses.items() if status >= 500)
    assert server_errors == statuses[503] == busy, statuses
    assert len(fingerprints) == tokens
    found = {bytes(one) for (one,) in site.database.rows("SELECT fingerprint FROM certificates")}
    assert fingerprints <= found
    connections = site.connections(8)
    tried = await checks.replayed(connections, contested * replays)
    wire.close_all([connection, *connections])
    sound = checks.sound(site.database, Ledger())
    return {
        "tokens": tokens,
        "redemptions": tokens * tries,
        "won": tokens,
        "refused": refused,
        "refused as busy": busy,
        "other 5xx": 0,
        "replays refused": tried,
        "audited": sound["audited"],
    }


def _race(racers: Sequence[Racer], ready: Ready) -> Iterator[Mapping[str, Any]]:
    for one in racers:
        one.tell(json.dumps(asdict(ready)))
    for one in racers:
        assert one.hear() == "prepared\n"
    for one in racers:
        one.tell("go")
    for one in racers:
        yield json.loads(one.hear())


async def revoked_everywhere(site: Site, directory: Path, *, certificates: int) -> dict[str, int | float]:
    """A certificate that was revoked on one server is refused by every other in the very next request: over a
    connection that was open before, and over a new one.
    """
    administrator, key = site.administrator, make_key()
    here, elsewhere = site.connections(1)[0], site.servers[-1]
    application = await site.application(here)
    refused = 0
    for _ in range(certificates):
        ready = await administrator.ready(here, application)
        got = clients.received(await clients.sign(here, ready, key))
        context = wire.trust(site.first.root, got.write(directory / "revoked.pem", key))
        kept, fresh = (Connection(elsewhere.urls["mtls"], context) for _ in range(2))
        assert (await kept.post(clients.CONNECTOR, clients.POLL)).result
        revoked = await administrator.call(here, clients.REVOKE, serial=got.serial)
        assert revoked.result["serial"] == got.serial
        for connection in (kept, fresh):
            answer = await connection.post(clients.CONNECTOR, clients.POLL)
            assert answer.code == "certificate_revoked", answer
            refused += 1
        wire.close_all([kept, fresh])
    here.close()
    return {"revoked": certificates, "refused at the next request": refused, "let in": 0}


def run(scenario: Any) -> dict[str, int | float]:
    """Run one in an event loop of its own."""
    return dict(asyncio.run(scenario))
