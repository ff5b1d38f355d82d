"""The table of events. It keeps ids without foreign keys: events outlive what they are about."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from connector.domain.audit import Action
from connector.storage.authority_schema import metadata
from connector.storage.columns import Moment, Word

audit_events = Table(
    "audit_events",
    metadata,
    # SQLite numbers rows by itself only under the very name INTEGER, which has 64 bits there.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("action", Word(Action), nullable=False),
    Column("actor", Text, nullable=False),
    Column("tenant_id", Text),
    Column("owner_id", Text),
    Column("system_auth_id", Text),
    Column("token_id", Text),
    Column("serial", Text),
    Column("reason", Text),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("address", Text),
    Column("request_id", Text),
    # A tenant's events, page by page, and counted by day and action.
    Index(None, "tenant_id", "at", "id", "action"),
    # The events of an owner.
    Index(None, "owner_id", "id"),
)

# Repeats, which are counted by their number; most events happened once.
_repeated = audit_events.c.times > 1
Index(
    "ix_audit_events_tenant_id_at_action_times",
    audit_events.c.tenant_id,
    audit_events.c.at,
    audit_events.c.action,
    audit_events.c.times,
    sqlite_where=_repeated,
    postgresql_where=_repeated,
)
