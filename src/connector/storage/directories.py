# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""Tenants, and what each has registered, over SQL.

A directory is made for one tenant, and all its statements name that tenant.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, or_, select, union, update
from sqlalchemy.exc import IntegrityError

from connector.domain import labels
from connector.domain.directory import Entity, EntityKind, SystemAuth, Tenant, ascii_lower
from connector.domain.labels import LabelFilter
from connector.domain.overview import Standings
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound
from connector.ports.directory import EntityFilter
from connector.storage import searches
from connector.storage.schema import entities, label_terms, system_auths, tenants
from connector.storage.statements import Insert, Prepared, PreparedAmong, page

_FIND_TENANT = Prepared(select(tenants).where(tenants.c.external_id == bindparam("external_id")))
_READ_TENANT = select(tenants).where(tenants.c.id == bindparam("id"))
_UPDATE_TENANT = (
    update(tenants)
    .where(tenants.c.id == bindparam("this"))
    .values(name=bindparam("new_name"), profile=bindparam("new_profile"))
)
_TENANT_OF_ENTITY = (
    select(tenants)
    .join(entities, entities.c.tenant_id == tenants.c.id)
    .where(entities.c.id == bindparam("id"), entities.c.kind == bindparam("kind"))
)
_TENANT_OF_AUTH = (
    select(tenants)
    .join(system_auths, system_auths.c.tenant_id == tenants.c.id)
    .where(system_auths.c.id == bindparam("id"))
)

_THIS = (entities.c.tenant_id == bindparam("tenant"), entities.c.id == bindparam("this"))
_KIND = (entities.c.tenant_id == bindparam("tenant"), entities.c.kind == bindparam("kind"))
_FIND_ENTITY = Prepared(select(entities).where(*_KIND, entities.c.id == bindparam("id")))
_FIND_ENTITY_NAMED = select(entities).where(*_KIND, entities.c.name == bindparam("name"))
_PROFILE = Prepared(
    select(func.coalesce(entities.c.profile, tenants.c.profile))
    .select_from(entities.join(tenants, tenants.c.id == entities.c.tenant_id))
    .where(*_KIND, entities.c.id == bindparam("id"))
)
_SAME_NAME = Prepared(select(entities.c.id).where(*_KIND, entities.c.name == bindparam("name")).limit(1))
_SAME_NORMALIZED = Prepared(
    select(entities.c.id)
    .where(entities.c.tenant_id == bindparam("tenant"), entities.c.normalized_name == bindparam("normalized"))
    .limit(1)
)
_NAMES = PreparedAmong(
    select(entities.c.id, entities.c.name).where(entities.c.tenant_id == bindparam("tenant")), entities.c.id
)
_CHANGED = (
    "name",
    "description",
    "provider_name",
    "integration_system_id",
    "labels",
    "eventing_runtime_id",
    "details",
    "normalized_name",
    "profile",
)
_UPDATE_ENTITY = (
    update(entities).where(*_THIS).values({name: bindparam(f"new_{name}") for name in (*_CHANGED, "updated_at")})
)
_REMOVE_ENTITY = delete(entities).where(*_THIS)
_REMOVE_TERMS = delete(label_terms).where(label_terms.c.owner_id == bindparam("this"))
_ADD_TERMS = insert(label_terms).inline()

_MINE = system_auths.c.tenant_id == bindparam("tenant")
_FIND_SYSTEM_AUTH = select(system_auths).where(_MINE, system_auths.c.id == bindparam("id"))
_SYSTEM_AUTHS = PreparedAmong(
    select(system_auths).where(_MINE).order_by(system_auths.c.created_at, system_auths.c.id).limit(bindparam("most")),
    system_auths.c.owner_id,
)
_REMOVE_SYSTEM_AUTH = delete(system_auths).where(_MINE, system_auths.c.id == bindparam("this"))

_NO_LIMIT = 2**63 - 1
_BY_AGE = attrgetter("created_at", "id")

_ADD_TENANT = Insert(tenants, Tenant)
_ADD_ENTITY = Insert(entities, Entity)
_ADD_SYSTEM_AUTH = Insert(system_auths, SystemAuth)


class SqlTenants:
    """The tenants."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: Tenant) -> None:
        _ADD_TENANT(self._connection, tenant, taken=NotUniqueName())

    def find(self, external_id: str) -> Tenant | None:
        row = _FIND_TENANT.first(self._connection, external_id=external_id)
        return None if row is None else Tenant(*row)

    def of_id(self, id: str) -> Tenant | None:
        row = self._connection.execute(_READ_TENANT, {"id": id}).one_or_none()
        return None if row is None else Tenant(*row)

    def profiles(self) -> frozenset[str]:
        chosen = union(*(select(each).where(each.is_not(None)) for each in (entities.c.profile, tenants.c.profile)))
        return frozenset(self._connection.execute(chosen).scalars())

    def update(self, tenant: Tenant) -> None:
        written = {"this": tenant.id, "new_name": tenant.name, "new_profile": tenant.profile}
        if self._connection.execute(_UPDATE_TENANT, written).rowcount == 0:
            raise ObjectNotFound

    def of_entity(self, kind: EntityKind, id: str) -> Tenant | None:
        row = self._connection.execute(_TENANT_OF_ENTITY, {"kind": kind, "id": id}).one_or_none()
        return None if row is None else Tenant(*row)

    def of_system_auth(self, id: str) -> Tenant | None:
        row = self._connection.execute(_TENANT_OF_AUTH, {"id": id}).one_or_none()
        return None if row is None else Tenant(*row)

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        containing: str = "",
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Tenant]:
        place = None if after is None else (after,)
        statement = select(tenants).where(*_within(within), *_containing(containing))
        statement = page(statement, [tenants.c.external_id], newest_first=False, after=place, most=most)
        return [Tenant(*row) for row in self._connection.execute(statement)]

    def count(self, *, within: frozenset[str] | None = None, containing: str = "") -> int:
        statement = select(func.count()).select_from(tenants).where(*_within(within), *_containing(containing))
        return self._connection.execute(statement).scalar_one()


class SqlDirectory:
    """One tenant's entities and system auths."""

    def __init__(self, connection: Connection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant = tenant_id

    def add_entity(self, entity: Entity) -> None:
        self._own(entity)
        _ADD_ENTITY(self._connection, entity, taken=NotUniqueName())
        self._add_terms(entity)

    def update_entity(self, entity: Entity) -> None:
        self._own(entity)
        values = {f"new_{name}": getattr(entity, name) for name in (*_CHANGED, "updated_at")}
        try:
            done = self._connection.execute(_UPDATE_ENTITY, {**values, "this": entity.id, "tenant": self._tenant})
        except IntegrityError as error:
            raise NotUniqueName from error
        if done.rowcount == 0:
            raise ObjectNotFound
        self._connection.execute(_REMOVE_TERMS, {"this": entity.id})
        self._add_terms(entity)

    def is_free(self, kind: EntityKind, name: str, normalized_name: str | None) -> bool:
        values = {"tenant": self._tenant, "kind": kind, "name": name}
        if _SAME_NAME.first(self._connection, **values) is not None:
            return False
        if normalized_name is None:
            return True
        found = _SAME_NORMALIZED.first(self._connection, tenant=self._tenant, normalized=normalized_name)
        return found is None

    def entity(self, kind: EntityKind, id: str) -> Entity | None:
        row = _FIND_ENTITY.first(self._connection, tenant=self._tenant, kind=kind, id=id)
        return None if row is None else Entity(*row)

    def entity_named(self, kind: EntityKind, name: str) -> Entity | None:
        values = {"tenant": self._tenant, "kind": kind, "name": name}
        row = self._connection.execute(_FIND_ENTITY_NAMED, values).one_or_none()
        return None if row is None else Entity(*row)

    def profile(self, kind: EntityKind, id: str) -> str | None:
        row = _PROFILE.first(self._connection, tenant=self._tenant, kind=kind, id=id)
        return None if row is None else row[0]

    def entities(
        self,
        kind: EntityKind,
        filters: Sequence[LabelFilter] = (),
        *,
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Entity]:
        place = None if after is None else (after,)
        statement = select(entities).where(*_KIND, *map(_holds, filters))
        statement = page(statement, [entities.c.name], newest_first=False, after=place, most=most)
        return [Entity(*row) for row in self._connection.execute(statement, {"tenant": self._tenant, "kind": kind})]

    def count_entities(self, kind: EntityKind, filters: Sequence[LabelFilter] = ()) -> int:
        statement = select(func.count()).select_from(entities).where(*_KIND, *map(_holds, filters))
        return self._connection.execute(statement, {"tenant": self._tenant, "kind": kind}).scalar_one()

    def search(
        self, which: EntityFilter, *, newest_first: bool, after: tuple[datetime, str] | str | None = None, most: int
    ) -> Sequence[Entity]:
        conditions = [*searches.conditions(self._tenant, which), *map(_holds, which.labels)]
        if which.begins is not None:
            return searches.beginning(
                self._connection, which, conditions, newest_first=newest_first, after=after, most=most
            )
        order = [entities.c.created_at, entities.c.id] if newest_first else [entities.c.name]
        place = (after,) if isinstance(after, str) else after
        statement = page(select(entities).where(*conditions), order, newest_first=newest_first, after=place, most=most)
        return [Entity(*row) for row in self._connection.execute(statement)]

    def standings(self, kind: EntityKind, *, now: datetime) -> Standings:
        return searches.standings(self._connection, self._tenant, kind, now=now)

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        return {row[0]: row[1] for row in _NAMES.all(self._connection, ids, tenant=self._tenant)}

    def remove_entity(self, entity: Entity) -> bool:
        values = {"this": entity.id, "tenant": self._tenant}
        try:
            return self._connection.execute(_REMOVE_ENTITY, values).rowcount > 0
        except IntegrityError as error:
            raise ObjectInUse from error

    def add_system_auth(self, auth: SystemAuth) -> None:
        self._own(auth)
        _ADD_SYSTEM_AUTH(self._connection, auth, taken=ObjectNotFound())

    def system_auth(self, id: str) -> SystemAuth | None:
        row = self._connection.execute(_FIND_SYSTEM_AUTH, {"tenant": self._tenant, "id": id}).one_or_none()
        return None if row is None else SystemAuth(*row)

    def system_auths(self, owner_ids: Collection[str], *, most: int | None = None) -> Sequence[SystemAuth]:
        rows = _SYSTEM_AUTHS.all(
            self._connection, owner_ids, tenant=self._tenant, most=_NO_LIMIT if most is None else most
        )
        return sorted((SystemAuth(*row) for row in islice(rows, most)), key=_BY_AGE)

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        values = {"this": auth.id, "tenant": self._tenant}
        return self._connection.execute(_REMOVE_SYSTEM_AUTH, values).rowcount > 0

    def _own(self, record: Entity | SystemAuth) -> None:
        if record.tenant_id != self._tenant:
            raise ValueError("the record is another tenant's")

    def _add_terms(self, entity: Entity) -> None:
        rows: list[dict[str, Any]] = [
            {"owner_id": entity.id, "key": key, "term": term}
            for key, value in entity.labels.items()
            for term in labels.terms(value)
        ]
        if rows:
            self._connection.execute(_ADD_TERMS, rows)


def _within(external_ids: frozenset[str] | None) -> list[ColumnElement[bool]]:
    return [] if external_ids is None else [tenants.c.external_id.in_(sorted(external_ids))]


def _containing(text: str) -> list[ColumnElement[bool]]:
    if not text:
        return []
    lowered = ascii_lower(text)
    return [
        or_(
            *(
                func.lower(column).contains(lowered, autoescape=True)
                for column in (tenants.c.external_id, tenants.c.name)
            )
        )
    ]


def _holds(which: LabelFilter) -> ColumnElement[bool]:
    found = exists().where(label_terms.c.owner_id == entities.c.id, label_terms.c.key == which.key)
    return found if which.term is None else found.where(label_terms.c.term == which.term)
