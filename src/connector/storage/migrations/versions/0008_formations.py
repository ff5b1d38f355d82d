"""Formations, and what is assigned to them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WORD = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add two tables. An older server next to this one does not know them."""
    op.create_table(
        "formations",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("tenant_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_formations"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_formations_tenant_id"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_formations_tenant_id_name"),
    )
    op.create_table(
        "formation_assignments",
        sa.Column("formation_id", _TEXT, nullable=False),
        sa.Column("object_id", _TEXT, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("assigned_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("formation_id", "object_id", name="pk_formation_assignments"),
        sa.ForeignKeyConstraint(["formation_id"], ["formations.id"], name="fk_formation_assignments_formation_id"),
        sa.ForeignKeyConstraint(
            ["object_id"], ["entities.id"], name="fk_formation_assignments_object_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_formation_assignments_object_id", "formation_assignments", ["object_id"])
