"""The ports over SQLite and PostgreSQL: stores, tables, migrations, a file a noun."""

from connector.storage.database import Database
from connector.storage.sqlite import SqliteStore, attach_sqlite, open_sqlite

__all__ = ["Database", "SqliteStore", "attach_sqlite", "open_sqlite"]
