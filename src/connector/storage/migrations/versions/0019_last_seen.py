"""When the holders of certificates were last seen."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add a table. An older server next to this one writes nothing into it: what it sees is missing here."""
    op.create_table(
        "sightings",
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_sightings"),
    )
