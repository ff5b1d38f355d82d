# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The audit over SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, column, func, literal_column, select

from connector.domain.audit import Action, Circumstances, Event, Recorded, within
from connector.ports.audit import Daily, EventFilter
from connector.storage.schema import audit_events
from connector.storage.statements import Insert, page, whole_days

_EVENTS = select(*(each for each in audit_events.c if each is not audit_events.c.id), audit_events.c.id)
_ADD = Insert(audit_events, Event)


class SqlAudit:
    """The events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.renew(None)

    def renew(self, circumstances: Circumstances | None) -> None:
        """Begin with another function, which is called in these circumstances; ``appended`` are its events."""
        self._circumstances = circumstances
        self.appended: list[Event] = []

    def append(self, *events: Event) -> None:
        complete = [within(self._circumstances, event) for event in events]
        _ADD(self._connection, *complete, taken=ValueError("the event cannot be recorded"))
        self.appended += complete

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        events = audit_events.c
        conditions: list[ColumnElement[bool]] = [events.tenant_id == which.tenant_id]
        if which.actions:
            conditions.append(events.action.in_(sorted(which.actions)))
        texts = (
            (events.owner_id, which.about),
            (events.actor, which.actor),
            (events.serial, which.serial),
            (events.address, which.address),
            (events.request_id, which.request_id),
        )
        conditions += [column == text for column, text in texts if text is not None]
        if which.since is not None:
            conditions.append(events.at >= which.since)
        if which.until is not None:
            conditions.append(events.at < which.until)
        statement = page(_EVENTS.where(*conditions), [events.at, events.id], newest_first=True, after=after, most=most)
        return [_recorded(row) for row in self._connection.execute(statement).mappings()]

    def later(self, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        events = audit_events.c
        statement = (
            _EVENTS.where(events.owner_id == owner_id, events.id > number, events.tenant_id.concat("") == tenant_id)
            .order_by(events.id)
            .limit(most)
        )
        return [_recorded(row) for row in self._connection.execute(statement).mappings()]

    def daily(self, tenant_id: str, *, since: datetime) -> Daily:
        found: dict[tuple[int, Action], int] = {}
        # In two parts, since the index of all events does not hold how often they happened.
        again = func.sum(audit_events.c.times - 1)
        for number, conditions in ((func.count(), ()), (again, (audit_events.c.times > literal_column("1"),))):
            counted = (
                select(whole_days(audit_events.c.at, since).label("day"), audit_events.c.action, number)
                .where(audit_events.c.tenant_id == tenant_id, audit_events.c.at >= since, *conditions)
                .group_by(column("day"), audit_events.c.action)
            )
            for day, action, happened in self._connection.execute(counted):
                found[int(day), action] = found.get((int(day), action), 0) + int(happened)
        return found


def _recorded(row: Mapping[Any, Any]) -> Recorded:
    fields = dict(row)
    return Recorded(fields.pop("id"), Event(**fields))
