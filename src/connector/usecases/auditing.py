"""The audit as people read it: events with the name of the application or runtime that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.audit import Event, Recorded
from connector.ports.audit import EventFilter
from connector.usecases.realms import Installation, Realm

Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Named:
    """A recorded event; ``name`` is that of its owner, None where it has none or its owner is no longer registered."""

    recorded: Recorded
    name: str | None

    @property
    def event(self) -> Event:
        """The event."""
        return self.recorded.event

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return self.recorded.event.at, self.recorded.number


def happened(
    reached: Realm | Installation, which: EventFilter, *, after: Place | None = None, most: int
) -> Sequence[Named]:
    """The events of the tenant, or those outside of tenants, that fit, newest first: those after that place.

    Raises:
        TenantForbidden: the caller may not enter every tenant, and asks for events outside of tenants.
    """
    if isinstance(reached, Installation):
        return [Named(each, None) for each in reached.events(which, after=after, most=most)]
    found = reached.events.page(which, after=after, most=most)
    names = reached.directory.names({each.event.owner_id for each in found if each.event.owner_id is not None})
    return [Named(each, names.get(each.event.owner_id or "")) for each in found]
