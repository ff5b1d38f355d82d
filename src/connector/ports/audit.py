"""The events."""

from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.audit import Action, Circumstances, Event, Recorded

NO_TENANT = ""
"""The id of no tenant, and unlike None not that of the events which concern none."""


CIRCUMSTANCES: ContextVar[Circumstances | None] = ContextVar("CIRCUMSTANCES", default=None)
"""The circumstances of the request that is being answered; None outside of one."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: one tenant's, or with None those of no tenant; those that fit every other field that is given.

    ``since`` is inclusive, ``until`` is not; ``about`` is the id of an owner. The other texts are those of the event's
    field of the same name, whole.
    """

    tenant_id: str | None = NO_TENANT
    actions: Collection[Action] = ()
    about: str | None = None
    actor: str | None = None
    serial: str | None = None
    address: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


Daily = Mapping[tuple[int, Action], int]


class Audit(Protocol):
    """The events, append-only: there is nothing here that changes or removes one."""

    def append(self, *events: Event) -> None:
        """Record the events, in their order. Those without circumstances get the ones in which the store was called."""

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        """The events that fit, newest first: those after that time and number, ``most`` at most."""

    def later(self, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        """The events about that owner with a greater number, oldest first, ``most`` at most."""

    def daily(self, tenant_id: str, *, since: datetime) -> Daily:
        """How often what happened to the tenant on each day, by days since then, and by action."""
