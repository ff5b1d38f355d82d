"""A viewer who reads as much as one request can ask for (R28)."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from connector.client import make_key
from torture import clients, wire
from torture.scenarios.loads import MEBIBYTE, beside, processes_of, resident
from torture.sites import Site
from torture.wire import Connection, trust

MAKERS = 16
HOLDERS = 4
PAUSE_SECONDS = 0.02
"""Between two requests of a holder."""
SAMPLE_SECONDS = 0.05


async def dear_queries(
    site: Site,
    directory: Path,
    *,
    applications: int,
    auths: int,
    at_once: int,
    lasting: float,
    within: float = math.inf,
    grown: float = math.inf,
) -> dict[str, int | float]:
    """While a viewer of one tenant sends the dearest query that is answered, so many at once for so many seconds,
    holders of certificates get 99 of 100 answers within so many seconds, and no server's memory grows by more MiB.

    The tenant has so many applications, each with so many system auths and their tokens.
    """
    opened = site.connections(MAKERS)
    await _furnish(site, opened, applications, auths)
    holders = [await _holder(site, opened[0], directory, number) for number in range(HOLDERS)]
    key = await site.administrator.viewer(opened[0], "reader")
    wire.close_all(opened)
    alone = await _served(holders, lasting / 4)
    memory = _Memory(site)
    crowd = beside(site, "read", at_once, key=key)
    watching = asyncio.create_task(memory.watch())
    try:
        served = await _served(holders, lasting)
    finally:
        told = Counter[str](json.loads((await asyncio.to_thread(crowd.communicate, ""))[0]))
        watching.cancel()
    wire.close_all(holders)
    read = {what: count for what, count in told.items() if what.startswith("200")}
    assert read, f"nothing was read: {told}"
    assert not told["lost"], f"{told['lost']} requests of the reader got no answer"
    p99 = served[len(served) * 99 // 100]
    assert p99 <= within, f"p99 {p99:.3f} s, memory grown by {memory.grown:.0f} MiB: {dict(told)}"
    assert memory.grown <= grown, f"memory grown by {memory.grown:.0f} MiB: {dict(told)}"
    return {
        "queries at once": at_once,
        "read, pages of 200": sum(int(what.split()[2]) * count for what, count in read.items()),
        "refused as too dear": sum(count for what, count in told.items() if what.startswith("422")),
        "refused until later": sum(count for what, count in told.items() if what.startswith(("429", "503"))),
        "requests of holders": len(served),
        "p99 without the reader, ms": round(alone[len(alone) * 99 // 100] * 1000),
        "p99 beside the reader, ms": round(p99 * 1000),
        "memory of a server grown at most, MiB": round(memory.grown),
    }


class _Memory:
    """What each server takes of it with all its processes, and by how much more that was at most."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._before = self._now()
        self._grown = 0

    @property
    def grown(self) -> float:
        """The most that one server's has grown, in MiB."""
        return self._grown / MEBIBYTE

    async def watch(self) -> None:
        """Look at it again and again."""
        while True:
            grown = (now - before for now, before in zip(self._now(), self._before, strict=True))
            self._grown = max(self._grown, *grown)
            await asyncio.sleep(SAMPLE_SECONDS)

    def _now(self) -> list[int]:
        return [sum(resident(pid) for pid in processes_of(server)) for server in self._site.servers]


async def _furnish(site: Site, opened: Sequence[Connection], applications: int, auths: int) -> None:
    administrator = site.administrator
    made = [await site.application(opened[0]) for _ in range(applications)]

    async def one(connection: Connection, application: str) -> None:
        await administrator.mint(connection, application)

    await wire.spread((application for application in made for _ in range(auths)), opened, one)


async def _holder(site: Site, connection: Connection, directory: Path, number: int) -> Connection:
    """A connection over mutual TLS of an application that has enrolled."""
    administrator, key = site.administrator, make_key()
    ready = await administrator.ready(connection, await site.application(connection))
    identity = clients.received(await clients.sign(connection, ready, key)).write(directory / f"{number}.pem", key)
    return Connection(site.servers[number % len(site.servers)].urls["mtls"], trust(site.first.root, identity))


async def _served(holders: Sequence[Connection], lasting: float) -> list[float]:
    """The seconds that each answer took which holders asked for in that time."""
    seconds, until = list[float](), time.monotonic() + lasting

    async def ask(holder: Connection) -> None:
        await holder.open()
        while (started := time.monotonic()) < until:
            assert (await holder.post(clients.CONNECTOR, clients.POLL)).result
            seconds.append(time.monotonic() - started)
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*map(ask, holders))
    return sorted(seconds)
