# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The store in memory, for trying things out: it keeps the same promises, until the process ends.

A transaction works on a copy of the tables, which then takes their place; an exception leaves the old ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from threading import Lock
from typing import Any, Self, TypeVar

from connector import tokens as token_rules
from connector.audit import Action, Event
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.errors import NotUniqueName, ObjectNotFound, StorageReadOnly, StorageUnavailable, TokenUnknown
from connector.inventory import Certificate, RevocationReason
from connector.ports import CertificateFilter, TokenFilter, Transaction
from connector.principals import ApiKey
from connector.tokens import OneTimeToken

T = TypeVar("T")


@dataclass(slots=True)
class _Tables:
    """Records by id; tokens by id, certificates by fingerprint, keys by digest."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    system_auths: dict[str, SystemAuth] = field(default_factory=dict)
    tokens: dict[str, OneTimeToken] = field(default_factory=dict)
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    keys: dict[bytes, ApiKey] = field(default_factory=dict)

    def copy(self) -> Self:
        return type(self)(*(getattr(self, table.name).copy() for table in fields(self)))


class MemoryStore:
    """Runs functions in transactions on tables in memory; see :class:`connector.ports.Store`."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._lock = Lock()
        self._closed = False

    async def transaction(self, function: Callable[[Transaction], T]) -> T:
        with self._lock:
            result, self._tables = self._run(function)
            return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        with self._lock:
            result, tables = self._run(function)
            if tables != self._tables:
                raise StorageReadOnly
            return result

    async def probe(self) -> None:
        await self.transaction(lambda _: None)

    async def close(self) -> None:
        self._closed = True

    def _run(self, function: Callable[[Transaction], T]) -> tuple[T, _Tables]:
        if self._closed:
            raise StorageUnavailable
        tables = self._tables.copy()
        return function(_MemoryTransaction(tables)), tables


class _MemoryDirectory:
    """Tenants, entities, system auths."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    def add_tenant(self, tenant: Tenant) -> None:
        if self.tenant(tenant.external_id) is not None:
            raise NotUniqueName
        self._tables.tenants[tenant.id] = tenant

    def tenant(self, external_id: str) -> Tenant | None:
        return next((tenant for tenant in self._tables.tenants.values() if tenant.external_id == external_id), None)

    def tenants(self) -> Sequence[Tenant]:
        return sorted(self._tables.tenants.values(), key=attrgetter("external_id"))

    def add_entity(self, entity: Entity) -> None:
        if self.entity_named(entity.tenant_id, entity.kind, entity.name) is not None:
            raise NotUniqueName
        self._tables.entities[entity.id] = entity

    def entity(self, tenant_id: str, kind: EntityKind, id: str) -> Entity | None:
        return next((entity for entity in self.entities(tenant_id, kind) if entity.id == id), None)

    def entity_named(self, tenant_id: str, kind: EntityKind, name: str) -> Entity | None:
        return next((entity for entity in self.entities(tenant_id, kind) if entity.name == name), None)

    def entities(self, tenant_id: str, kind: EntityKind) -> Sequence[Entity]:
        found = [
            entity for entity in self._tables.entities.values() if (entity.tenant_id, entity.kind) == (tenant_id, kind)
        ]
        return sorted(found, key=attrgetter("name"))

    def remove_entity(self, entity: Entity) -> bool:
        for auth in self.system_auths(entity.id):
            self.remove_system_auth(auth)
        return self._tables.entities.pop(entity.id, None) is not None

    def add_system_auth(self, auth: SystemAuth) -> None:
        if auth.owner_id not in self._tables.entities:
            raise ObjectNotFound
        self._tables.system_auths[auth.id] = auth

    def system_auth(self, tenant_id: str, id: str) -> SystemAuth | None:
        auth = self._tables.system_auths.get(id)
        return auth if auth is not None and auth.tenant_id == tenant_id else None

    def system_auths(self, owner_id: str) -> Sequence[SystemAuth]:
        found = [auth for auth in self._tables.system_auths.values() if auth.owner_id == owner_id]
        return sorted(found, key=attrgetter("created_at", "id"))

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        return self._tables.system_auths.pop(auth.id, None) is not None


class _MemoryTokens:
    """One-time tokens."""

    def __init__(self, tables: _Tables) -> None:
        self._tokens = tables.tokens

    def add(self, token: OneTimeToken) -> None:
        if token.id in self._tokens or self.find(token.digest) is not None:
            raise ValueError("the token is recorded already")
        self._tokens[token.id] = token

    def find(self, digest: bytes) -> OneTimeToken | None:
        return next((token for token in self._tokens.values() if token.digest == digest), None)

    def list(self, which: TokenFilter) -> Sequence[OneTimeToken]:
        found = [token for token in self._tokens.values() if _fits(token, which)]
        return sorted(found, key=attrgetter("minted_at", "id"), reverse=True)

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        current = token_rules.check(self._tokens.get(token.id), token.digest, now=now)
        self._tokens[token.id] = replace(current, spent_at=now)

    def count_refusal(self, token: OneTimeToken) -> OneTimeToken:
        current = self._tokens.get(token.id)
        if current is None:
            raise TokenUnknown
        self._tokens[token.id] = counted = replace(current, refusals=current.refusals + 1)
        return counted

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        _refuse_empty(which)
        is_open = (token for token in self.list(which) if token.spent_at is None and token.withdrawn_at is None)
        withdrawn = [replace(token, withdrawn_at=now) for token in is_open]
        self._tokens.update((token.id, token) for token in withdrawn)
        return withdrawn


class _MemoryInventory:
    """Issued certificates."""

    def __init__(self, tables: _Tables) -> None:
        self._certificates = tables.certificates

    def add(self, certificate: Certificate) -> None:
        same_serial = any(
            (other.issuer, other.serial) == (certificate.issuer, certificate.serial)
            for other in self._certificates.values()
        )
        if same_serial or certificate.fingerprint in self._certificates:
            raise ValueError("the certificate is recorded already")
        self._certificates[certificate.fingerprint] = certificate

    def find(self, fingerprint: bytes) -> Certificate | None:
        return self._certificates.get(fingerprint)

    def list(self, which: CertificateFilter) -> Sequence[Certificate]:
        found = [certificate for certificate in self._certificates.values() if _fits(certificate, which)]
        return sorted(found, key=attrgetter("issued_at", "fingerprint"), reverse=True)

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        current = self._certificates.get(certificate.fingerprint)
        if current is not None and current.superseded_at is None:
            self._certificates[current.fingerprint] = replace(current, superseded_at=now)

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        _refuse_empty(which)
        good = [certificate for certificate in self.list(which) if certificate.revoked_at is None]
        revoked = [replace(certificate, revoked_at=now, revocation_reason=reason) for certificate in good]
        self._certificates.update((certificate.fingerprint, certificate) for certificate in revoked)
        return revoked


class _MemoryAudit:
    """The events."""

    def __init__(self, tables: _Tables) -> None:
        self._events = tables.events

    def append(self, *events: Event) -> None:
        self._events.extend(events)

    def list(self, *, action: Action | None = None, limit: int = 1000) -> Sequence[Event]:
        return [event for event in reversed(self._events) if action in (None, event.action)][:limit]


class _MemoryApiKeys:
    """Administrators' keys."""

    def __init__(self, tables: _Tables) -> None:
        self._keys = tables.keys

    def add(self, key: ApiKey) -> None:
        if key.digest in self._keys:
            raise ValueError("the key is recorded already")
        self._keys[key.digest] = key

    def find(self, digest: bytes) -> ApiKey | None:
        return self._keys.get(digest)

    def any(self) -> bool:
        return bool(self._keys)


class _MemoryTransaction:
    """All that one transaction can read and write."""

    def __init__(self, tables: _Tables) -> None:
        self.directory = _MemoryDirectory(tables)
        self.tokens = _MemoryTokens(tables)
        self.inventory = _MemoryInventory(tables)
        self.audit = _MemoryAudit(tables)
        self.keys = _MemoryApiKeys(tables)


def _fits(record: OneTimeToken | Certificate, which: TokenFilter | CertificateFilter) -> bool:
    given = ((item.name, getattr(which, item.name)) for item in fields(which))
    return all(value is None or getattr(record, name) == value for name, value in given)


def _refuse_empty(which: Any) -> None:
    if which == type(which)():
        raise ValueError("an empty filter fits everything")
