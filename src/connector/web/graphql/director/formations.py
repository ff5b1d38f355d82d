"""Formations, and the applications that a runtime sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ariadne import MutationType, QueryType

from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Formation
from connector.domain.principals import Holder
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.ports.transaction import Transaction
from connector.usecases import formations
from connector.usecases.access import Realm
from connector.web.graphql.call import Info
from connector.web.graphql.director.api import Director
from connector.web.graphql.director.entities import EntityFields
from connector.web.graphql.director.paging import Cursors, Fields, page
from connector.web.graphql.wanted import wanted

KINDS = {kind.name: kind for kind in (EntityKind.APPLICATION, EntityKind.RUNTIME)}

# Clients select it; there are no templates.
TEMPLATE = str(UUID(int=0))
READY = "READY"

Change = Callable[..., Formation]


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
        return await self.director.read(info, lambda tx, realm: _found(tx.formations(realm.tenant.id).find(id)))

    async def named(self, _: None, info: Info, name: str) -> Fields | None:
        return await self.director.read(info, lambda tx, realm: _found(tx.formations(realm.tenant.id).named(name)))

    async def many(self, _: None, info: Info, **arguments: Any) -> Fields:
        names = wanted(info)

        def read(tx: Transaction, realm: Realm) -> Fields:
            found = tx.formations(realm.tenant.id)
            return page(
                Cursors(f"formations {realm.tenant.id}", (str,)),
                arguments,
                read=lambda after, most: found.list(after=after[0] if after else None, most=most),
                place=lambda formation: (formation.name,),
                tell=lambda some: [_fields(formation) for formation in some],
                count=found.count,
                wanted=names,
            )

        return await self.director.read(info, read)

    async def of_object(
        self,
        _: None,
        info: Info,
        objectID: str,  # noqa: N803 - the SDL's
    ) -> list[Fields]:
        def read(tx: Transaction, realm: Realm) -> list[Fields]:
            return [_fields(formation) for formation in tx.formations(realm.tenant.id).of_object(objectID)]

        return await self.director.read(info, read)

    async def applications(
        self,
        _: None,
        info: Info,
        runtimeID: str,  # noqa: N803 - the SDL's
        **arguments: Any,
    ) -> Fields:
        names = wanted(info)
        applications = EntityFields(self.director, EntityKind.APPLICATION)

        def read(tx: Transaction, realm: Realm) -> Fields:
            if tx.directory(realm.tenant.id).entity(EntityKind.RUNTIME, runtimeID) is None:
                raise ObjectNotFound
            found = tx.formations(realm.tenant.id)

            def after_name(after: tuple[str] | None, most: int) -> Sequence[Entity]:
                return found.applications_of(runtimeID, after=after[0] if after else None, most=most)

            return page(
                Cursors(f"applicationsForRuntime {realm.tenant.id} {runtimeID}", (str,)),
                arguments,
                read=after_name,
                place=lambda entity: (entity.name,),
                tell=lambda some: applications.tell(tx, realm, some, names),
                count=lambda: found.count_applications_of(runtimeID),
                wanted=names,
            )

        if isinstance(info.context.principal, Holder):
            own = await self.director.read_own(info, EntityKind.RUNTIME, runtimeID, read)
            if own is None:
                raise ObjectNotFound  # another's, or none: answered in the same way
            return own
        return await self.director.read(info, read)

    async def create(self, _: None, info: Info, formation: Fields) -> Fields:
        enrollment = self.director.enrollment
        made = await self.director.write(
            info,
            lambda tx, realm: formations.create(
                tx, realm, formation["name"], make_id=enrollment.make_id, now=enrollment.clock()
            ),
        )
        return _fields(made)

    async def delete(self, _: None, info: Info, formation: Fields) -> Fields:
        now = self.director.enrollment.clock()
        return _fields(
            await self.director.write(info, lambda tx, realm: formations.delete(tx, realm, formation["name"], now=now))
        )

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
        now, kind = self.director.enrollment.clock(), KINDS.get(objectType)
        if kind is None:
            raise InvalidData("Invalid data objectType: use APPLICATION or RUNTIME.")
        return _fields(
            await self.director.write(
                info, lambda tx, realm: change(tx, realm, formation["name"], kind, objectID, now=now)
            )
        )


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
