"""Load: sustained, ten times too much, and normal beside a crowd of peers that stall (R17 to R20)."""

import asyncio
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.support.cluster import family
from tests.support.server import Server

from connector.client import make_key
from torture import clients, wire
from torture.sites import Site
from torture.wire import Connection, Lost

REPOSITORY = Path(__file__).parents[2]
MEBIBYTE = 1 << 20
SETTLE_SECONDS = 1.5
PARTS = 5  # of a run; in the first of them caches fill
RECOVERY_SECONDS = 5.0


async def onboard(site: Site, count: int, connections: int = 8, *, mutual: Path | None = None) -> list[float]:
    """So many systems from a token to a certificate, and to a first call with it where there is a directory for it; the
    seconds that each took. Nothing may fail.
    """
    administrator, key, seconds = site.administrator, make_key(), list[float]()
    opened = site.connections(connections)
    # An application has a thousand system auths at most.
    applications = [await site.application(opened[0]) for _ in range(count // 500 + 1)]

    async def one(connection: Connection, number: int) -> None:
        started = time.monotonic()
        ready = await administrator.ready(connection, applications[number % len(applications)])
        got = clients.received(await clients.sign(connection, ready, key))
        if mutual is not None:
            server = site.servers[number % len(site.servers)]
            path = got.write(mutual / f"{connection.url.rpartition(':')[2]}-{id(connection)}.pem", key)
            held = Connection(server.urls["mtls"], wire.trust(site.first.root, path))
            assert (await held.post(clients.CONNECTOR, clients.POLL)).result
            held.close()
        seconds.append(time.monotonic() - started)

    await wire.spread(range(count), opened, one)
    wire.close_all(opened)
    return sorted(seconds)


async def sustained(
    site: Site, directory: Path, *, lasting: float, block: int, least: float = 0.0, within: float = math.inf
) -> dict[str, int | float | str]:
    """Onboarding after onboarding without an error, for so many seconds, at least so many a second, 99 of 100 within so
    many seconds; neither memory nor open files grow: RSS by at most 20 MiB after the first fifth.
    """
    memory, files, seconds = list[int](), list[int](), list[float]()
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < lasting or len(memory) < 2 * PARTS:
        seconds += await onboard(site, block, mutual=directory)
        await asyncio.sleep(SETTLE_SECONDS)
        memory.append(sum(resident(pid) for pid in processes(site)))
        files.append(sum(_open_files(pid) for pid in processes(site)))
    early = len(memory) // PARTS
    grown = (memory[-1] - memory[early]) / MEBIBYTE
    assert grown <= 20, f"the memory grew by {grown:.0f} MiB"
    assert files[-1] <= files[early] + 2, f"open files: {files}"
    rate = len(seconds) / (elapsed - SETTLE_SECONDS * len(memory))
    seconds.sort()
    p99 = seconds[len(seconds) * 99 // 100]
    assert rate >= least, f"{rate:.0f} a second"
    assert p99 <= within, f"p99 {p99:.3f} s"
    return {
        "seconds": round(elapsed),
        "onboardings": len(seconds),
        "errors": 0,
        "a second": round(rate),
        "p99, ms": round(p99 * 1000),
        "memory grown, MiB": round(grown, 1),
        "open files, first and last": f"{files[early]}, {files[-1]}",
    }


def processes(site: Site) -> list[int]:
    """The processes of its servers."""
    return [pid for server in site.servers for pid in processes_of(server)]


def processes_of(server: Server) -> list[int]:
    """The processes of one server."""
    return [] if server.process is None else family(server.process.pid)


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """The octets of a process's memory that are in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def overloaded(
    site: Site,
    *,
    normal: int,
    connections: int,
    rate: float,
    lasting: float,
    processes: int = 2,
    within: float = math.inf,
) -> dict[str, int | float]:
    """Under far more requests a second than can be answered, for so many seconds, what is refused is refused with 429
    or 503 and nothing else; health is answered, 99 of 100 times within so many seconds; and afterwards all is as before
    within five.
    """
    before = await _rate(site, normal)
    flood = [beside(site, "flood", connections // processes, rate / processes, lasting) for _ in range(processes)]
    health, failures = list[float](), 0
    connection = Connection(site.first.urls["internal"], seconds=10)
    while any(process.poll() is None for process in flood):
        started = time.monotonic()
        try:
            assert (await connection.get("/healthz")).status == 200
        except Lost:
            failures += 1
        health.append(time.monotonic() - started)
        await asyncio.sleep(0.05)
    connection.close()
    statuses = Counter[str]()
    for process in flood:
        statuses.update(json.loads(process.communicate()[0]))
    ended = time.monotonic()
    after = await _rate(site, normal // 4)
    while after < before / 2 and time.monotonic() - ended < RECOVERY_SECONDS:
        after = await _rate(site, normal // 4)
    assert after >= before / 2, f"{before:.0f} onboardings a second before, {after:.0f} after"
    assert failures == 0, f"{failures} questions for health without an answer"
    assert statuses.keys() <= {"200", "429", "503", "not sent"}, statuses
    health.sort()
    p99 = health[len(health) * 99 // 100]
    assert p99 <= within, f"health p99 {p99:.3f} s"
    return {
        "requests due": statuses.total(),
        "no connection free": statuses.pop("not sent", 0),
        **{f"answered {status}": count for status, count in sorted(statuses.items())},
        "health asked": len(health),
        "health p99, ms": round(p99 * 1000),
        "a second before": round(before),
        "a second after": round(after),
    }


async def _rate(site: Site, count: int) -> float:
    started = time.monotonic()
    await onboard(site, count)
    return count / (time.monotonic() - started)


def beside(site: Site, what: str, *arguments: object, **more: str) -> "subprocess.Popen[str]":
    """A process of :mod:`torture.crowd` that does this; ``more`` is what else it has to know."""
    task = {
        "root": site.first.root.decode(),
        "urls": {name: [server.urls[name] for server in site.servers] for name in ("public", "mtls")},
        "key": site.administrator.key,
        **more,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "torture.crowd", what, *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{json.dumps(task)}\n")
    process.stdin.flush()
    return process


async def stalled(
    site: Site,
    *,
    peers: int,
    onboardings: int,
    rounds: int,
    within: Mapping[str, float],
    seconds: float,
    entrance: float = math.inf,
) -> dict[str, int | float]:
    """Beside a crowd of peers that stall in these ways, normal clients are served without an error, a new one gets in
    within so many seconds, and whoever stalls is cut in time: within so many seconds, by the way of it.
    """
    alone, crowded, slowest = 0.0, 0.0, 0.0
    held = dict[str, list[float]]()
    for _ in range(rounds):
        alone += await _rate(site, onboardings)
        crowd = beside(site, "stall", peers, *within)
        assert crowd.stdout is not None
        assert crowd.stdin is not None
        assert await asyncio.to_thread(crowd.stdout.readline) == "stalling\n"
        began = time.monotonic()
        crowded += await _rate(site, onboardings)
        slowest = max([slowest, *[await _entrance(site) for _ in range(10)]])
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
        crowd.stdin.close()
        for kind, times in json.loads(await asyncio.to_thread(crowd.stdout.read)).items():
            held.setdefault(kind, []).extend(times)
        crowd.stdout.close()
        crowd.wait(30)
    late = {kind: max(times) for kind, times in held.items() if max(times) > within[kind]}
    assert not late, f"cut too late: {late}"
    assert held.keys() == within.keys(), f"never cut: {within.keys() - held.keys()}"
    assert slowest <= entrance, f"a new connection took {slowest:.3f} s"
    return {
        "peers that stall": peers,
        "cut": sum(map(len, held.values())),
        **{f"{kind} held at most, s": round(max(times), 1) for kind, times in held.items()},
        "errors of others": 0,
        "slowest new connection, ms": round(slowest * 1000),
        "a second without them": round(alone / rounds),
        "a second beside them": round(crowded / rounds),
        "of the throughput": round(crowded / alone, 2),
    }


async def _entrance(site: Site) -> float:
    """The seconds from nothing to an answer over a new connection."""
    started = time.monotonic()
    (connection,) = site.connections(1)
    assert (await connection.get("/healthz")).status == 200
    connection.close()
    return time.monotonic() - started
