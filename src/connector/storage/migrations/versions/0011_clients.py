"""OAuth 2.0 clients, and their access tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add two tables. An older server next to this one does not know them: the database itself ends a client with its
    system auth, whichever server deletes that.
    """
    op.create_table(
        "clients",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clients"),
        sa.ForeignKeyConstraint(["id"], ["system_auths.id"], name="fk_clients_id", ondelete="CASCADE"),
    )
    op.create_table(
        "access_tokens",
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("scopes", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_access_tokens"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name="fk_access_tokens_client_id", ondelete="CASCADE"),
    )
    op.create_index("ix_access_tokens_client_id_issued_at", "access_tokens", ["client_id", "issued_at"])
    op.create_index("ix_access_tokens_expires_at", "access_tokens", ["expires_at"])
