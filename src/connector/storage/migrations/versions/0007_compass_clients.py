"""Details of applications and runtimes, and the normalised name in which two applications of a tenant must differ."""

import re
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BATCH = 1000


def upgrade() -> None:
    """Add two columns. An older server next to this one leaves them as they are."""
    op.add_column("entities", sa.Column("details", _TEXT, nullable=False, server_default="{}"))
    op.add_column("entities", sa.Column("normalized_name", _TEXT))
    _normalize()
    op.create_index("ix_entities_tenant_id_normalized_name", "entities", ["tenant_id", "normalized_name"], unique=True)


def _normalize() -> None:
    """Give each application its normalised name; of several with the same one, the oldest gets it."""
    connection = op.get_bind()
    entities = sa.table("entities", *(sa.column(name) for name in ("id", "tenant_id", "kind", "name", "created_at")))
    rows = connection.execute(
        sa.select(entities.c.id, entities.c.tenant_id, entities.c.name)
        .where(entities.c.kind == "Application")
        .order_by(entities.c.created_at, entities.c.id)
    ).all()
    taken: set[tuple[str, str]] = set()
    values = []
    for id_, tenant_id, name in rows:
        place = (tenant_id, _normalized(name))
        if place not in taken:
            taken.add(place)
            values.append({"this": id_, "normalized": place[1]})
    statement = sa.text("UPDATE entities SET normalized_name = :normalized WHERE id = :this")
    for start in range(0, len(values), _BATCH):
        connection.execute(statement, values[start : start + _BATCH])


def _normalized(name: str) -> str:
    """As :func:`connector.domain.labels.normalized` was when this was written."""
    plain = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "-", name.lower())).rstrip("-")
    if name == plain and name.startswith("mp-"):
        return name
    return "mp-" + (plain or sha256(name.encode()).hexdigest()[:8])
