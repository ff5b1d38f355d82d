"""The default certificate profile of a tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a column that may be empty. An older server next to this one issues by the installation's default instead."""
    op.add_column("tenants", sa.Column("profile", _TEXT))
