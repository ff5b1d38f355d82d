"""The tables of the store in memory, and tenants and their directories over them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Self

from connector.domain.administrators import Administrator, Session, SignInLink
from connector.domain.audit import Event
from connector.domain.catalogue import Service, Texts
from connector.domain.certificates import Certificate, Condition, TrustAnchor
from connector.domain.clients import AccessToken, Client
from connector.domain.crls import CRLRecord
from connector.domain.directory import Entity, EntityKind, SystemAuth, Tenant, ascii_lower
from connector.domain.formations import Assignment, Formation
from connector.domain.identity_tokens import TokenKey
from connector.domain.imports import AdoptedIssuer, Kind, Taken
from connector.domain.issuers import IssuerRecord
from connector.domain.labels import LabelFilter, terms
from connector.domain.overview import Standings
from connector.domain.permissions import Permission
from connector.domain.principals import ApiKey
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound
from connector.domain.tokens import OneTimeToken
from connector.ports.directory import EntityFilter


@dataclass(slots=True)
class Tables:
    """Records by id; tokens by id, certificates by fingerprint, keys by digest."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    system_auths: dict[str, SystemAuth] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    access_tokens: dict[bytes, AccessToken] = field(default_factory=dict)
    tokens: dict[str, OneTimeToken] = field(default_factory=dict)
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    keys: dict[bytes, ApiKey] = field(default_factory=dict)
    anchors: dict[bytes, TrustAnchor] = field(default_factory=dict)
    issuers: dict[bytes, IssuerRecord] = field(default_factory=dict)
    taken: dict[tuple[Kind, str], Taken] = field(default_factory=dict)
    adopted: dict[bytes, AdoptedIssuer] = field(default_factory=dict)
    revocations: dict[bytes, datetime] = field(default_factory=dict)
    administrators: dict[str, Administrator] = field(default_factory=dict)
    links: dict[bytes, SignInLink] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    formations: dict[str, Formation] = field(default_factory=dict)
    assignments: dict[tuple[str, str], Assignment] = field(default_factory=dict)
    services: dict[str, tuple[Service, Texts]] = field(default_factory=dict)
    permissions: dict[str, Permission] = field(default_factory=dict)
    sightings: dict[bytes, datetime] = field(default_factory=dict)
    token_keys: dict[str, TokenKey] = field(default_factory=dict)
    crls: dict[bytes, tuple[CRLRecord, datetime | None, bytes | None]] = field(default_factory=dict)

    def copy(self) -> Self:
        return type(self)(*(getattr(self, table.name).copy() for table in fields(self)))


class MemoryTenants:
    """The tenants."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._tenants = tables.tenants

    def add(self, tenant: Tenant) -> None:
        if self.find(tenant.external_id) is not None:
            raise NotUniqueName
        self._tenants[tenant.id] = tenant

    def find(self, external_id: str) -> Tenant | None:
        return next((tenant for tenant in self._tenants.values() if tenant.external_id == external_id), None)

    def of_id(self, id: str) -> Tenant | None:
        return self._tenants.get(id)

    def profiles(self) -> frozenset[str]:
        chosen = (*self._tables.entities.values(), *self._tenants.values())
        return frozenset(each.profile for each in chosen if each.profile is not None)

    def update(self, tenant: Tenant) -> None:
        if tenant.id not in self._tenants:
            raise ObjectNotFound
        self._tenants[tenant.id] = replace(self._tenants[tenant.id], name=tenant.name, profile=tenant.profile)

    def of_entity(self, kind: EntityKind, id: str) -> Tenant | None:
        found = self._tables.entities.get(id)
        return None if found is None or found.kind is not kind else self._tenants.get(found.tenant_id)

    def of_system_auth(self, id: str) -> Tenant | None:
        auth = self._tables.system_auths.get(id)
        return None if auth is None else self._tenants.get(auth.tenant_id)

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        containing: str = "",
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Tenant]:
        found = [tenant for tenant in self._tenants.values() if within is None or tenant.external_id in within]
        text = ascii_lower(containing)
        found = [each for each in found if text in ascii_lower(each.external_id) or text in ascii_lower(each.name)]
        found = [tenant for tenant in found if after is None or tenant.external_id > after]
        return sorted(found, key=attrgetter("external_id"))[:most]

    def count(self, *, within: frozenset[str] | None = None, containing: str = "") -> int:
        return len(self.list(within=within, containing=containing))


class MemoryDirectory:
    """One tenant's entities and system auths."""

    def __init__(self, tables: Tables, tenant_id: str) -> None:
        self._tables = tables
        self._tenant = tenant_id

    def add_entity(self, entity: Entity) -> None:
        self._own(entity)
        self._check_names(entity)
        self._tables.entities[entity.id] = entity

    def update_entity(self, entity: Entity) -> None:
        self._own(entity)
        if self.entity(entity.kind, entity.id) is None:
            raise ObjectNotFound
        self._check_names(entity)
        self._tables.entities[entity.id] = entity

    def is_free(self, kind: EntityKind, name: str, normalized_name: str | None) -> bool:
        found = self.entities(kind)
        return not any(
            each.name == name or (normalized_name is not None and each.normalized_name == normalized_name)
            for each in found
        )

    def entity(self, kind: EntityKind, id: str) -> Entity | None:
        return next((entity for entity in self.entities(kind) if entity.id == id), None)

    def profile(self, kind: EntityKind, id: str) -> str | None:
        found = self.entity(kind, id)
        if found is None or found.profile is not None:
            return None if found is None else found.profile
        tenant = self._tables.tenants.get(self._tenant)
        return None if tenant is None else tenant.profile

    def entity_named(self, kind: EntityKind, name: str) -> Entity | None:
        return next((entity for entity in self.entities(kind) if entity.name == name), None)

    def entities(
        self,
        kind: EntityKind,
        filters: Sequence[LabelFilter] = (),
        *,
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Entity]:
        found = [
            entity
            for entity in self._tables.entities.values()
            if (entity.tenant_id, entity.kind) == (self._tenant, kind)
            and (after is None or entity.name > after)
            and all(_holds(entity, which) for which in filters)
        ]
        return sorted(found, key=attrgetter("name"))[:most]

    def count_entities(self, kind: EntityKind, filters: Sequence[LabelFilter] = ()) -> int:
        return len(self.entities(kind, filters))

    def search(
        self, which: EntityFilter, *, newest_first: bool, after: tuple[datetime, str] | str | None = None, most: int
    ) -> Sequence[Entity]:
        place: Callable[[Entity], Any] = attrgetter("created_at", "id") if newest_first else attrgetter("name")
        here: Any = after
        found = [
            each
            for each in self.entities(which.kind, which.labels)
            if (which.text is None or which.text.lower() in each.name.lower() or which.text == each.id)
            and (which.begins is None or each.name.startswith(tuple(which.spellings)) or which.begins == each.id)
            and (which.condition is None or self._condition(each, which.now) is which.condition)
            and (here is None or (place(each) < here if newest_first else place(each) > here))
        ]
        return sorted(found, key=place, reverse=newest_first)[:most]

    def standings(self, kind: EntityKind, *, now: datetime) -> Standings:
        conditions = [self._condition(each, now) for each in self.entities(kind)]
        connected, failed = conditions.count(Condition.CONNECTED), conditions.count(Condition.FAILED)
        return Standings(len(conditions), connected, failed)

    def _condition(self, entity: Entity, now: datetime | None) -> Condition:
        mine = [each for each in self._tables.certificates.values() if each.owner_id == entity.id]
        if not mine:
            return Condition.INITIAL
        good = any(each.revoked_at is None and now is not None and each.not_after >= now for each in mine)
        return Condition.CONNECTED if good else Condition.FAILED

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        mine = (entity for entity in self._tables.entities.values() if entity.tenant_id == self._tenant)
        return {entity.id: entity.name for entity in mine if entity.id in ids}

    def remove_entity(self, entity: Entity) -> bool:
        if self.entity(entity.kind, entity.id) is None:
            return False
        if any(other.integration_system_id == entity.id for other in self._tables.entities.values()):
            raise ObjectInUse
        for auth in self.system_auths([entity.id]):
            self.remove_system_auth(auth)
        del self._tables.entities[entity.id]
        for place in [place for place in self._tables.assignments if place[1] == entity.id]:
            del self._tables.assignments[place]
        for id_ in [id_ for id_, (each, _) in self._tables.services.items() if each.application_id == entity.id]:
            del self._tables.services[id_]
        for id_ in [id_ for id_, each in self._tables.permissions.items() if each.system_id == entity.id]:
            del self._tables.permissions[id_]
        return True

    def add_system_auth(self, auth: SystemAuth) -> None:
        self._own(auth)
        if auth.owner_id not in self._tables.entities:
            raise ObjectNotFound
        self._tables.system_auths[auth.id] = auth

    def system_auth(self, id: str) -> SystemAuth | None:
        auth = self._tables.system_auths.get(id)
        return auth if auth is not None and auth.tenant_id == self._tenant else None

    def system_auths(self, owner_ids: Collection[str], *, most: int | None = None) -> Sequence[SystemAuth]:
        mine = (auth for auth in self._tables.system_auths.values() if auth.tenant_id == self._tenant)
        return sorted((auth for auth in mine if auth.owner_id in owner_ids), key=attrgetter("created_at", "id"))[:most]

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        return self.system_auth(auth.id) is not None and bool(self._tables.system_auths.pop(auth.id))

    def _check_names(self, entity: Entity) -> None:
        for other in self.entities(entity.kind):
            alike = entity.normalized_name is not None and other.normalized_name == entity.normalized_name
            if other.id != entity.id and (alike or other.name == entity.name):
                raise NotUniqueName

    def _own(self, record: Entity | SystemAuth) -> None:
        if record.tenant_id != self._tenant:
            raise ValueError("the record is another tenant's")


def _holds(entity: Entity, which: LabelFilter) -> bool:
    if which.key not in entity.labels:
        return False
    return which.term is None or which.term in terms(entity.labels[which.key])
