"""What strangers cost in memory: many connections, each with data that nobody reads, and long bodies (R25, R26, S3)."""

import asyncio
import json
import math
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.server import Server, children

from torture.scenarios.loads import beside
from torture.sites import Site
from torture.wire import Connection, Lost, close_all

MIB = 1024 * 1024
PAGE = 4096
SAMPLE_SECONDS = 0.1
FIRST = 16
# How long a crowd stays once all of it is there.
HOLD_SECONDS = 3.0
# How much more memory than before a flood each server may keep 30 seconds after it.
KEPT_MIB = 50


def resident(site: Site) -> float:
    """MiB that the servers' processes have in memory, all together."""
    return sum(_each(site))


def _each(site: Site) -> Sequence[float]:
    """MiB that each server has in memory with all its processes."""
    return [sum(map(_pages, _processes(server))) * PAGE / MIB for server in site.servers]


async def _kept(site: Site, before: Sequence[float], rest: float) -> float:
    """MiB that a server has more than before, at most, after so many seconds of rest."""
    await asyncio.sleep(rest)
    return max(now - then for now, then in zip(_each(site), before, strict=True))


def _processes(server: Server) -> Sequence[int]:
    assert server.process is not None
    return [server.process.pid, *children(server.process.pid)]


def _pages(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1])


class Peak:
    """The most memory that the servers had."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.most = resident(site)

    async def watch(self, holds: Callable[[], bool], seconds: float = math.inf) -> None:
        """Look again and again, for as long as it holds, and no longer than so many seconds."""
        end = time.monotonic() + seconds
        while holds() and time.monotonic() < end:
            self.most = max(self.most, resident(self.site))
            await asyncio.sleep(SAMPLE_SECONDS)


async def held(
    site: Site, *, peers: int, kinds: Sequence[str], times: float, rest: float, room: float = 0.0
) -> dict[str, int | float]:
    """So many connections with a request of each kind cost at most so many times what they cost when they say nothing,
    and ``room`` MiB; some seconds after the last of them the memory is given back.
    """
    for kind in kinds:  # what a server allocates once, with the first request of a kind, is no connection's cost
        await _cost(site, FIRST, kind, 0.0, 0.0)
    each = _each(site)
    before = sum(each)
    idle = await _cost(site, peers, "idle", HOLD_SECONDS, before)
    costs = {kind: await _cost(site, peers, kind, HOLD_SECONDS, before) for kind in kinds}
    worst = max(costs, key=lambda kind: costs[kind])
    kept = await _kept(site, each, rest)
    found = {
        "connections": peers,
        "before, MiB": round(before),
        "idle, MiB": round(idle),
        **{f"{kind}, MiB": round(cost) for kind, cost in costs.items()},
        f"kept {rest:.0f} s later, MiB": round(kept),
    }
    assert costs[worst] <= times * idle + room, f"{worst} costs more than {times} times idle: {found}"
    assert kept <= KEPT_MIB, f"not given back: {found}"
    return found


async def crowded(
    site: Site, *, peers: int, allowed: int, times: float, rest: float, kind: str = "announced", room: float = 0.0
) -> dict[str, int | float]:
    """So many connections, each with a body that nobody reads, cost no more than so many times what those cost that are
    allowed and say nothing, and ``room`` MiB; and the server is there for others afterwards.
    """
    each = _each(site)
    before = sum(each)
    within = await _cost(site, allowed, "idle", HOLD_SECONDS, before)
    cost = await _cost(site, peers, kind, HOLD_SECONDS, before, processes=2, all_open=False)
    kept = await _kept(site, each, rest)
    (connection,) = site.connections(1)
    assert (await connection.get("/healthz")).status == 200
    connection.close()
    found = {
        "connections": peers,
        f"{allowed} that say nothing, MiB": round(within),
        f"{peers} with a body, MiB": round(cost),
        f"kept {rest:.0f} s later, MiB": round(kept),
    }
    assert cost <= times * within + room, found
    assert kept <= KEPT_MIB, f"not given back: {found}"
    return found


async def _cost(
    site: Site, peers: int, kind: str, seconds: float, before: float, *, processes: int = 1, all_open: bool = True
) -> float:
    """MiB at the peak."""
    crowds = [beside(site, "hold", peers // processes, kind) for _ in range(processes)]
    peak = Peak(site)
    said = asyncio.gather(*(asyncio.to_thread(_read, crowd) for crowd in crowds))
    await peak.watch(lambda: not said.done())
    missing = sum(json.loads(line)["not opened"] for line in await said)
    assert not all_open or missing <= peers // 100, f"{missing} of {peers} connections, {kind}, could not be opened"
    await peak.watch(lambda: True, seconds)
    for crowd in crowds:
        await asyncio.to_thread(crowd.communicate)
    await asyncio.sleep(1)
    return peak.most - before


def _read(crowd: "subprocess.Popen[str]") -> str:
    assert crowd.stdout is not None
    return crowd.stdout.readline()


async def uploaded(site: Site, *, peers: int, kinds: Sequence[str], within: float) -> dict[str, int | float]:
    """So many bodies of 16 MB at once are refused, and cost no more MiB than that: as too large, or, where a token
    comes with them and more octets count, as too many at once.
    """
    before, peak = resident(site), Peak(site)
    statuses = Counter[str]()
    for kind in kinds:
        crowd = beside(site, "upload", peers, kind)
        await peak.watch(lambda crowd=crowd: crowd.poll() is None)  # type: ignore[misc]
        answered = json.loads(crowd.communicate()[0])
        assert answered.keys() <= ({"413", "503"} if "token" in kind else {"413"}), f"{kind}: {answered}"
        statuses.update(answered)
    cost = peak.most - before
    found = {"bodies": statuses.total(), "peak, MiB": round(cost), **{f"answered {k}": v for k, v in statuses.items()}}
    assert cost <= within, found
    return found


async def introduced(site: Site, *, known: int, strangers: int) -> dict[str, int | float]:
    """Of one address, any number of connections that showed a key may be open, and so many others."""
    held = list[Connection]()
    for connection in site.connections(known):
        await site.application(connection)
        held.append(connection)
    for connection in site.connections(strangers):
        assert (await connection.get("/healthz")).status == 200
        held.append(connection)
    (refused,) = site.connections(1)
    try:
        answer = await refused.get("/healthz")
    except Lost:
        answer = None
    close_all([*held, refused])
    assert answer is None, answer
    return {"known": known, "strangers": strangers, "refused": 1}
