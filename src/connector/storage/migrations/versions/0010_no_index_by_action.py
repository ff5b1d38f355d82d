"""Without the index of events by action: nothing asks by it, and every event that was recorded paid for it."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Drop the index. An older server goes on next to this one: none of its statements needs the index."""
    op.drop_index("ix_audit_events_action_id", "audit_events")
