"""Formations, and the applications that a runtime sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ariadne import MutationType, QueryType

from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Formation
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.usecases import formations
from connector.usecases.realms import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.entities import EntityFields
from connector.web.graphql.director.paging import Cursors, Fields, Listing, page
from connector.web.graphql.wanted import wanted

KINDS = {kind.name: kind for kind in (EntityKind.APPLICATION, EntityKind.RUNTIME)}

# Clients select it; there are no templates.
TEMPLATE = str(UUID(int=0))
READY = "READY"

Change = Callable[[Realm, str, EntityKind, str], Formation]


@dataclass(frozen=True, slots=True)
class FormationFields:
    """The fields about formations."""

    director: Director

    def bind(self, query: QueryType, mutation: MutationType) -> None:
        """Set the resolvers."""
        query.set_field("formation", self.one)
        query.set_field("formationByName", self.named)
        query.set_field("formations", self.many)
        query.set_field("formationsForObject", self.of_object)
        query.set_field("applicationsForRuntime", self.applications)
        mutation.set_field("createFormation", self.create)
        mutation.set_field("deleteFormation", self.delete)
        mutation.set_field("assignFormation", self.assign)
        mutation.set_field("unassignFormation", self.unassign)

    async def one(self, _: None, info: Info, id: str) -> Fields | None:
        return _found(await (await self.director.office(info)).read(lambda realm: realm.formations.find(id)))

    async def named(self, _: None, info: Info, name: str) -> Fields | None:
        return _found(await (await self.director.office(info)).read(lambda realm: realm.formations.named(name)))

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        def read(realm: Realm) -> Fields:
            found = realm.formations
            return page(
                Listing(
                    Cursors(f"formations {realm.tenant_id}", (str,)),
                    read=lambda after, most: found.list(after=after[0] if after else None, most=most),
                    place=lambda formation: (formation.name,),
                    tell=lambda some: [_fields(formation) for formation in some],
                    count=found.count,
                ),
                arguments,
                wanted=names,
            )

        return await (await self.director.office(info)).read(read)

    async def of_object(
        self,
        _: None,
        info: Info,
        objectID: str,  # noqa: N803 - the SDL's
    ) -> list[Fields]:
        office = await self.director.office(info)
        return [
            _fields(formation) for formation in await office.read(lambda realm: realm.formations.of_object(objectID))
        ]

    async def applications(
        self,
        _: None,
        info: Info,
        runtimeID: str,  # noqa: N803 - the SDL's
        **arguments: Any,
    ) -> Fields:
        names = wanted(info)
        applications = EntityFields(self.director, EntityKind.APPLICATION)

        def read(realm: Realm) -> Fields:
            if realm.directory.entity(EntityKind.RUNTIME, runtimeID) is None:
                raise ObjectNotFound
            found = realm.formations

            def after_name(after: tuple[str] | None, most: int) -> Sequence[Entity]:
                return found.applications_of(runtimeID, after=after[0] if after else None, most=most)

            return page(
                Listing(
                    Cursors(f"applicationsForRuntime {realm.tenant_id} {runtimeID}", (str,)),
                    read=after_name,
                    place=lambda entity: (entity.name,),
                    tell=lambda some: applications.tell(realm, some, names),
                    count=lambda: found.count_applications_of(runtimeID),
                ),
                arguments,
                wanted=names,
            )

        if await self.director.acts_for_itself(info):
            own = await self.director.own_office(info, EntityKind.RUNTIME, runtimeID)
            if own is None:
                raise ObjectNotFound  # another's, or none: answered in the same way
            return await own.read(read)
        return await (await self.director.office(info)).read(read)

    async def create(self, _: None, info: Info, formation: Fields) -> Fields:
        return _fields(await (await self.director.office(info)).run(formations.create, formation["name"]))

    async def delete(self, _: None, info: Info, formation: Fields) -> Fields:
        return _fields(await (await self.director.office(info)).run(formations.delete, formation["name"]))

    async def assign(self, _: None, info: Info, **arguments: Any) -> Fields:
        return await self._change(info, formations.assign, **arguments)

    async def unassign(self, _: None, info: Info, **arguments: Any) -> Fields:
        return await self._change(info, formations.unassign, **arguments)

    async def _change(
        self,
        info: Info,
        change: Change,
        objectID: str,  # noqa: N803 - the SDL's
        objectType: str,  # noqa: N803 - the SDL's
        formation: Fields,
    ) -> Fields:
        kind = KINDS.get(objectType)
        if kind is None:
            raise InvalidData("Invalid data objectType: use APPLICATION or RUNTIME.")
        return _fields(await (await self.director.office(info)).run(change, formation["name"], kind, objectID))


def _found(formation: Formation | None) -> Fields | None:
    return None if formation is None else _fields(formation)


def _fields(formation: Formation) -> Fields:
    return {
        "id": formation.id,
        "name": formation.name,
        "formationTemplateId": TEMPLATE,
        "state": READY,
        "status": {"condition": READY, "errors": []},
    }
