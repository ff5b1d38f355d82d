"""The issuers, and the certificate profile that an application or runtime was given."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table, and a column that may be empty: an older server can go on running."""
    op.create_table(
        "issuers",
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_issuers"),
    )
    op.add_column("entities", sa.Column("profile", _TEXT))
