"""What the whole Director records: labels, integration systems, bound tokens, keys with roles."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and tables. What is there stays as it is: an older server can go on running."""
    _entities()
    op.add_column("tokens", sa.Column("source", sa.Text))
    op.add_column("tokens", sa.Column("key", sa.LargeBinary(32)))
    _replace_index("tokens", "minted_at", "id")
    _replace_index("certificates", "issued_at", "fingerprint")
    _keys()


def _entities() -> None:
    op.add_column("entities", sa.Column("provider_name", sa.Text))
    # In words: SQLite can add a reference together with its column, and alembic would add it after.
    op.execute(
        "ALTER TABLE entities ADD COLUMN integration_system_id TEXT "
        "CONSTRAINT fk_entities_integration_system_id REFERENCES entities (id)"
    )
    op.add_column("entities", sa.Column("labels", sa.Text, nullable=False, server_default="{}"))
    op.add_column("entities", sa.Column("eventing_runtime_id", sa.Text))
    op.add_column("entities", sa.Column("updated_at", sa.BigInteger))
    looked_after = sa.text("integration_system_id IS NOT NULL")
    op.create_index(
        "ix_entities_integration_system_id",
        "entities",
        ["integration_system_id"],
        sqlite_where=looked_after,
        postgresql_where=looked_after,
    )
    op.create_table(
        "label_terms",
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("term", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key", "term", name="pk_label_terms"),
        sa.ForeignKeyConstraint(["owner_id"], ["entities.id"], name="fk_label_terms_owner_id", ondelete="CASCADE"),
    )


def _replace_index(table: str, *columns: str) -> None:
    """In place of the index by tenant alone, one that also has the order in which pages are read."""
    op.drop_index(f"ix_{table}_tenant_id", table)
    op.create_index(f"ix_{table}_tenant_id_{'_'.join(columns)}", table, ["tenant_id", *columns])


def _keys() -> None:
    op.add_column("api_keys", sa.Column("role", sa.String, nullable=False, server_default="administrator"))
    op.add_column("api_keys", sa.Column("tenant", sa.Text))
    op.add_column("api_keys", sa.Column("created_by", sa.Text, nullable=False, server_default="system"))
    op.add_column("api_keys", sa.Column("expires_at", sa.BigInteger))
    op.add_column("api_keys", sa.Column("revoked_at", sa.BigInteger))
    for name, columns, where in (
        ("uq_api_keys_tenant_name", ["tenant", "name"], sa.text("tenant IS NOT NULL")),
        ("uq_api_keys_name", ["name"], sa.text("tenant IS NULL")),
    ):
        op.create_index(name, "api_keys", columns, unique=True, sqlite_where=where, postgresql_where=where)
