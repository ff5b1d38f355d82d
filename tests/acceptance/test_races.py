"""Races and failing disks that `make torture` knows nothing of; what it knows is in `torture/`."""

import asyncio
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2
import pysqlite3
from tests.support.server import Server
from torture import wire
from torture.clients import Ready
from torture.faults import small_disk
from torture.ledger import Ledger
from torture.scenarios.databases import prepared
from torture.sites import Site, Sqlite

PROCESSES = 4


def of(server: Server) -> Site:
    """The server as a site."""
    return Site(Sqlite(server.data / "connector.db"), [server])


async def redeemed(site: Site, ledger: Ledger, tokens: list[Ready]) -> list[str]:
    """What comes of redeeming these tokens, one after the other."""
    (connection,) = site.connections(1)
    outcomes = [await ledger.redeem(connection, ready) for ready in tokens]
    wire.close_all([connection])
    return outcomes


def readiness(server: Server) -> tuple[int, str]:
    # It may take five seconds to give up on the database.
    answer = httpx2.get(f"{server.urls['internal']}/readyz", timeout=20)
    content = answer.json()
    return answer.status_code, content["errors"][0]["extensions"]["error"] if "errors" in content else content["status"]


def until(server: Server, expected: tuple[int, str]) -> None:
    """Wait until the server says so about itself; an answer is kept for a second."""
    deadline = time.monotonic() + 15
    while readiness(server) != expected:
        assert time.monotonic() < deadline, readiness(server)
        time.sleep(0.2)


def test_one_token_one_configuration(server: Server) -> None:
    """Of many concurrent configurations with one token one gets the next token."""
    database = of(server).database
    application = server.application("one-configuration")
    token = server.token(application)
    before = len(database.rows("SELECT 1 FROM audit_events WHERE action = 'token.spent'"))
    script = (
        "import sys; from connector.client import *\n"
        "url, token, root = sys.argv[1:]\n"
        "for _ in range(10):\n"
        "    with Client(root=root.encode(), token=token) as client:\n"
        "        try: client.configuration(url); print('won')\n"
        "        except Refused as refusal: print(refusal.code)\n"
    )
    command = [sys.executable, "-c", script, server.public_connector, token, server.root.decode()]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    told = Counter(line for process in processes for line in process.communicate()[0].splitlines())

    assert told == {"won": 1, "token_spent": PROCESSES * 10 - 1}
    assert len(database.rows("SELECT 1 FROM audit_events WHERE action = 'token.spent'")) == before + 1


def test_files_that_may_not_grow(fresh_server: Server) -> None:
    """Where no file may grow (RLIMIT_FSIZE) there is a clear refusal and nothing is lost; later the server heals."""
    server = fresh_server.start()
    assert server.process is not None
    site, ledger = of(server), Ledger()
    tokens = asyncio.run(prepared(site, 1))
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    # From here on every write beyond the first octets of a file fails.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16, unlimited[1]))
    until(server, (503, "storage_unavailable"))
    assert asyncio.run(redeemed(site, ledger, tokens)) == ["storage_unavailable"]

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    until(server, (200, "ready"))
    assert asyncio.run(redeemed(site, ledger, tokens)) == ["issued"]
    site.database.intact()


def test_database_held_by_another(fresh_server: Server) -> None:
    """While another process holds the database there is a clear refusal, and afterwards the token is still good."""
    server = fresh_server.start()
    site, ledger = of(server), Ledger()
    tokens = asyncio.run(prepared(site, 1))
    holder = pysqlite3.connect(server.data / "connector.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert asyncio.run(redeemed(site, ledger, tokens)) == ["storage_unavailable"]
    assert readiness(server) == (503, "storage_unavailable")

    holder.execute("ROLLBACK")
    holder.close()
    until(server, (200, "ready"))
    assert asyncio.run(redeemed(site, ledger, tokens)) == ["issued"]


def test_read_only_directory(tmp_path: Path) -> None:
    """On a disk that is read-only the server does not start, and says which file it could not use."""
    with small_disk(tmp_path / "disk") as disk:
        with Server(disk / "data") as server:
            server.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = server.command("serve", check=False)

        assert done.returncode == 2
        assert str(disk / "data") in done.stderr
        assert "Traceback" not in done.stderr
