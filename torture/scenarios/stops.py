"""Stopped in good order, and started in bad (R21, R22)."""

import asyncio
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.support.ports import free_port
from tests.support.server import Server

from torture import checks, clients, wire
from torture.faults import Clock
from torture.ledger import Ledger
from torture.scenarios.kills import Load, restart
from torture.sites import Site, until_ready
from torture.wire import Connection, Lost

EXIT_SECONDS = 10.0
REFUSED_SECONDS = 20.0


async def stop_under_load(site: Site, directory: Path, *, stops: int, seed: int = 4) -> dict[str, int | float]:
    """At SIGTERM under load every request that was taken in is answered: what is recorded was received, all of it; the
    exit is clean and in time.
    """
    ledger, moments, slowest = Ledger(), random.Random(seed), 0.0  # noqa: S311
    for _ in range(stops):
        load = Load(site, ledger, directory)
        running = asyncio.create_task(load.run())
        wanted = len(ledger.received) + 5
        while len(ledger.received) < wanted:  # noqa: ASYNC110 - filled by many tasks
            await asyncio.sleep(0.005)
        await asyncio.sleep(moments.uniform(0, 0.3))
        started = time.monotonic()
        status = await asyncio.to_thread(site.first.stop)
        slowest = max(slowest, time.monotonic() - started)
        load.stopped = True
        await running
        assert status == 0, status
        await restart(site.first)
        stored = checks.stored(site.database, ledger)
        assert stored == len(ledger.received), f"{stored} certificates are stored, {len(ledger.received)} were received"
        # So whatever got no answer met a closed socket, and was never begun.
        connections = site.connections(4)
        spent = await checks.settled(connections, ledger)
        assert spent == 0, f"{spent} tokens were spent without an answer"
        wire.close_all(connections)
    assert slowest <= EXIT_SECONDS, f"to stop took {slowest:.1f} s"
    return {
        "stops": stops,
        **checks.sound(site.database, ledger),
        "in flight and failed": 0,
        "slowest exit, s": round(slowest, 1),
    }


HAPROXY = """
global
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    retries 3
    option redispatch
frontend public
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /readyz
{servers}
"""


@contextmanager
def balanced(site: Site, directory: Path) -> Iterator[str]:
    """A load balancer before the servers' public listeners; its URL."""
    port = free_port()
    servers = "\n".join(
        f"    server replica{number} 127.0.0.1:{_port(server, 'public')} check inter 200ms fall 1 rise 1 "
        f"port {_port(server, 'internal')}"
        for number, server in enumerate(site.servers)
    )
    (directory / "haproxy.cfg").write_text(HAPROXY.format(port=port, servers=servers))
    with subprocess.Popen(["haproxy", "-db", "-f", str(directory / "haproxy.cfg")], stderr=subprocess.PIPE) as haproxy:
        try:
            _until_listening(port)
            yield f"https://localhost:{port}"
        finally:
            haproxy.terminate()


def _until_listening(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


def _port(server: Server, listener: str) -> str:
    return server.urls[listener].rpartition(":")[2]


async def rolling_restart(
    site: Site, directory: Path, *, restarts: int, clients_at_once: int = 6
) -> dict[str, int | float]:
    """While one server after the other is restarted behind a load balancer, no client meets an error."""
    ledger, stopped, asked = Ledger(), False, 0
    context = wire.trust(site.first.root)
    administrator = site.administrator
    with balanced(site, directory) as url:

        async def onboard() -> None:
            nonlocal asked
            while not stopped:
                # Each request over a connection of its own, as short-lived clients do.
                connections = [Connection(url, context) for _ in range(4)]
                application = await site.application(connections[0])
                token = await administrator.mint(connections[1], application)
                ready = await clients.configure(connections[2], token)
                outcome = await ledger.redeem(connections[3], ready)
                assert outcome == "issued", outcome
                asked += len(connections)
                wire.close_all(connections)
                await asyncio.sleep(0.05)

        async def restart_each() -> None:
            nonlocal stopped
            await asyncio.sleep(1)
            try:
                for number in range(restarts):
                    server = site.servers[number % len(site.servers)]
                    assert await asyncio.to_thread(server.stop) == 0
                    await asyncio.to_thread(server.start)
                    await until_ready(server)
                    await asyncio.sleep(1)  # the balancer's checks
            finally:
                stopped = True

        await asyncio.gather(restart_each(), *(onboard() for _ in range(clients_at_once)))
    return {"restarts": restarts, "requests": asked, "errors": 0, **checks.sound(site.database, ledger)}


def bad_starts(site: Site, directory: Path) -> Mapping[str, tuple[Callable[[], AbstractContextManager[None]], str]]:
    """How a start can be bad, in what that lasts, and what is said then."""
    server = site.first
    key, database = server.data / "ca" / "issuing.key", server.data / "connector.db"

    @contextmanager
    def readable_by_others() -> Iterator[None]:
        key.chmod(0o644)
        yield
        key.chmod(0o600)

    @contextmanager
    def instead(path: Path, octets: bytes | None) -> Iterator[None]:
        aside = path.rename(directory / path.name)
        if octets is not None:
            path.write_bytes(octets)
            path.chmod(0o600)
        yield
        path.unlink(missing_ok=True)
        aside.rename(path)

    @contextmanager
    def far_back() -> Iterator[None]:
        clock, former = Clock(directory / "clock"), server.settings
        clock.set(-int(10 * 365.25 * 86400))
        server.settings = {**former, **clock.settings()}
        yield
        server.settings = former

    return {
        "the key is readable by others": (readable_by_others, "issuing.key"),
        "the key is no key": (partial(instead, key, b"-----BEGIN NONSENSE-----\n"), "issuing.key"),
        "the key is gone": (partial(instead, key, None), "issuing.key"),
        "the clock is before 2020": (far_back, "clock"),
        "the database is no database": (partial(instead, database, b"no database" * 1000), "database"),
    }


async def refused_starts(site: Site, directory: Path) -> dict[str, int | float]:
    """A start that cannot be good is refused in a sentence that names what is wrong, and nothing is served; when that
    is put right, it is a start like any other.
    """
    assert await asyncio.to_thread(site.first.stop) == 0
    starts = bad_starts(site, directory)
    for bad, told in starts.values():
        with bad():
            await refused(site, told)
    await restart(site.first)
    return {"bad starts refused": len(starts), "served": 0}


async def refused(site: Site, *told: str) -> None:
    """A start says all of this, in whatever case, and serves nothing."""
    server = site.first
    (server.data / "addresses.json").unlink(missing_ok=True)
    try:
        done = await asyncio.to_thread(_serve, server)
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(f"it served, where it should have said: {', '.join(told)}") from expired
    assert done.returncode not in {0, None}, done
    assert all(each.lower() in done.stderr.lower() for each in told), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert not (server.data / "addresses.json").exists(), "it served"


def _serve(server: Server) -> "subprocess.CompletedProcess[str]":
    return server.command("serve", *(f"--{name}=localhost:0" for name in server.urls), check=False)


async def started_before_its_database(
    site: Site, take_away: Callable[[], None], bring_back: Callable[[], None]
) -> dict[str, int | float]:
    """Started while its database is down, a server never serves: it says why, and works once the database is there."""
    assert await asyncio.to_thread(site.first.stop) == 0
    take_away()
    await refused(site, "database")
    bring_back()
    await restart(site.first)
    (connection,) = site.connections(1)
    with suppress(Lost):
        assert (await connection.get("/healthz")).status == 200
    connection.close()
    return {"refused": 1, "served meanwhile": 0}
