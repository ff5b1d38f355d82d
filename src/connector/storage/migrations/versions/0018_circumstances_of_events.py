"""The client's address and the request's id of each event."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add two columns. The events so far, and those of an older server next to this one, have neither."""
    op.add_column("audit_events", sa.Column("address", _TEXT, nullable=True))
    op.add_column("audit_events", sa.Column("request_id", _TEXT, nullable=True))
