"""Where everything is kept: the stores behind the ports."""

from connector.storage.postgresql import PostgresqlStore, attach_postgresql, open_postgresql
from connector.storage.sqlite import SqliteStore, attach_sqlite, open_sqlite

__all__ = [
    "PostgresqlStore",
    "SqliteStore",
    "attach_postgresql",
    "attach_sqlite",
    "open_postgresql",
    "open_sqlite",
]
