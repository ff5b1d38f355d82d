"""From the first version's tables to this one's: killed in the middle, beside the old code, and not back (R9)."""

import asyncio
import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as driver  # type: ignore[import-untyped]
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from tests.support.server import COMMAND, Server, environment

from torture import checks
from torture.first_release import COLUMNS, REVISION, FirstRelease, insert
from torture.ledger import Ledger
from torture.scenarios.kills import Load
from torture.sites import Database, Postgresql, Site, Sqlite

# The new version issues so many meanwhile.
FEWEST = 20
# -D: what we start, and what is killed, is the program itself.
STRACE = ("strace", "-D", "-f", "-qq")
Rows = Mapping[str, Sequence[tuple[Any, ...]]]


def all_rows(database: Database) -> Rows:
    """What the first version knew, row by row."""
    return {
        table: [tuple(row) for row in database.rows(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")]  # noqa: S608
        for table, columns in COLUMNS.items()
    }


def version(database: Database) -> str:
    """The tables' version."""
    ((found,),) = database.rows("SELECT version_num FROM alembic_version")
    return str(found)


def make_old(database: Database) -> None:
    """Put the first version's tables into an empty database."""
    if isinstance(database, Sqlite):
        database.path.touch(mode=0o600)  # as the server makes it: one that others can read is refused
    url = f"sqlite+pysqlite:///{database.path}" if isinstance(database, Sqlite) else _sqlalchemy(database)
    engine = create_engine(url, **({"module": driver} if isinstance(database, Sqlite) else {}))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "connector.storage:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)
    engine.dispose()


def _sqlalchemy(database: Database) -> str:
    assert isinstance(database, Postgresql)
    return database.url.replace("postgresql://", "postgresql+psycopg://")


class Old:
    """A server of the first version, as far as the database sees it: a connection, and its statements."""

    def __init__(self, database: Database) -> None:
        self._sqlite = isinstance(database, Sqlite)
        if isinstance(database, Sqlite):
            self._connection = driver.connect(
                str(database.path), timeout=20, isolation_level=None, check_same_thread=False
            )
        else:
            assert isinstance(database, Postgresql)
            self._connection = psycopg.connect(database.url, autocommit=True)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def execute(self, statement: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run a statement; its rows."""
        if not self._sqlite:
            statement = re.sub(r":(\w+)", r"%(\1)s", statement)
        cursor = self._connection.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []

    def live(self, tenant: str, lives: int) -> None:
        """So many lives, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE" if self._sqlite else "BEGIN")
        for _ in range(lives):
            FirstRelease(tenant).live(self.execute)
        self._connection.execute("COMMIT")


def grow_old(site: Site, certificates: int) -> None:
    """Take a site back to the first version: its tables, the tenant and the key that were made, and so many lives."""
    database = site.database
    assert site.first.stop() == 0
    columns = ("tenants", "api_keys")
    made = {table: list(database.rows(f"SELECT {COLUMNS[table]} FROM {table}")) for table in columns}  # noqa: S608
    _empty(database)
    make_old(database)
    with closing(Old(database)) as old:
        for table, rows in made.items():
            for row in rows:
                old.execute(*insert(table, **dict(zip(COLUMNS[table].split(", "), row, strict=True))))
        tenant = made["tenants"][0][0]
        for start in range(0, certificates, 500):
            old.live(tenant, min(500, certificates - start))


def _empty(database: Database) -> None:
    if isinstance(database, Sqlite):
        for suffix in ("", "-wal", "-shm"):
            database.path.with_name(f"{database.path.name}{suffix}").unlink(missing_ok=True)
    else:
        database.change("DROP SCHEMA public CASCADE")
        database.change("CREATE SCHEMA public")


def _upgrade(server: Server, wrapper: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*wrapper, *COMMAND, "db", "upgrade", "--data-dir", str(server.data)],
        capture_output=True,
        text=True,
        env=environment(server.settings),
        check=False,
    )


async def killed_upgrade(
    site: Site, directory: Path, *, certificates: int, kills: int, seed: int = 5
) -> dict[str, int | float]:
    """Killed in the middle, an upgrade is done or not begun: every row is there, and the next try goes through."""
    grow_old(site, certificates)
    database, moments = site.database, random.Random(seed)  # noqa: S311
    assert isinstance(database, Sqlite)
    before, killed, done = all_rows(database), 0, 0
    kept = directory / "old.db"
    shutil.copy(database.path, kept)
    last = _writes(site, directory)
    for _ in range(kills):
        _put_back(database, kept)
        at = moments.randint(1, last * 3 // 4)  # how many writes there are varies a little
        inject = ["-P", str(database.path), "-P", f"{database.path}-wal", "-e", "trace=pwrite64,fsync,fdatasync"]
        inject += ["-o", "/dev/null", "-e", f"inject=pwrite64,fsync,fdatasync:signal=KILL:when={at}"]
        killed += (await asyncio.to_thread(_upgrade, site.first, [*STRACE, *inject])).returncode == -9
        assert all_rows(database) == before, f"rows differ after a kill at write {at}"
        done += version(database) != REVISION
        database.intact()
        assert _upgrade(site.first).returncode == 0
        assert all_rows(database) == before
        database.intact()
    assert killed == kills, f"{killed} of {kills} upgrades were killed"
    return {
        "kills": kills,
        "certificates": certificates,
        "rows": sum(map(len, before.values())),
        "lost": 0,
        "killed after the commit": done,
    }


def _put_back(database: Sqlite, kept: Path) -> None:
    _empty(database)
    shutil.copy(kept, database.path)


def _writes(site: Site, directory: Path) -> int:
    """How many writes an upgrade makes."""
    assert isinstance(site.database, Sqlite)
    trace, path = directory / "trace", site.database.path
    look = ["-P", str(path), "-P", f"{path}-wal", "-e", "trace=pwrite64,fsync,fdatasync", "-o", str(trace)]
    done = _upgrade(site.first, [*STRACE, *look])
    assert done.returncode == 0, done
    return len(re.findall(r"(?:pwrite64|sync)\(", trace.read_text()))


async def side_by_side(site: Site, directory: Path, *, certificates: int, lives: int) -> dict[str, int | float]:
    """On upgraded tables the first version's statements work as before, beside the new version's, and neither meets an
    error; a newer version's tables are refused in a sentence.
    """
    grow_old(site, certificates)
    database = site.database
    before = all_rows(database)
    site.first.start()
    assert version(database) != REVISION
    assert all_rows(database)["certificates"] == before["certificates"]
    tenant = before["tenants"][0][0]
    ledger = Ledger()
    load = Load(site, ledger, directory, connections=4)
    running = asyncio.create_task(load.run())
    with closing(Old(database)) as old:
        for _ in range(lives):
            await asyncio.to_thread(old.live, tenant, 1)
    while len(ledger.received) < FEWEST:
        assert not running.done(), ledger.outcomes
        await asyncio.sleep(0.02)
    load.stopped = True
    await running
    assert ledger.outcomes.keys() == {"issued"}, ledger.outcomes
    counts = checks.sound(database, ledger)
    assert counts["stored"] == certificates + lives + len(ledger.received)
    assert site.first.stop() == 0
    _refuse_newer(site)
    return {
        "rows before": sum(map(len, before.values())),
        "lives by the old statements": lives,
        "errors": 0,
        **counts,
        "newer tables refused": 1,
    }


def _refuse_newer(site: Site) -> None:
    """An older program on newer tables says so, and touches nothing."""
    site.database.change("UPDATE alembic_version SET version_num = '9999'")
    done = site.first.command("serve", check=False)
    assert done.returncode != 0
    assert "made by a newer version of Connector" in done.stderr.replace("\n", " "), done.stderr
    assert version(site.database) == "9999"
