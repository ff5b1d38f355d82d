"""A SQLite database moved into PostgreSQL: copied, then compared row by row, then committed."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table, func, select
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.refusals.storage import StorageUnavailable
from connector.storage import sqlite
from connector.storage.checking import COUNTED as TABLES
from connector.storage.migrations import check
from connector.storage.postgresql.engine import WRITING, bring_up_to_date, driver, make_engine
from connector.storage.progress import Progress

ROWS_BETWEEN_REPORTS = 10_000


def copy(source: Path, url: str, *, progress: Progress) -> dict[str, int]:
    """Copy every row of the SQLite file into the PostgreSQL database, compare both, and return the rows by table.

    All is one transaction: when anything is wrong, the PostgreSQL database is left as it was. One that already holds
    the very same rows is compared alone, so that a copy that was killed at its end can be asked for again. Nobody may
    write to the file meanwhile.

    Raises:
        StorageUnavailable: a database cannot be used, the target holds other rows, or a row did not come out the same.
    """
    sqlite.bring_up_to_date(source)
    bring_up_to_date(url)
    try:
        with sqlite.reading_engine(source).connect() as old, make_engine(url).connect() as new, new.begin():
            check(old)
            new.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            new.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")
            if _is_empty(new):
                for table in TABLES:
                    _copy_table(table, old, new, progress)
                _continue_numbering(new)
            return {table.name: _compare(table, old, new, progress) for table in TABLES}
    except (psycopg.Error, SQLAlchemyError) as error:
        raise StorageUnavailable(f"The copy was stopped, and nothing was written: {_first_line(error)}") from error


def _is_empty(connection: Connection) -> bool:
    return all(connection.execute(select(table).limit(1)).first() is None for table in TABLES)


def _copy_table(table: Table, old: Connection, new: Connection, progress: Progress) -> None:
    """PostgreSQL's COPY, over the driver: a million certificates one INSERT at a time would take half an hour."""
    total = old.execute(select(func.count()).select_from(table)).scalar_one()
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with driver(new).cursor() as cursor, cursor.copy(statement) as copying:
        for number, row in enumerate(_rows(table, old), start=1):
            copying.write_row(row)
            if number % ROWS_BETWEEN_REPORTS == 0:
                progress(f"copy {table.name}", number, total)
    progress(f"copy {table.name}", total, total)


def _continue_numbering(connection: Connection) -> None:
    """The next event's number comes after the last one's."""
    connection.exec_driver_sql(
        "SELECT setval(pg_get_serial_sequence('audit_events', 'id'), (SELECT max(id) FROM audit_events)) "
        "WHERE EXISTS (SELECT FROM audit_events)"
    )


def _compare(table: Table, old: Connection, new: Connection, progress: Progress) -> int:
    """How many rows there are, each the same in both."""
    number = 0
    for number, (there, here) in enumerate(zip_longest(_rows(table, old), _rows_here(table, new)), start=1):
        if there != here:
            raise StorageUnavailable(
                f"Row {number} of the table {table.name} is not the same in both databases, so nothing was written. "
                "Name an empty PostgreSQL database."
            )
        if number % ROWS_BETWEEN_REPORTS == 0:
            progress(f"compare {table.name}", number, number)
    progress(f"compare {table.name}", number, number)
    return number


def _rows(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    """The rows as SQLite holds them, by primary key; both databases order octets and code points alike."""
    statement = str(_in_order(table).compile(connection))
    yield from connection.connection.dbapi_connection.execute(statement)  # type: ignore[union-attr]


def _rows_here(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    """The same from PostgreSQL, some at a time (a cursor on the server)."""
    statement = str(_in_order(table).compile(connection))
    with driver(connection).cursor(name="compare") as cursor:
        cursor.itersize = ROWS_BETWEEN_REPORTS
        yield from cursor.execute(statement.encode())


def _in_order(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def _first_line(error: BaseException) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
