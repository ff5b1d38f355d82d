"""An installation: one database, and the servers on it that clients see as one."""

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
import pysqlite3.dbapi2 as driver  # type: ignore[import-untyped]
from tests.support.cluster import freeze, terminate_sessions, thaw
from tests.support.postgres import Postgres
from tests.support.server import Server, environment

from torture.clients import Administrator
from torture.wire import Connection, Lost, trust

Rows = Sequence[tuple[Any, ...]]

READY_SECONDS = 30.0


class Database(Protocol):
    """Where the servers keep what they know, read past them."""

    name: str

    def settings(self) -> Mapping[str, str]:
        """What a server's environment says of it."""

    def rows(self, statement: str) -> Rows:
        """What it holds."""

    def change(self, statement: str) -> None:
        """Change what it holds, as nobody should but a test."""

    def intact(self) -> None:
        """Check the whole of it, as far as it can be checked."""


@dataclass(slots=True)
class Sqlite:
    """A file in the first server's data directory."""

    path: Path
    name: str = "SQLite"

    def settings(self) -> Mapping[str, str]:
        """Nothing: it is the default."""
        return {}

    def rows(self, statement: str) -> Rows:
        """What it holds."""
        connection = driver.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            return list(connection.execute(statement))
        finally:
            connection.close()

    def change(self, statement: str) -> None:
        """Change what it holds."""
        connection = driver.connect(str(self.path), timeout=10, isolation_level=None)
        try:
            connection.execute(statement)
        finally:
            connection.close()

    def intact(self) -> None:
        """SQLite's own check of every page, index and constraint."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        assert self.rows("PRAGMA foreign_key_check") == []


@dataclass(slots=True)
class Postgresql:
    """A database of a PostgreSQL server, which ``through`` may stand in front of."""

    server: Postgres
    url: str
    through: int | None = None
    name: str = "PostgreSQL"

    def settings(self) -> Mapping[str, str]:
        """Its URL, or that of the proxy."""
        url = self.url
        if self.through is not None:
            url = url.replace(f":{urlsplit(url).port}/", f":{self.through}/")
        return {"CONNECTOR_DATABASE__URL": url}

    def rows(self, statement: str) -> Rows:
        """What it holds."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def change(self, statement: str) -> None:
        """Change what it holds."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def intact(self) -> None:
        """Every table and index can be read to its end."""
        for (table,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            self.rows(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - the catalogue's own names

    def freeze(self) -> None:
        """Stop all its processes where they are."""
        assert self.server.process is not None
        freeze(self.server.process.pid)

    def thaw(self) -> None:
        """Let them go on."""
        assert self.server.process is not None
        thaw(self.server.process.pid)

    def terminate(self) -> int:
        """End every session of the servers."""
        return terminate_sessions(self.url)


@dataclass(slots=True)
class Site:
    """Servers on one database. The first has made the CA and the administrator's key; the others have copies."""

    database: Database
    servers: list[Server]
    made: int = field(default=0, init=False)

    @property
    def first(self) -> Server:
        """The server that administrators talk to."""
        return self.servers[0]

    @property
    def administrator(self) -> Administrator:
        """Whoever holds the first key."""
        return Administrator((self.first.data / "admin.key").read_text().strip())

    def start(self) -> None:
        """Start every server, each after the one before."""
        self.first.start()
        for server in self.servers[1:]:
            join(self.first, server)
            server.start()

    def connections(self, count: int, listener: str = "public", identity: str | None = None) -> list[Connection]:
        """Connections to a listener, spread evenly over the servers."""
        context = None if listener in {"pki", "internal"} else trust(self.first.root, identity)
        return [Connection(self.servers[number % len(self.servers)].urls[listener], context) for number in range(count)]

    async def application(self, connection: Connection) -> str:
        """A new application, of a name that nobody has."""
        self.made += 1
        return await self.administrator.register(connection, f"torture-{self.made}-{time.monotonic_ns()}")

    def close(self) -> None:
        """End what still runs."""
        for server in self.servers:
            server.__exit__()


def join(first: Server, other: Server) -> None:
    """Give a further server the CA and the administrator's key of the first."""
    if not (other.data / "ca").exists():
        other.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(first.data / "ca", other.data / "ca")
        shutil.copy(first.data / "admin.key", other.data / "admin.key")


@contextmanager
def sqlite_site(directory: Path, settings: Mapping[str, str] | None = None, **more: Any) -> Iterator[Site]:
    """One server on SQLite, running."""
    data = directory / "sqlite" / "data"
    data.mkdir(mode=0o700, parents=True)
    site = Site(Sqlite(data / "connector.db"), [Server(data, dict(settings or {}), **more)])
    with closing(site):
        yield site


@contextmanager
def postgresql_site(
    postgres: Postgres,
    directory: Path,
    *,
    replicas: int = 2,
    through: int | None = None,
    settings: Mapping[str, str] | None = None,
    apart: Sequence[Mapping[str, str]] = (),
    **more: Any,
) -> Iterator[Site]:
    """Some servers on a new database, running; ``apart`` are settings of the first of them, the second, and so on."""
    with postgres.database() as url:
        database = Postgresql(postgres, url, through)
        servers = []
        for number in range(replicas):
            own = apart[number] if number < len(apart) else {}
            data = directory / f"replica{number}" / "data"
            data.mkdir(mode=0o700, parents=True)
            servers.append(Server(data, {**database.settings(), **(settings or {}), **own}, **more))
        with closing(Site(database, servers)) as site:
            yield site


@contextmanager
def closing(site: Site) -> Iterator[Site]:
    """The site, running, and ended afterwards."""
    try:
        site.start()
        yield site
    finally:
        site.close()


async def is_ready(server: Server, seconds: float = 7.0) -> bool:
    """Whether the server says so; it may take five seconds to give up on its database."""
    connection = Connection(server.urls["internal"], seconds=seconds)
    try:
        return (await connection.get("/readyz")).status == 200
    except Lost:
        return False
    finally:
        connection.close()


async def until_ready(server: Server, seconds: float = READY_SECONDS) -> float:
    """Wait until the server says that it is ready; how long it took. An answer is kept for a second."""
    started = time.monotonic()
    while not await is_ready(server):
        assert time.monotonic() - started < seconds, f"not ready after {seconds} seconds"
        await asyncio.sleep(0.05)
    return time.monotonic() - started


__all__ = ["Database", "Postgresql", "Site", "Sqlite", "environment", "postgresql_site", "sqlite_site"]
