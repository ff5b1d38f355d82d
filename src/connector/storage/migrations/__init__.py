"""The steps from each version of the tables to the next, and the one way to take them.

A released step is never edited. It names plain types, so that it stays what it was when the tables move on.
"""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from connector.errors import StorageUnavailable

_NEWER = (
    "The database was made by a newer version of Connector. Use that version, or restore the backup that was taken "
    "before it."
)


def upgrade(connection: Connection) -> None:
    """Bring the tables to this program's version, in the caller's transaction.

    Raises:
        StorageUnavailable: a newer version of the program made the tables.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable(_NEWER) from error


def check(connection: Connection) -> None:
    """Return if the tables are of this program's version; nothing is changed.

    Raises:
        StorageUnavailable: an older or a newer version of the program made the tables.
    """
    found = version(connection)
    if found == newest():
        return
    if found is None or found in {step.revision for step in _steps().walk_revisions()}:
        raise StorageUnavailable(
            "The database was made by an older version of Connector. Restart the server with this version, which "
            "brings the database up to date; then try again."
        )
    raise StorageUnavailable(_NEWER)


def version(connection: Connection) -> str | None:
    """The version of the tables; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """This program's version of the tables."""
    return str(_steps().get_current_head())


def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "connector.storage:migrations")
    return config
