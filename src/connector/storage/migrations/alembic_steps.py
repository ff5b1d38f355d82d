"""Taking the steps, with Alembic."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def take_all(connection: Connection) -> None:
    """Take the steps that are due, in the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", "connector.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
