"""Entities looked for by name and by the state of their certificates, and counted, over SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, exists, false, func, or_, select

from connector.domain.certificates import Condition
from connector.domain.directory import Entity, EntityKind
from connector.domain.overview import Standings
from connector.ports.directory import EntityFilter
from connector.storage.schema import certificates, entities
from connector.storage.statements import page

ID_CHARACTERS = 36
_LAST = "\U0010ffff"
"""After every character that a name can hold."""


def standings(connection: Connection, tenant_id: str, kind: EntityKind, *, now: datetime) -> Standings:
    """See :meth:`connector.ports.Directory.standings`: owners are looked up in the index of certificates by owner."""

    def count(*conditions: ColumnElement[bool]) -> int:
        mine = select(func.count()).where(entities.c.tenant_id == tenant_id, entities.c.kind == kind, *conditions)
        return connection.execute(mine).scalar_one()

    total, connected = count(), count(_is_connected(now))
    return Standings(total, connected, count(_was_ever()) - connected)


def _was_ever() -> ColumnElement[bool]:
    """Whether the entity ever had a certificate."""
    return exists().where(certificates.c.owner_id == entities.c.id)


def _is_connected(now: datetime) -> ColumnElement[bool]:
    """Whether the entity has a good one."""
    return exists().where(
        certificates.c.owner_id == entities.c.id, certificates.c.revoked_at.is_(None), certificates.c.not_after >= now
    )


def conditions(tenant_id: str, which: EntityFilter) -> Sequence[ColumnElement[bool]]:
    """The conditions for the entities that fit, but for their labels."""
    found: list[ColumnElement[bool]] = [entities.c.tenant_id == tenant_id, entities.c.kind == which.kind]
    if which.text is not None:
        found.append(_entity_text(which.text))
    if which.condition is not None and which.now is not None:
        match which.condition:
            case Condition.INITIAL:
                found.append(~_was_ever())
            case Condition.CONNECTED:
                found.append(_is_connected(which.now))
            case Condition.FAILED:
                found += [_was_ever(), ~_is_connected(which.now)]
    return found


def beginning(
    connection: Connection,
    which: EntityFilter,
    conditions: Sequence[ColumnElement[bool]],
    *,
    newest_first: bool,
    after: tuple[datetime, str] | str | None,
    most: int,
) -> Sequence[Entity]:
    """The entities whose name begins so. Each spelling is a range of the index of names, read only as far as needed;
    in one statement for all, a database would read them all, or all names.
    """
    name = entities.c.name
    found: dict[str, Entity] = {}
    ends: list[ColumnElement[bool]] = [
        (name >= text) & (name < text + _LAST) for text in which.spellings if text.isprintable()
    ]
    order = [entities.c.created_at, entities.c.id] if newest_first else [name]
    place = (after,) if isinstance(after, str) else after
    if which.begins is not None and len(which.begins) == ID_CHARACTERS and which.begins.isprintable():
        ends.append(entities.c.id == which.begins)
    for end in ends:
        statement = select(entities).where(*conditions, end)
        statement = page(statement, order, newest_first=newest_first, after=place, most=most)
        found.update({row.id: Entity(*row) for row in connection.execute(statement)})
    by: Callable[[Entity], Any] = attrgetter("created_at", "id") if newest_first else attrgetter("name")
    return sorted(found.values(), key=by, reverse=newest_first)[:most]


def _entity_text(text: str) -> ColumnElement[bool]:
    if not text.isprintable():  # as every name and id is; SQLite's LIKE ends at a NUL, and PostgreSQL takes none
        return false()
    if text.isascii():  # the database's own, which is quicker than a function of ours for each row
        contains = entities.c.name.icontains(text, autoescape=True)
    else:
        contains = func.connector_folded(entities.c.name, type_=Text).contains(text.lower(), autoescape=True)
    return or_(contains, entities.c.id == text)
