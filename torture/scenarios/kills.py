"""Killed under load, at random and at every step (R3, R4)."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tests.support.server import Server

from connector.client import make_key
from torture import checks, clients, wire
from torture.faults import at_call
from torture.ledger import Ledger
from torture.proxy import Harm, Proxy
from torture.sites import Site, until_ready
from torture.wire import Connection, Lost

LINGER = 0.2
# It can have a thousand system auths.
OF_ONE_APPLICATION = 500


@dataclass(slots=True)
class Load:
    """Systems that are onboarded, one after another on each connection, and two that renew without end."""

    site: Site
    ledger: Ledger
    directory: Path
    connections: int = 12
    renewing: int = 2
    stopped: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Until nobody answers, or it is stopped."""
        self.stopped = False
        onboarding = self.site.connections(self.connections)
        identity, subject = await self._identity(onboarding[0])
        renewing = self.site.connections(self.renewing, "mtls", identity)
        await asyncio.gather(
            *(self._onboard(connection) for connection in onboarding),
            *(self._renew(connection, subject) for connection in renewing),
        )
        wire.close_all([*onboarding, *renewing])

    async def _identity(self, connection: Connection) -> tuple[str, str]:
        application = await self.site.application(connection)
        ready = await self.site.administrator.ready(connection, application)
        key = make_key()
        got = self.ledger.keep(await clients.sign(connection, ready, key))
        return got.write(self.directory / "renewing.pem", key), ready.subject

    async def _onboard(self, connection: Connection) -> None:
        with suppress(Lost):
            for number in count():
                if self.stopped:
                    return
                if number % OF_ONE_APPLICATION == 0:
                    application = await self.site.application(connection)
                ready = await self.site.administrator.ready(connection, application)
                await self.ledger.redeem(connection, ready)

    async def _renew(self, connection: Connection, subject: str) -> None:
        key = make_key()
        with suppress(Lost):
            while not self.stopped:
                self.ledger.keep(await clients.renew(connection, subject, key))


async def kill_under_load(
    site: Site, directory: Path, *, kills: int, ready_within: float, seed: int = 1
) -> dict[str, int | float]:
    """After each kill -9 under load: what clients received is stored, with one event each; no token or serial is used
    twice; and the server is ready again in time.
    """
    ledger, moments, slowest, found_spent = Ledger(), random.Random(seed), 0.0, 0  # noqa: S311
    clean = await clean_start(site)
    for number in range(kills):
        victim = site.servers[number % len(site.servers)]
        load = Load(site, ledger, directory)
        running = asyncio.create_task(load.run())
        await _after(ledger, 5, running)
        await asyncio.sleep(moments.uniform(0, 0.7))
        victim.kill()
        await asyncio.sleep(LINGER)
        load.stopped = True
        await running
        slowest = max(slowest, await restart(victim))
        assert slowest <= max(ready_within, 3 * clean), f"ready {slowest:.1f} s after a kill, {clean:.1f} s otherwise"
        connections = site.connections(4)
        checks.stored(site.database, ledger)
        found_spent += await checks.settled(connections, ledger)
        await checks.replayed(connections, ledger.spent[-10:])
        wire.close_all(connections)
    assert ledger.outcomes.keys() <= {"issued", "lost", "token_spent"}, ledger.outcomes
    connections = site.connections(16)
    replays = await checks.replayed(connections, ledger.spent)
    wire.close_all(connections)
    return {
        "kills": kills,
        **checks.sound(site.database, ledger),
        "answers lost": ledger.outcomes["lost"],
        "stored, not received": found_spent,
        "replays refused": replays,
        "start after a kill, s": round(slowest, 1),
        "after a stop, s": round(clean, 1),
    }


async def restart(server: Server) -> float:
    """Start a server that is down; the seconds until it is ready."""
    started = time.monotonic()
    server.start()
    await until_ready(server)
    return time.monotonic() - started


async def clean_start(site: Site) -> float:
    """How long a start takes that no kill came before: on a busy machine all starts take longer."""
    assert await asyncio.to_thread(site.first.stop) == 0
    return await restart(site.first)


async def _after(ledger: Ledger, received: int, running: "asyncio.Task[None]") -> None:
    """Wait until so many more certificates were received."""
    wanted = len(ledger.received) + received
    while len(ledger.received) < wanted:
        assert not running.done(), f"the load ended: {ledger.outcomes}"
        await asyncio.sleep(0.005)


STEPS = {
    "before the commit is written": ("pwrite64", True, 800),
    "before the commit is synced": ("fsync,fdatasync", True, 80),
    "before an answer is sent": ("write,writev,sendmsg,sendto", False, 500),
    "before a request is read": ("read,recvfrom,recvmsg", False, 500),
}
"""By name: the system calls at which the server is killed, whether those on the log alone, and up to which of them."""

Doom = Callable[[], AbstractContextManager[None]]
"""While in it, the server is sure to be killed."""


async def kill_at_each_step(
    site: Site, directory: Path, *, times: int, ready_within: float, seed: int = 2
) -> dict[str, int | float]:
    """Killed by the system call that a step begins with: nothing left the process that is not stored, and a token is
    spent if and only if its certificate is stored.
    """
    moments = random.Random(seed)  # noqa: S311
    log = site.first.data / "connector.db-wal"

    def doom(step: str) -> Doom:
        calls, on_log, most = STEPS[step]
        return lambda: at_call(
            site.first,
            directory / "trace",
            calls,
            what="signal=KILL",
            number=moments.randint(1, most),
            path=log if on_log else None,
        )

    return await _kill_at(site, {step: doom(step) for step in STEPS}, times, ready_within)


async def kill_at_commit(
    site: Site, proxy: Proxy, *, times: int, ready_within: float, seed: int = 3
) -> dict[str, int | float]:
    """Killed as COMMIT goes by, and as its answer comes back: what was received is stored, and both or neither of a
    token's spending and its certificate is.
    """
    moments = random.Random(seed)  # noqa: S311

    @contextmanager
    def armed(harm: Harm) -> Iterator[None]:
        proxy.arm(harm, at=moments.randint(1, 40), also=site.first.kill)
        yield
        proxy.disarm()

    return await _kill_at(site, {harm.value: partial(armed, harm) for harm in Harm}, times, ready_within)


async def _kill_at(site: Site, steps: Mapping[str, Doom], times: int, ready_within: float) -> dict[str, int | float]:
    ledger, slowest, found_spent, kills = Ledger(), 0.0, 0, 0
    clean = await clean_start(site)
    for step, doom in steps.items():
        for _ in range(times):
            with doom():
                await _until_dead(site, ledger)
            kills += 1
            slowest = max(slowest, await restart(site.first))
            assert slowest <= max(ready_within, 3 * clean), f"ready {slowest:.1f} s after a kill {step}"
            checks.stored(site.database, ledger)
            connections = site.connections(4)
            found_spent += await checks.settled(connections, ledger)
            wire.close_all(connections)
    assert ledger.outcomes.keys() <= {"issued", "lost", "token_spent"}, ledger.outcomes
    return {
        "kills": kills,
        **checks.sound(site.database, ledger),
        "answers lost": ledger.outcomes["lost"],
        "stored, not received": found_spent,
        "start after a kill, s": round(slowest, 1),
        "after a stop, s": round(clean, 1),
    }


async def _until_dead(site: Site, ledger: Ledger, most: int = 300) -> None:
    """Onboard until the server is killed."""
    connections = site.connections(6)

    async def onboard(connection: Connection) -> None:
        with suppress(Lost):
            application = await site.application(connection)
            for _ in range(most // len(connections)):
                await ledger.redeem(connection, await site.administrator.ready(connection, application))

    await asyncio.gather(*(onboard(connection) for connection in connections))
    wire.close_all(connections)
    process = site.first.process
    assert process is not None
    await asyncio.to_thread(process.wait, 10)
