"""PostgreSQL goes away, in every manner (R7)."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from torture import checks, wire
from torture.clients import Ready
from torture.ledger import Ledger
from torture.proxy import Harm, Proxy
from torture.sites import Postgresql, Site, until_ready
from torture.wire import Connection

# What a caller is told within: the store's five seconds, and what else a request takes on a machine that is busy.
ANSWER_SECONDS = 6.5
RECOVERY_SECONDS = 10.0


@dataclass(slots=True)
class Traffic:
    """Systems that sign with prepared tokens, while the database comes and goes."""

    site: Site
    ledger: Ledger
    tokens: list[Ready]
    slowest: float = 0.0
    refused: int = 0
    stopped: bool = False
    connections: list[Connection] = field(default_factory=list)

    async def run(self, connections: int = 8) -> None:
        """Until the tokens are used up, or it is stopped."""
        self.stopped = False
        self.connections = self.site.connections(connections)
        await asyncio.gather(*(self._sign(connection) for connection in self.connections))
        wire.close_all(self.connections)

    async def _sign(self, connection: Connection) -> None:
        while self.tokens and not self.stopped:
            started = time.monotonic()
            outcome = await self.ledger.redeem(connection, self.tokens.pop())
            self.slowest = max(self.slowest, time.monotonic() - started)
            if outcome.startswith("storage_"):
                self.refused += 1
                await asyncio.sleep(0.05)


async def prepared(site: Site, count: int) -> list[Ready]:
    """So many tokens that are good for a signature."""
    connections, tokens = site.connections(8), list[Ready]()
    application = await site.application(connections[0])

    async def prepare(connection: Connection, _: int) -> None:
        tokens.append(await site.administrator.ready(connection, application))

    await wire.spread(range(count), connections, prepare)
    wire.close_all(connections)
    return tokens


async def gone(
    site: Site, harm: Callable[[], Awaitable[None]], *, tokens: int, times: int = 1
) -> dict[str, int | float]:
    """While the database is gone every request is answered in time, and none with a success that is not committed;
    when it is back, so are the servers, without a restart; nothing is lost, and nothing done twice.
    """
    ledger, slowest, back, refused, found_spent = Ledger(), 0.0, 0.0, 0, 0
    for _ in range(times):
        traffic = Traffic(site, ledger, await prepared(site, tokens))
        running = asyncio.create_task(traffic.run())
        await asyncio.sleep(0.2)
        await harm()
        returned = time.monotonic()
        for server in site.servers:
            await until_ready(server, RECOVERY_SECONDS)
        back = max(back, time.monotonic() - returned)
        traffic.stopped = True
        await running
        slowest, refused = max(slowest, traffic.slowest), refused + traffic.refused
        connections = site.connections(4)
        found_spent += await checks.settled(connections, ledger)
        wire.close_all(connections)
    assert slowest <= ANSWER_SECONDS, f"an answer took {slowest:.1f} s"
    assert ledger.outcomes["lost"] == 0, ledger.outcomes
    unexpected = ledger.outcomes.keys() - {"issued", "token_spent", "storage_unavailable"}
    assert not unexpected, ledger.outcomes
    counts = checks.sound(site.database, ledger)
    return {
        "times": times,
        "refused meanwhile": refused,
        **counts,
        "refused, yet recorded": found_spent,
        "slowest answer, s": round(slowest, 1),
        "ready again after, s": round(back, 1),
    }


async def frozen(site: Site, *, seconds: float, tokens: int) -> dict[str, int | float]:
    """The server is stopped by SIGSTOP: connections stay open, and nobody answers."""
    database = site.database
    assert isinstance(database, Postgresql)

    async def harm() -> None:
        database.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            database.thaw()

    return await gone(site, harm, tokens=tokens)


async def stopped(site: Site, *, times: int, tokens: int) -> dict[str, int | float]:
    """The server is stopped at once, as by a power cut, and started again after a second."""
    database = site.database
    assert isinstance(database, Postgresql)

    async def harm() -> None:
        await asyncio.to_thread(database.server.stop, signal.SIGQUIT)
        await asyncio.sleep(1)
        await asyncio.to_thread(database.server.start)

    return await gone(site, harm, tokens=tokens, times=times)


async def terminated(site: Site, *, times: int, tokens: int) -> dict[str, int | float]:
    """Every session is ended by an administrator, over and over."""
    database = site.database
    assert isinstance(database, Postgresql)
    ended = 0

    async def harm() -> None:
        nonlocal ended
        for _ in range(times):
            ended += await asyncio.to_thread(database.terminate)
            await asyncio.sleep(0.05)

    return {**await gone(site, harm, tokens=tokens), "sessions ended": ended}


async def cut_at_commit(site: Site, proxy: Proxy, *, times: int, tokens: int) -> dict[str, int | float]:
    """Connections are cut as COMMIT goes by: before it reaches the server, and after, its answer dropped."""
    before = proxy.harmed

    async def harm() -> None:
        for harm in Harm:
            for _ in range(times):
                proxy.arm(harm)
                with suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        while proxy.armed:  # noqa: ASYNC110 - it is another thread that disarms
                            await asyncio.sleep(0.002)
        proxy.disarm()

    return {**await gone(site, harm, tokens=tokens), "commits cut": proxy.harmed - before}
