"""Records as the domain makes them, each told apart by a number."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import attrgetter
from typing import Any
from uuid import UUID

from connector.domain.audit import Action, Event
from connector.domain.certificates import Certificate
from connector.domain.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.domain.principals import ApiKey, Role
from connector.domain.tokens import OneTimeToken, TokenType
from connector.ports.audit import EventFilter
from connector.ports.transaction import Transaction

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
EXPIRY = NOW + timedelta(minutes=5)


def identifier(number: int) -> str:
    return str(UUID(int=number))


def digest(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big", signed=True)).digest()


def tenant(number: int = 1, **changes: Any) -> Tenant:
    return replace(Tenant(identifier(number), f"tenant-{number}", f"Tenant {number}", NOW), **changes)


def entity(number: int = 1, **changes: Any) -> Entity:
    made = Entity(
        id=identifier(number),
        tenant_id=tenant().id,
        kind=EntityKind.APPLICATION,
        name=f"entity-{number}",
        description=None,
        created_at=NOW,
        provider_name=None,
        integration_system_id=None,
        labels={},
        eventing_runtime_id=None,
        updated_at=None,
    )
    return replace(made, **changes)


def system_auth(number: int = 1, **changes: Any) -> SystemAuth:
    made = SystemAuth(identifier(number), tenant().id, entity().id, EntityKind.APPLICATION, NOW)
    return replace(made, **changes)


def token(number: int = 1, **changes: Any) -> OneTimeToken:
    made = OneTimeToken(
        id=identifier(number),
        digest=digest(number),
        type=TokenType.APPLICATION,
        system_auth_id=system_auth().id,
        owner_id=entity().id,
        tenant_id=tenant().id,
        minted_by="admin:test",
        minted_at=NOW,
        expires_at=EXPIRY,
    )
    return replace(made, **changes)


def certificate(number: int = 1, **changes: Any) -> Certificate:
    made = Certificate(
        serial=f"{number:x}",
        fingerprint=digest(number),
        issuer=digest(-1),
        key=digest(-2),
        system_auth_id=system_auth().id,
        owner_id=entity().id,
        owner_kind=EntityKind.APPLICATION,
        tenant_id=tenant().id,
        not_before=NOW,
        not_after=NOW + timedelta(days=90),
        issued_at=NOW,
        der=bytes(600),
    )
    return replace(made, **changes)


def event(number: int = 1, **changes: Any) -> Event:
    made = Event(at=NOW, action=Action.TOKEN_SPENT, actor=f"token:{number}", token_id=identifier(number))
    return replace(made, **changes)


def api_key(number: int = 1, **changes: Any) -> ApiKey:
    return replace(ApiKey(identifier(number), f"key-{number}", digest(number), NOW, Role.VIEWER), **changes)


def audited(tx: Transaction, action: Action | None = None) -> list[Event]:
    """The events of that action, or of all, newest first: those of no tenant, of the one made here, of all recorded."""
    tenants = {None, tenant().id, *(each.id for each in tx.tenants.list())}
    actions = () if action is None else (action,)
    found = [each for tenant_id in tenants for each in tx.audit.page(EventFilter(tenant_id, actions), most=1_000_000)]
    return [each.event for each in sorted(found, key=attrgetter("number"), reverse=True)]
