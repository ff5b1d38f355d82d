"""What was taken over from another installation."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add three tables. An older server next to this one does not know them, and refuses the certificates of an adopted
    CA, as it did before.
    """
    op.create_table(
        "imported_records",
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("tenant_id", _TEXT, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_imported_records"),
    )
    op.create_table(
        "adopted_issuers",
        sa.Column("fingerprint", _DIGEST, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("adopted_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_adopted_issuers"),
    )
    op.create_table(
        "imported_revocations",
        sa.Column("fingerprint", _DIGEST, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_imported_revocations"),
    )
