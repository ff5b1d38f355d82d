"""Which database, and the way into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.transaction import Store
from connector.storage import sqlite
from connector.storage.checking import Fact, facts
from connector.storage.clock import ServerClock
from connector.storage.postgresql import CONNECTIONS
from connector.storage.progress import Progress
from connector.storage.workers import Tell, silent


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database where there is a ``url``, else the SQLite file ``path``.

    ``clock`` is the time by which everybody goes who uses it: PostgreSQL's, once a store is open; else this machine's.
    ``tell`` gets each event that the server records, after its commit.
    """

    path: Path
    url: str | None = field(default=None, repr=False)
    connections: int = CONNECTIONS
    clock: ServerClock = field(default_factory=ServerClock, repr=False)
    tell: Tell = field(default=silent, repr=False)

    def open(self) -> Store:
        """The store, whose tables are made or brought to this program's version first.

        Raises:
            StorageUnavailable: the database cannot be used, and why.
        """
        if self.url is None:
            self.refuse_moved()
            return sqlite.open_sqlite(self.path, tell=self.tell)
        # The driver is loaded where it is wanted: it would take a tenth of the start of every command.
        from connector.storage.postgresql.store import open_postgresql  # noqa: PLC0415

        return open_postgresql(self.url, clock=self.clock, connections=self.connections, tell=self.tell)

    def upgrade(self) -> None:
        """Make the tables, or bring them to this program's version, as :meth:`open` does.

        Raises:
            StorageUnavailable: the database cannot be used, and why.
        """
        if self.url is None:
            self.refuse_moved()
            sqlite.bring_up_to_date(self.path)
            return
        from connector.storage.postgresql.engine import bring_up_to_date  # noqa: PLC0415 - see open

        bring_up_to_date(self.url)

    def check(self) -> Sequence[Fact]:
        """Facts about the database; nothing is changed.

        Raises:
            StorageUnavailable: it cannot be asked.
        """
        if self.url is None:
            return sqlite.ask(self.path, facts)
        from connector.storage.postgresql.engine import ask  # noqa: PLC0415 - see open

        return ask(self.url, facts)

    def copy_to_postgresql(self, progress: Progress) -> Mapping[str, int]:
        """Move what is in the SQLite file into the PostgreSQL database; see :func:`connector.storage.copying.copy`.

        The file is renamed then: a server that went on with it would know nothing of what is revoked from now on.

        Raises:
            StorageUnavailable: it was not moved, and why.
        """
        from connector.storage.copying import copy  # noqa: PLC0415 - see open

        if self.url is None:
            raise StorageUnavailable("There is no PostgreSQL database to copy to. Set CONNECTOR_DATABASE__URL.")
        copied = copy(self.path, self.url, progress=progress)
        self.path.rename(self._moved)
        return copied

    def attach(self) -> Store:
        """The store on what a server made and may be using. The tables are left as they are.

        Raises:
            StorageUnavailable: the database cannot be used, or another version of the program made it.
        """
        if self.url is None:
            return sqlite.attach_sqlite(self.path)
        from connector.storage.postgresql.store import attach_postgresql  # noqa: PLC0415 - as above

        return attach_postgresql(self.url, clock=self.clock)

    def reopen(self) -> Store:
        """The store that this process has opened before, or the process that it was forked from. Nothing is asked of
        it: tables that a newer version has brought up to date meanwhile are good, and a database may be away.
        """
        if self.url is None:
            return sqlite.SqliteStore(self.path, tell=self.tell)
        from connector.storage.postgresql.store import PostgresqlStore  # noqa: PLC0415 - see open

        return PostgresqlStore(self.url, clock=self.clock, connections=self.connections, tell=self.tell)

    def back_up(self, target: Path) -> None:
        """Write a copy of the SQLite file as it is now; see :func:`connector.storage.sqlite.back_up`.

        Raises:
            StorageUnavailable: it cannot be written, or the database is PostgreSQL's, which has its own means.
        """
        if self.url is not None:
            raise StorageUnavailable("The database is PostgreSQL's: back it up with pg_dump or pg_basebackup.")
        sqlite.back_up(self.path, target)

    def refuse_moved(self) -> None:
        """Return, unless the SQLite file was moved to PostgreSQL.

        Raises:
            StorageUnavailable: it was, and what to do.
        """
        if self._moved.exists() and not self.path.exists():
            raise StorageUnavailable(
                f"The database was moved to PostgreSQL, and {self._moved} is what it was before. Set "
                "CONNECTOR_DATABASE__URL."
            )

    @property
    def _moved(self) -> Path:
        return self.path.with_name(f"{self.path.name}.moved")
