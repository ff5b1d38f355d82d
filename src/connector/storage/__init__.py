"""Where everything is kept: the stores behind the ports."""

from connector.storage.database import Database
from connector.storage.sqlite import SqliteStore, attach_sqlite, open_sqlite

__all__ = ["Database", "SqliteStore", "attach_sqlite", "open_sqlite"]
