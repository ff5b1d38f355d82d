"""Which database, and the way into it."""

from dataclasses import dataclass, field
from pathlib import Path

from connector.ports import Store
from connector.storage import sqlite

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database where there is a ``url``, else the SQLite file ``path``."""

    path: Path
    url: str | None = field(default=None, repr=False)
    connections: int = CONNECTIONS

    def open(self) -> Store:
        """The store, whose tables are made or brought to this program's version first.

        Raises:
            StorageUnavailable: the database cannot be used, and why.
        """
        if self.url is None:
            return sqlite.open_sqlite(self.path)
        # The driver is loaded where it is wanted: it would take a tenth of the start of every command.
        from connector.storage.postgresql import open_postgresql  # noqa: PLC0415

        return open_postgresql(self.url, connections=self.connections)

    def attach(self) -> Store:
        """The store on what a server made and may be using. The tables are left as they are.

        Raises:
            StorageUnavailable: the database cannot be used, or another version of the program made it.
        """
        if self.url is None:
            return sqlite.attach_sqlite(self.path)
        from connector.storage.postgresql import attach_postgresql  # noqa: PLC0415 - as above

        return attach_postgresql(self.url)
