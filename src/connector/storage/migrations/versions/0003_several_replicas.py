"""What several replicas on one PostgreSQL need: one order of texts everywhere, and the root that all of them share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXTS = {
    "tenants": ("id", "external_id", "name"),
    "entities": (
        "id",
        "tenant_id",
        "kind",
        "name",
        "description",
        "provider_name",
        "integration_system_id",
        "labels",
        "eventing_runtime_id",
    ),
    "label_terms": ("owner_id", "key"),
    "system_auths": ("id", "tenant_id", "owner_id", "owner_kind"),
    "tokens": ("id", "type", "system_auth_id", "owner_id", "tenant_id", "minted_by", "source"),
    "certificates": ("serial", "system_auth_id", "owner_id", "owner_kind", "tenant_id", "revocation_reason"),
    "audit_events": ("action", "actor", "tenant_id", "owner_id", "system_auth_id", "token_id", "serial", "reason"),
    "api_keys": ("id", "name", "role", "tenant", "created_by"),
}

# The first of these that is there knows more letters than ASCII's; "default" is the database's own.
_COLLATIONS = ("pg_c_utf8", "und-x-icu", "default")


def upgrade() -> None:
    """Add a table and an index; in PostgreSQL, order texts by their code points. An older server can go on running."""
    op.create_table(
        "trust_anchors",
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_trust_anchors"),
    )
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"])
    if op.get_bind().dialect.name == "postgresql":
        _order_by_code_points()
        _make_folded()


def _order_by_code_points() -> None:
    """As SQLite and Python do. A collation of the system's changes with it, and breaks the indexes that it ordered."""
    for table, columns in _TEXTS.items():
        types = {column["name"]: column["type"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        changes = ", ".join(f'ALTER COLUMN "{name}" TYPE {types[name]} COLLATE "C"' for name in columns)
        op.execute(f"ALTER TABLE {table} {changes}")


def _make_folded() -> None:
    """Make the function by which names are looked for without regard to case."""
    there = op.get_bind().execute(sa.text("SELECT collname FROM pg_collation")).scalars().all()
    best = next(name for name in _COLLATIONS if name in there)
    op.execute(
        "CREATE FUNCTION connector_folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS "
        f'$$ SELECT lower($1 COLLATE "{best}") $$'
    )
