"""The audit as people read it: events with the name of the application or runtime that they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.domain.audit import Event, Recorded
from connector.ports.audit import EventFilter
from connector.usecases.realms import Installation, Realm

Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """A recorded event; ``name`` is that of its owner, None where it has none or its owner is no longer registered."""

    recorded: Recorded
    name: str | None

    @property
    def event(self) -> Event:
        """The event."""
        return self.recorded.event

    @property
    def facts(self) -> Mapping[str, str | int | None]:
        """All but the time, by the names that the API and the commands have."""
        event = self.event
        return {
            "action": event.action.value,
            "actor": event.actor,
            "name": self.name,
            "owner": event.owner_id,
            "systemAuth": event.system_auth_id,
            "token": event.token_id,
            "serial": event.serial,
            "reason": event.reason,
            "times": event.times,
            "address": event.address,
            "request": event.request_id,
        }

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return self.recorded.event.at, self.recorded.number


def read_events(
    reached: Realm | Installation, which: EventFilter, *, after: Place | None = None, most: int
) -> Sequence[NamedEvent]:
    """The events of the tenant, or those outside of tenants, that fit, newest first: those after that place.

    Raises:
        TenantForbidden: the caller may not enter every tenant, and asks for events outside of tenants.
    """
    if isinstance(reached, Installation):
        return [NamedEvent(each, None) for each in reached.events(which, after=after, most=most)]
    found = reached.events.page(which, after=after, most=most)
    names = reached.directory.names({each.event.owner_id for each in found if each.event.owner_id is not None})
    return [NamedEvent(each, names.get(each.event.owner_id or "")) for each in found]
