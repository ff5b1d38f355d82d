"""The audit: the events of a tenant, and those outside of tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import MutationType, QueryType

from connector.domain.audit import Action
from connector.domain.refusals.objects import InvalidData
from connector.ports.audit import EventFilter
from connector.usecases.auditing import NamedEvent, read_events
from connector.usecases.realms import Installation, Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page


@dataclass(frozen=True, slots=True)
class AuditFields:
    """The fields about events."""

    director: Director

    def bind(self, query: QueryType, _: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("auditEvents", self.of_tenant)
        query.set_field("installationAuditEvents", self.of_installation)

    async def of_tenant(self, _: None, info: Info, **arguments: Any) -> Fields:
        office = await self.director.office(info)
        return await office.read(lambda realm: _page(realm, f"of {realm.tenant_id}", arguments))

    async def of_installation(self, _: None, info: Info, **arguments: Any) -> Fields:
        office = await self.director.installation(info)
        return await office.read(lambda installation: _page(installation, "outside of tenants", arguments))


def _page(reached: Realm | Installation, whose: str, arguments: Mapping[str, Any]) -> Fields:
    which = _filter(arguments.get("filter") or {})
    return page(
        Listing(
            Cursors(f"auditEvents {whose} {which}", (datetime, int)),
            read=lambda after, most: read_events(reached, which, after=after, most=most),
            place=lambda each: each.place,
            tell=lambda found: [_fields(each) for each in found],
            count=lambda: 0,
        ),
        arguments,
        wanted=frozenset(),
    )


def _filter(given: Mapping[str, Any]) -> EventFilter:
    known = {action.value: action for action in Action}
    actions = given.get("actions") or []
    if not known.keys() >= set(actions):
        raise InvalidData(f"Invalid data actions: use some of {', '.join(known)}.")
    return EventFilter(
        actions=tuple(known[each] for each in actions),
        about=given.get("owner"),
        actor=given.get("actor"),
        serial=given.get("serial"),
        address=given.get("address"),
        request_id=given.get("request"),
        since=given.get("since"),
        until=given.get("until"),
    )


def _fields(named: NamedEvent) -> Fields:
    return {"id": str(named.recorded.number), "at": named.event.at, **named.facts}
