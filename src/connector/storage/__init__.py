"""Where everything is kept: the stores behind the ports."""

from connector.storage.sqlite import SqliteStore, attach_sqlite, open_sqlite

__all__ = ["SqliteStore", "attach_sqlite", "open_sqlite"]
