"""What the console records and looks for: administrators, sign-in links, sessions; indexes for pages and numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# As the step before has it: PostgreSQL orders texts by their code points.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add tables and indexes. An older server can go on running."""
    op.create_table(
        "administrators",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("password", _TEXT),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("tenant", _TEXT),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_administrators"),
        sa.UniqueConstraint("name", name="uq_administrators_name"),
    )
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("administrator_id", _TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in_links"),
        sa.ForeignKeyConstraint(["administrator_id"], ["administrators.id"], name="fk_sign_in_links_administrator_id"),
    )
    op.create_index("ix_sign_in_links_administrator_id", "sign_in_links", ["administrator_id"])
    _sessions()
    for table, columns in (
        ("entities", ["tenant_id", "kind", "created_at", "id"]),
        ("certificates", ["tenant_id", "not_after", "revoked_at", "superseded_at"]),
        ("audit_events", ["tenant_id", "at", "id", "action"]),
        ("audit_events", ["owner_id", "id"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("administrator_id", _TEXT),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("actor", _TEXT, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("tenants", _TEXT),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
        sa.ForeignKeyConstraint(["administrator_id"], ["administrators.id"], name="fk_sessions_administrator_id"),
    )
    op.create_index("ix_sessions_actor", "sessions", ["actor"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
