"""Alembic runs this file to run the steps, on the connection and in the transaction of whoever called upgrade."""

from alembic import context

from connector.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
