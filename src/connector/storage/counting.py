"""What is counted and looked through for the console, over SQL: each an indexed statement or a few."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    case,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)

from connector.domain.audit import Action, Event, Recorded
from connector.domain.certificates import Condition
from connector.domain.directory import Entity, EntityKind
from connector.domain.overview import CertificateTally, Standings
from connector.ports.audit import EventFilter
from connector.ports.directory import EntityFilter
from connector.storage.schema import audit_events, certificates, entities
from connector.storage.statements import page

DAY = timedelta(days=1)
ID_CHARACTERS = 36
_LAST = "\U0010ffff"
"""After every character that a name can hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_MICROSECONDS = DAY // _MICROSECOND
_EVENTS = select(*(each for each in audit_events.c if each is not audit_events.c.id), audit_events.c.id)


def tally(connection: Connection, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
    """See :meth:`connector.ports.Inventory.tally`: one statement over one index."""
    revoked, superseded, ends = certificates.c.revoked_at, certificates.c.superseded_at, certificates.c.not_after
    is_good = revoked.is_(None) & (ends >= now)
    is_issued = is_good & superseded.is_(None)
    counted = select(
        *(
            func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
            for condition in (
                is_issued,
                is_issued & (ends <= soon),
                is_good & superseded.is_not(None),
                revoked.is_(None) & (ends < now),
                revoked.is_not(None),
            )
        )
    ).where(certificates.c.tenant_id == tenant_id)
    return CertificateTally(*(int(each) for each in connection.execute(counted).one()))


def expiring_by_day(connection: Connection, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
    """See :meth:`connector.ports.Inventory.expiring_by_day`."""
    number = _days(certificates.c.not_after, since)
    counted = (
        select(number.label("day"), func.count())
        .where(
            certificates.c.tenant_id == tenant_id,
            certificates.c.not_after >= since,
            certificates.c.not_after < since + days * DAY,
            certificates.c.revoked_at.is_(None),
            certificates.c.superseded_at.is_(None),
        )
        .group_by(column("day"))
    )
    return {int(row[0]): int(row[1]) for row in connection.execute(counted)}


def daily(connection: Connection, tenant_id: str, *, since: datetime) -> Mapping[tuple[int, Action], int]:
    """See :meth:`connector.ports.Audit.daily`."""
    found: dict[tuple[int, Action], int] = {}
    # In two parts, since the index of all events does not hold how often they happened.
    again = func.sum(audit_events.c.times - 1)
    for number, conditions in ((func.count(), ()), (again, (audit_events.c.times > literal_column("1"),))):
        counted = (
            select(_days(audit_events.c.at, since).label("day"), audit_events.c.action, number)
            .where(audit_events.c.tenant_id == tenant_id, audit_events.c.at >= since, *conditions)
            .group_by(column("day"), audit_events.c.action)
        )
        for day, action, happened in connection.execute(counted):
            found[int(day), action] = found.get((int(day), action), 0) + int(happened)
    return found


def events(
    connection: Connection, which: EventFilter, *, after: tuple[datetime, int] | None, most: int
) -> Sequence[Recorded]:
    """See :meth:`connector.ports.Audit.page`."""
    events = audit_events.c
    conditions: list[ColumnElement[bool]] = [events.tenant_id == which.tenant_id]
    if which.actions:
        conditions.append(events.action.in_(sorted(which.actions)))
    if which.about is not None:
        conditions.append(events.owner_id == which.about)
    if which.actor is not None:
        conditions.append(events.actor == which.actor)
    if which.since is not None:
        conditions.append(events.at >= which.since)
    if which.until is not None:
        conditions.append(events.at < which.until)
    statement = page(_EVENTS.where(*conditions), [events.at, events.id], newest_first=True, after=after, most=most)
    return [_recorded(row) for row in connection.execute(statement).mappings()]


def later(connection: Connection, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
    """See :meth:`connector.ports.Audit.later`."""
    events = audit_events.c
    statement = (
        _EVENTS.where(events.owner_id == owner_id, events.id > number, events.tenant_id.concat("") == tenant_id)
        .order_by(events.id)
        .limit(most)
    )
    return [_recorded(row) for row in connection.execute(statement).mappings()]


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


def entity_conditions(tenant_id: str, which: EntityFilter) -> Sequence[ColumnElement[bool]]:
    """The conditions for the entities that fit, but for their labels."""
    conditions: list[ColumnElement[bool]] = [entities.c.tenant_id == tenant_id, entities.c.kind == which.kind]
    if which.text is not None:
        conditions.append(_entity_text(which.text))
    if which.condition is not None and which.now is not None:
        match which.condition:
            case Condition.INITIAL:
                conditions.append(~_was_ever())
            case Condition.CONNECTED:
                conditions.append(_is_connected(which.now))
            case Condition.FAILED:
                conditions += [_was_ever(), ~_is_connected(which.now)]
    return conditions


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


def _days(moment: ColumnElement[datetime], since: datetime) -> ColumnElement[int]:
    """How many whole days lie between."""
    # In whole numbers, as the database has them; as constants, so that PostgreSQL sees one expression in both places.
    first = (since - _EPOCH) // _MICROSECOND
    whole = type_coerce(moment, BigInteger) - literal_column(str(first), BigInteger)
    return whole.op("/", precedence=20, return_type=BigInteger())(literal_column(str(_DAY_MICROSECONDS), BigInteger))


def _recorded(row: Mapping[Any, Any]) -> Recorded:
    fields = dict(row)
    return Recorded(fields.pop("id"), Event(**fields))
