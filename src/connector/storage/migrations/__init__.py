"""The steps from each version of the tables to the next, and the one way to take them.

A released step is never edited. It names plain types, so that it stays what it was when the tables move on.
"""

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from connector.errors import StorageUnavailable


def upgrade(connection: Connection) -> None:
    """Bring the tables to this program's version, in the caller's transaction.

    Raises:
        StorageUnavailable: a newer version of the program made the tables.
    """
    config = Config()
    config.set_main_option("script_location", "connector.storage:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable(
            "The database was made by a newer version of Connector. Start that version, or restore the backup that "
            "was taken before it."
        ) from error
