"""Faults of PostgreSQL, by SQLSTATE: which are tried again, and how callers are refused."""

from typing import cast

import psycopg
from sqlalchemy.exc import DBAPIError

from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageFull, StorageReadOnly, StorageUnavailable


def origin(error: BaseException) -> BaseException:
    """The driver's own error."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def sqlstate(error: BaseException) -> str | None:
    """The server's code for what went wrong, if it said one."""
    found = origin(error)
    return found.sqlstate if isinstance(found, psycopg.Error) else None


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone: there is no answer, or its process or server was ended."""
    state = sqlstate(error)
    if state is None:
        return isinstance(origin(error), psycopg.OperationalError)
    return state.startswith("08") or state in ("57P01", "57P02", "57P05", "25P03")


def may_be_tried_again(error: BaseException) -> bool:
    """Whether the function should be run again: nothing was committed, and it was not the function's fault.

    40: serialization failure, deadlock. 0A000: a prepared statement's tables were changed by a migration.
    A server that cannot be reached at all is not waited for: the caller is refused, and may come back.
    """
    if isinstance(origin(error), psycopg.errors.ConnectionTimeout):
        return False
    state = sqlstate(error) or ""
    return is_lost(error) or state.startswith("40") or state == "0A000"


def refusal(error: BaseException) -> Exception:
    """The refusal for the callers."""
    found, state = origin(error), sqlstate(error) or ""
    if isinstance(found, psycopg.DataError) and not state:
        # The driver's own, before anything was sent: no text of PostgreSQL holds a NUL.
        return InvalidData("Invalid data: a text holds the character U+0000. Leave it out.")
    if state == "53100":
        return StorageFull()
    if state == "25006":
        return StorageReadOnly()
    if isinstance(found, psycopg.OperationalError) or state[:2] in ("08", "40", "53", "55", "57", "58", "25"):
        return StorageUnavailable()
    return cast("Exception", error)


def unreachable(error: BaseException) -> StorageUnavailable:
    """Why the database cannot be used, in libpq's words, which hold no password; for the one who starts the server."""
    lines = str(origin(error)).strip().splitlines()
    return StorageUnavailable(f"The database cannot be used: {lines[0] if lines else 'no reason was given'}")
