# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The ports over SQL: one class for each, on a connection whose transaction somebody else begins and ends.

Statements are built once, here, so that SQLAlchemy compiles each once. A row holds a record's fields in their order.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector import tokens as token_rules
from connector.audit import Action, Event
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.errors import NotUniqueName, ObjectNotFound, TokenSpent, TokenUnknown
from connector.inventory import Certificate, RevocationReason
from connector.ports import CertificateFilter, TokenFilter
from connector.principals import ApiKey
from connector.storage import schema
from connector.storage.schema import (
    api_keys,
    audit_events,
    certificates,
    entities,
    probes,
    system_auths,
    tenants,
    tokens,
)
from connector.tokens import OneTimeToken

_FIND_TENANT = select(tenants).where(tenants.c.external_id == bindparam("external_id"))
_TENANTS = select(tenants).order_by(tenants.c.external_id)
_KIND = (entities.c.tenant_id == bindparam("tenant"), entities.c.kind == bindparam("kind"))
_FIND_ENTITY = select(entities).where(*_KIND, entities.c.id == bindparam("id"))
_FIND_ENTITY_NAMED = select(entities).where(*_KIND, entities.c.name == bindparam("name"))
_ENTITIES = select(entities).where(*_KIND).order_by(entities.c.name)
_REMOVE_ENTITY = delete(entities).where(entities.c.id == bindparam("this"))
_FIND_SYSTEM_AUTH = select(system_auths).where(
    system_auths.c.tenant_id == bindparam("tenant"), system_auths.c.id == bindparam("id")
)
_SYSTEM_AUTHS = (
    select(system_auths)
    .where(system_auths.c.owner_id == bindparam("owner"))
    .order_by(system_auths.c.created_at, system_auths.c.id)
)
_REMOVE_SYSTEM_AUTH = delete(system_auths).where(system_auths.c.id == bindparam("this"))

_OPEN = (tokens.c.spent_at.is_(None), tokens.c.withdrawn_at.is_(None))
_MINTED = (*_OPEN, tokens.c.expires_at > bindparam("now", type_=schema.Moment))
_FIND_TOKEN = select(tokens).where(tokens.c.digest == bindparam("digest"))
_READ_TOKEN = select(tokens).where(tokens.c.id == bindparam("id"))
_TOKENS = select(tokens).order_by(tokens.c.minted_at.desc(), tokens.c.id.desc())
_REDEEM = update(tokens).where(tokens.c.id == bindparam("this"), *_MINTED).values(spent_at=bindparam("now"))
_COUNT_REFUSAL = (
    update(tokens).where(tokens.c.id == bindparam("this")).values(refusals=tokens.c.refusals + 1).returning(tokens)
)
_WITHDRAW = update(tokens).where(*_OPEN).values(withdrawn_at=bindparam("now")).returning(tokens)

_FIND_CERTIFICATE = select(certificates).where(certificates.c.fingerprint == bindparam("fingerprint"))
_CERTIFICATES = select(certificates).order_by(certificates.c.issued_at.desc(), certificates.c.fingerprint.desc())
_SUPERSEDE = (
    update(certificates)
    .where(certificates.c.fingerprint == bindparam("this"), certificates.c.superseded_at.is_(None))
    .values(superseded_at=bindparam("now"))
)
_REVOKE = (
    update(certificates)
    .where(certificates.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revocation_reason=bindparam("reason"))
    .returning(certificates)
)

_EVENT_COLUMNS = [column for column in audit_events.c if column is not audit_events.c.id]
_EVENTS = select(*_EVENT_COLUMNS).order_by(audit_events.c.id.desc()).limit(bindparam("most"))
_EVENTS_OF_ACTION = _EVENTS.where(audit_events.c.action == bindparam("action"))

_FIND_KEY = select(api_keys).where(api_keys.c.digest == bindparam("digest"))
_ANY_KEY = select(api_keys.c.id).limit(1)

_PROBE = update(probes).values(count=probes.c.count + 1)


class _Insert:
    """The statement that records one record of a type, and the values that it takes."""

    def __init__(self, table: Table, record: type[Any]) -> None:
        self._names = [field.name for field in fields(record)]
        self._values = attrgetter(*self._names)
        # Inline: nobody asks for the key that the database gave.
        self._statement = insert(table).inline()

    def __call__(self, connection: Connection, *records: object, taken: Exception) -> None:
        rows = [dict(zip(self._names, self._values(record), strict=True)) for record in records]
        try:
            connection.execute(self._statement, rows)
        except IntegrityError as error:
            raise taken from error


_ADD_TENANT = _Insert(tenants, Tenant)
_ADD_ENTITY = _Insert(entities, Entity)
_ADD_SYSTEM_AUTH = _Insert(system_auths, SystemAuth)
_ADD_TOKEN = _Insert(tokens, OneTimeToken)
_ADD_CERTIFICATE = _Insert(certificates, Certificate)
_ADD_EVENT = _Insert(audit_events, Event)
_ADD_KEY = _Insert(api_keys, ApiKey)


class SqlDirectory:
    """Tenants, entities, system auths."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_tenant(self, tenant: Tenant) -> None:
        _ADD_TENANT(self._connection, tenant, taken=NotUniqueName())

    def tenant(self, external_id: str) -> Tenant | None:
        row = self._connection.execute(_FIND_TENANT, {"external_id": external_id}).one_or_none()
        return None if row is None else Tenant(*row)

    def tenants(self) -> Sequence[Tenant]:
        return [Tenant(*row) for row in self._connection.execute(_TENANTS)]

    def add_entity(self, entity: Entity) -> None:
        _ADD_ENTITY(self._connection, entity, taken=NotUniqueName())

    def entity(self, tenant_id: str, kind: EntityKind, id: str) -> Entity | None:
        row = self._connection.execute(_FIND_ENTITY, {"tenant": tenant_id, "kind": kind, "id": id}).one_or_none()
        return None if row is None else Entity(*row)

    def entity_named(self, tenant_id: str, kind: EntityKind, name: str) -> Entity | None:
        values = {"tenant": tenant_id, "kind": kind, "name": name}
        row = self._connection.execute(_FIND_ENTITY_NAMED, values).one_or_none()
        return None if row is None else Entity(*row)

    def entities(self, tenant_id: str, kind: EntityKind) -> Sequence[Entity]:
        return [Entity(*row) for row in self._connection.execute(_ENTITIES, {"tenant": tenant_id, "kind": kind})]

    def remove_entity(self, entity: Entity) -> bool:
        return self._connection.execute(_REMOVE_ENTITY, {"this": entity.id}).rowcount > 0

    def add_system_auth(self, auth: SystemAuth) -> None:
        _ADD_SYSTEM_AUTH(self._connection, auth, taken=ObjectNotFound())

    def system_auth(self, tenant_id: str, id: str) -> SystemAuth | None:
        row = self._connection.execute(_FIND_SYSTEM_AUTH, {"tenant": tenant_id, "id": id}).one_or_none()
        return None if row is None else SystemAuth(*row)

    def system_auths(self, owner_id: str) -> Sequence[SystemAuth]:
        return [SystemAuth(*row) for row in self._connection.execute(_SYSTEM_AUTHS, {"owner": owner_id})]

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        return self._connection.execute(_REMOVE_SYSTEM_AUTH, {"this": auth.id}).rowcount > 0


class SqlTokens:
    """One-time tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: OneTimeToken) -> None:
        _ADD_TOKEN(self._connection, token, taken=ValueError("the token is recorded already"))

    def find(self, digest: bytes) -> OneTimeToken | None:
        row = self._connection.execute(_FIND_TOKEN, {"digest": digest}).one_or_none()
        return None if row is None else OneTimeToken(*row)

    def list(self, which: TokenFilter) -> Sequence[OneTimeToken]:
        return [OneTimeToken(*row) for row in self._connection.execute(_TOKENS.where(*_fit(which, tokens)))]

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        if self._connection.execute(_REDEEM, {"this": token.id, "now": now}).rowcount == 1:
            return
        row = self._connection.execute(_READ_TOKEN, {"id": token.id}).one_or_none()
        token_rules.check(None if row is None else OneTimeToken(*row), token.digest, now=now)
        raise TokenSpent  # the rule and the statement disagree: nothing was spent, so nothing is granted

    def count_refusal(self, token: OneTimeToken) -> OneTimeToken:
        row = self._connection.execute(_COUNT_REFUSAL, {"this": token.id}).one_or_none()
        if row is None:
            raise TokenUnknown
        return OneTimeToken(*row)

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        rows = self._connection.execute(_WITHDRAW.where(*_fit_some(which, tokens)), {"now": now})
        return sorted((OneTimeToken(*row) for row in rows), key=attrgetter("minted_at", "id"), reverse=True)


class SqlInventory:
    """Issued certificates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, certificate: Certificate) -> None:
        _ADD_CERTIFICATE(self._connection, certificate, taken=ValueError("the certificate is recorded already"))

    def find(self, fingerprint: bytes) -> Certificate | None:
        row = self._connection.execute(_FIND_CERTIFICATE, {"fingerprint": fingerprint}).one_or_none()
        return None if row is None else Certificate(*row)

    def list(self, which: CertificateFilter) -> Sequence[Certificate]:
        rows = self._connection.execute(_CERTIFICATES.where(*_fit(which, certificates)))
        return [Certificate(*row) for row in rows]

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        self._connection.execute(_SUPERSEDE, {"this": certificate.fingerprint, "now": now})

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        statement = _REVOKE.where(*_fit_some(which, certificates))
        rows = self._connection.execute(statement, {"now": now, "reason": reason})
        return sorted((Certificate(*row) for row in rows), key=attrgetter("issued_at", "fingerprint"), reverse=True)


class SqlAudit:
    """The events."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, *events: Event) -> None:
        _ADD_EVENT(self._connection, *events, taken=ValueError("the event cannot be recorded"))

    def list(self, *, action: Action | None = None, limit: int = 1000) -> Sequence[Event]:
        if action is None:
            rows = self._connection.execute(_EVENTS, {"most": limit})
        else:
            rows = self._connection.execute(_EVENTS_OF_ACTION, {"action": action, "most": limit})
        return [Event(**row) for row in rows.mappings()]


class SqlApiKeys:
    """Administrators' keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        _ADD_KEY(self._connection, key, taken=ValueError("the key is recorded already"))

    def find(self, digest: bytes) -> ApiKey | None:
        row = self._connection.execute(_FIND_KEY, {"digest": digest}).one_or_none()
        return None if row is None else ApiKey(*row)

    def any(self) -> bool:
        return self._connection.execute(_ANY_KEY).first() is not None


class SqlTransaction:
    """All that one transaction can read and write."""

    def __init__(self, connection: Connection) -> None:
        self.directory = SqlDirectory(connection)
        self.tokens = SqlTokens(connection)
        self.inventory = SqlInventory(connection)
        self.audit = SqlAudit(connection)
        self.keys = SqlApiKeys(connection)
        self._connection = connection

    def probe(self) -> None:
        """Write something that means nothing."""
        self._connection.execute(_PROBE)


def _fit(which: TokenFilter | CertificateFilter, table: Table) -> list[ColumnElement[bool]]:
    """The conditions of a filter; its fields are named as the columns."""
    given = {field.name: getattr(which, field.name) for field in fields(which)}
    return [table.c[name] == value for name, value in given.items() if value is not None]


def _fit_some(which: TokenFilter | CertificateFilter, table: Table) -> list[ColumnElement[bool]]:
    """The same, where an empty filter would change every row."""
    conditions = _fit(which, table)
    if not conditions:
        raise ValueError("an empty filter fits everything")
    return conditions
