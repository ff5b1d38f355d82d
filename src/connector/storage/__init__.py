"""Where everything is kept: the stores behind the ports."""

from connector.storage.sqlite import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
