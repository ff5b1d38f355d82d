"""What quotas count by: indexes of a system auth's certificates and tokens by time; and how often an event happened."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column, and give two indexes more columns. An older server goes on with both."""
    op.add_column("audit_events", sa.Column("times", sa.Integer, nullable=False, server_default="1"))
    repeated = sa.text("times > 1")
    op.create_index(
        "ix_audit_events_tenant_id_at_action_times",
        "audit_events",
        ["tenant_id", "at", "action", "times"],
        sqlite_where=repeated,
        postgresql_where=repeated,
    )
    _replace_index("certificates", "not_after", "issued_at", "revoked_at")
    _replace_index("tokens", "minted_at")


def _replace_index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_system_auth_id_{'_'.join(columns)}", table, ["system_auth_id", *columns])
    op.drop_index(f"ix_{table}_system_auth_id", table)
