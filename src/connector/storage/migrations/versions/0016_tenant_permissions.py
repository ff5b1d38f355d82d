"""Permissions of integration systems to act in tenants besides their own."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table. An older server next to this one does not know it: there an integration system acts in its own
    tenant alone, as before. The database itself ends a permission with its integration system and with its tenant.
    """
    op.create_table(
        "tenant_permissions",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("system_id", _TEXT, nullable=False),
        sa.Column("tenant_id", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant_permissions"),
        sa.ForeignKeyConstraint(
            ["system_id"], ["entities.id"], name="fk_tenant_permissions_system_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name="fk_tenant_permissions_tenant_id", ondelete="CASCADE"
        ),
    )
    for_one, for_every = sa.text("tenant_id IS NOT NULL"), sa.text("tenant_id IS NULL")
    op.create_index(
        "uq_tenant_permissions_system_tenant",
        "tenant_permissions",
        ["system_id", "tenant_id"],
        unique=True,
        sqlite_where=for_one,
        postgresql_where=for_one,
    )
    op.create_index(
        "uq_tenant_permissions_system",
        "tenant_permissions",
        ["system_id"],
        unique=True,
        sqlite_where=for_every,
        postgresql_where=for_every,
    )
    op.create_index("ix_tenant_permissions_tenant_id", "tenant_permissions", ["tenant_id"])
