"""Normal load for minutes, while each kind of flood takes its turn (R29)."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connector.client import make_key
from torture import wire
from torture.scenarios import holders
from torture.scenarios.loads import MEBIBYTE, beside, onboard, processes, resident
from torture.sites import Site

ROUND = 20
"""Onboardings that are measured together; between two rounds the clients rest, so that the load is a normal one."""
REST_SECONDS = 0.5
SETTLE_SECONDS = 30.0
KEPT_MIB = 50
"""So much more memory than before a process may keep."""

Flood = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large each flood is: connections, and for the holder certificates that he renews with."""

    strangers: int = 8
    held: int = 2000
    uploads: int = 50
    holders: int = 4
    readers: int = 8


async def besieged(
    site: Site,
    directory: Path,
    *,
    lasting: float,
    sizes: Sizes | None = None,
    within: float = math.inf,
    kept: int = KEPT_MIB,
) -> dict[str, int | float]:
    """Systems are onboarded for so many seconds, and each kind of flood has its share of the time: new documents of
    strangers, bodies that nobody reads, long bodies, a holder and a viewer who do as much as they can. No onboarding
    fails, 99 of 100 take no longer than ``within`` in each flood, and afterwards no process has more than ``kept`` MiB
    more than before.
    """
    sizes = sizes or Sizes()
    await onboard(site, ROUND, mutual=directory)
    before = {pid: resident(pid) for pid in processes(site)}
    floods = await _floods(site, directory, sizes)
    seconds = {kind: list[float]() for kind in floods}
    for kind, flood in floods.items():
        until = time.monotonic() + lasting / len(floods)
        async with flood():
            while time.monotonic() < until or not seconds[kind]:
                seconds[kind] += await onboard(site, ROUND, mutual=directory)
                await asyncio.sleep(REST_SECONDS)
    await asyncio.sleep(SETTLE_SECONDS if lasting > SETTLE_SECONDS else 1.0)
    grown = max(resident(pid) - then for pid, then in before.items()) / MEBIBYTE
    slowest = {kind: _p99(each) for kind, each in seconds.items()}
    found = {
        "seconds": round(lasting),
        "onboardings": sum(map(len, seconds.values())),
        "errors": 0,
        **{f"p99 beside {kind}, ms": round(each * 1000) for kind, each in slowest.items()},
        "memory of a process grown at most, MiB": round(grown),
    }
    assert max(slowest.values()) <= within, found
    assert grown <= kept, found
    return found


async def _floods(site: Site, directory: Path, sizes: Sizes) -> Mapping[str, Flood]:
    (connection,) = site.connections(1)
    viewer = await site.administrator.viewer(connection, "besieger")
    connection.close()
    key = make_key()
    his, subject = await holders.enrolled(site, directory / "besieger.pem", key)
    asks = holders.asks(subject, key)

    @asynccontextmanager
    async def crowd(what: str, *arguments: object, **more: str) -> AsyncIterator[None]:
        """A crowd that goes on until its input ends."""
        process = beside(site, what, *arguments, **more)
        try:
            yield
        finally:
            await asyncio.to_thread(process.communicate, "")

    @asynccontextmanager
    async def uploads() -> AsyncIterator[None]:
        """Crowds that send their bodies once, one after another."""
        ending = asyncio.Event()

        async def again() -> None:
            while not ending.is_set():
                await asyncio.to_thread(beside(site, "upload", sizes.uploads, "announced").communicate)

        sending = asyncio.create_task(again())
        yield
        ending.set()
        await sending

    @asynccontextmanager
    async def holder() -> AsyncIterator[None]:
        opened = site.connections(sizes.holders, "mtls", his)
        task = asyncio.create_task(holders.flood(opened, asks, math.inf, Counter()))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        wire.close_all(opened)

    return {
        "strangers' documents": lambda: crowd("documents", sizes.strangers),
        "bodies nobody reads": lambda: crowd("hold", sizes.held, "announced"),
        "long bodies": uploads,
        "a holder": holder,
        "a viewer": lambda: crowd("read", sizes.readers, key=viewer),
    }


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]
