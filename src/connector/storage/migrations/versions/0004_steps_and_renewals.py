"""What lets a step be answered again, and a renewal be asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns that may be empty: an older server can go on running."""
    op.add_column("certificates", sa.Column("step", sa.LargeBinary(32)))
    op.add_column("certificates", sa.Column("request", sa.LargeBinary(32)))
    op.add_column("certificates", sa.Column("renewal_asked_at", sa.BigInteger))
    op.add_column("certificates", sa.Column("lapsed_at", sa.BigInteger))
    named = sa.text("step IS NOT NULL")
    op.create_index(
        "uq_certificates_step", "certificates", ["step"], unique=True, sqlite_where=named, postgresql_where=named
    )
