"""The steps from each version of the tables to the next, and the one way to take them.

A released step is never edited. It names plain types, so that it stays what it was when the tables move on.

Alembic takes the steps. To import it is an eighth of a start, and of a command, so that is done where a step is due.
"""

import re
from collections.abc import Sequence
from importlib.resources import files

from sqlalchemy import Connection, column, inspect, select, table

from connector.domain.refusals.storage import StorageUnavailable

_NEWER = (
    "The database was made by a newer version of Connector. Use that version, or restore the backup that was taken "
    "before it."
)

# A step's file begins with its number; a test holds the numbers to what Alembic finds in the files.
_STEP = re.compile(r"(\d{4})_\w+\.py")
# Where Alembic notes the last step that was taken.
_NOTED = table("alembic_version", column("version_num"))


def upgrade(connection: Connection) -> None:
    """Bring the tables to this program's version, in the caller's transaction.

    Raises:
        StorageUnavailable: a newer version of the program made the tables.
    """
    found = version(connection)
    if found == newest():
        return
    if found is not None and found not in steps():
        raise StorageUnavailable(_NEWER)
    from connector.storage.migrations.alembic_steps import take_all  # noqa: PLC0415 - only where a step is due

    take_all(connection)


def check(connection: Connection) -> None:
    """Return if the tables are of this program's version; nothing is changed.

    Raises:
        StorageUnavailable: an older or a newer version of the program made the tables.
    """
    found = version(connection)
    if found == newest():
        return
    if found is None or found in steps():
        raise StorageUnavailable(
            "The database was made by an older version of Connector. Restart the server with this version, which "
            "brings the database up to date; then try again."
        )
    raise StorageUnavailable(_NEWER)


def version(connection: Connection) -> str | None:
    """The version of the tables; None where there are none."""
    if not inspect(connection).has_table(_NOTED.name):
        return None
    return connection.execute(select(_NOTED.c.version_num)).scalar_one_or_none()


def newest() -> str:
    """This program's version of the tables."""
    return steps()[-1]


def steps() -> Sequence[str]:
    """The versions that this program knows, oldest first."""
    names = (file.name for file in (files(__name__) / "versions").iterdir())
    return sorted(match[1] for match in map(_STEP.fullmatch, names) if match)
