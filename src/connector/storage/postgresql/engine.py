"""The way into a PostgreSQL database: connections as this program wants them, and tables of its version."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from zlib import crc32

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from connector.domain.refusals.storage import StorageUnavailable
from connector.storage.migrations import upgrade
from connector.storage.postgresql.faults import unreachable

T = TypeVar("T")
Driver = psycopg.Connection[tuple[Any, ...]]

OLDEST_VERSION = 14_00_00

# One number for each thing that processes must not do at the same time, in the name of this program ("conn").
_LOCKS: Final = 0x636F6E6E << 32
WRITING: Final = _LOCKS | 1
MIGRATING: Final = _LOCKS | 2

# Parameters for libpq, unless the URL says otherwise. A standby would answer with what was true a while ago, so it is
# no place to ask whether a certificate is revoked. A peer that is gone without a word is noticed within seconds.
_CONNECTING = {
    "application_name": "connector",
    "connect_timeout": "3",
    "target_session_attrs": "read-write",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
# The server gives up before our callers do, and frees what a replica that was frozen in mid-transaction holds.
_SESSION = (
    "SET statement_timeout = '4s'; SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '5s'; "
    "SET timezone = 'UTC'; SET client_encoding = 'UTF8'"
)


def lock_of(name: str) -> int:
    """The number of the lock for a thing that is known by a name."""
    return _LOCKS | crc32(name.encode())


def make_engine(url: str, *, autocommit: bool = False) -> Engine:
    """An engine. With ``autocommit`` whoever uses it begins and ends transactions by statements of their own.

    Parameters are hidden, since SQLAlchemy would write them into its exceptions.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StorageUnavailable(
            "database.url is not a PostgreSQL URL. Write postgresql://user@host/database."
        ) from None
    conninfo = make_conninfo(url, **{name: value for name, value in _CONNECTING.items() if name not in given})

    def connect() -> Driver:
        connection = psycopg.connect(conninfo, autocommit=True)
        connection.execute(_SESSION)
        # Whoever switched it off for a database or a role meant other data than this.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.autocommit = autocommit
        return connection

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=NullPool,
        pool_reset_on_return=None,
        hide_parameters=True,
        use_native_hstore=False,
    )


def driver(connection: Connection) -> Driver:
    """The driver's own connection, for what SQLAlchemy has no words for."""
    return cast("Driver", connection.connection.dbapi_connection)


def command(connected: Driver, text: str) -> PGresult:
    """Send statements without parameters, and return the last one's result.

    Straight through libpq: a cursor costs five times as much, and each transaction has two of these.

    Raises:
        psycopg.Error: the server's, or the connection is lost.
    """
    found = connected.pgconn.exec_(text.encode())
    if found.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        return found
    if connected.closed:
        raise psycopg.OperationalError(found.get_error_message() or "the connection is lost")
    raise error_from_result(found)


def time_of(connected: Driver) -> datetime:
    """The time of the server's clock.

    Raises:
        psycopg.Error: the server's, or the connection is lost.
    """
    (found,) = cast("tuple[datetime]", connected.execute("SELECT clock_timestamp()").fetchone())
    return found


def bring_up_to_date(url: str) -> None:
    """Make the tables, or bring them to this program's version.

    Raises:
        StorageUnavailable: the database cannot be used, or a newer version of the program made it.
    """
    try:
        with make_engine(url).connect() as connection, connection.begin():
            _check_server(connection)
            # An index over a million rows takes longer than a request may.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
            upgrade(connection)
    except (psycopg.Error, DBAPIError) as error:
        raise unreachable(error) from error


def ask(url: str, question: Callable[[Connection], Iterable[T]]) -> Sequence[T]:
    """The answer of the database to the question.

    Raises:
        StorageUnavailable: it cannot be asked.
    """
    try:
        with make_engine(url).connect() as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            return list(question(connection))
    except (psycopg.Error, DBAPIError) as error:
        raise unreachable(error) from error


def _check_server(connection: Connection) -> None:
    """Refuse a server on which this program would be wrong.

    Raises:
        StorageUnavailable: this is one, and what to do.
    """
    settings = "server_version_num", "server_version", "server_encoding", "fsync", "full_page_writes"
    asked = ", ".join(f"current_setting('{name}')" for name in settings)
    number, version, encoding, *durable = connection.exec_driver_sql(f"SELECT {asked}").one()
    if int(number) < OLDEST_VERSION:
        raise StorageUnavailable(f"PostgreSQL {version} is too old. Use version 14 or newer.")
    if encoding != "UTF8":
        raise StorageUnavailable(f"The database's encoding is {encoding}. Make one with: createdb --encoding=UTF8")
    if durable != ["on", "on"]:
        raise StorageUnavailable(
            "PostgreSQL runs with fsync or full_page_writes off and can lose what it has confirmed. Set both to on."
        )
