"""Who may act where: the way into a tenant, and the keys that open it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain import directory, principals
from connector.domain.audit import Action, Event
from connector.domain.certificates import Certificate
from connector.domain.directory import Tenant
from connector.domain.principals import SCOPES, ApiKey, Caller, Role, Scope
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound, TenantRequired
from connector.domain.tokens import OneTimeToken
from connector.ports.transaction import MakeID, Random, Transaction

OPERATOR = Caller("command", "command", Role.ADMINISTRATOR, None)
"""Whoever can run commands on the server's own database. No key acts under that name: theirs begin with ``admin:``."""


@dataclass(frozen=True, slots=True)
class Realm:
    """One tenant, and who acts there with which scopes: the proof that they may, made by this module alone."""

    tenant: Tenant
    actor: str
    scopes: frozenset[Scope]


def enter(tx: Transaction, caller: Caller, external_id: str | None) -> Realm:
    """The tenant that the caller named.

    Raises:
        TenantRequired, TenantNotFound, TenantForbidden: none was named, there is no such tenant, or the caller has no
            right to it. Who may not enter every tenant is not told which ones there are.
    """
    if not external_id:
        raise TenantRequired
    if caller.tenants is not None and external_id not in caller.tenants:
        raise TenantForbidden
    tenant = tx.tenants.find(external_id)
    if tenant is None:
        raise TenantNotFound
    return Realm(tenant, caller.actor, SCOPES[caller.role])


def enter_as_holder(tx: Transaction, certificate: Certificate, external_id: str | None, *scopes: Scope) -> Realm:
    """The tenant of a certificate that was found to be good, in which its holder has these scopes.

    Raises:
        TenantForbidden: another tenant was named.
    """
    tenant = tx.tenants.of_id(certificate.tenant_id)
    if tenant is None or (external_id and external_id != tenant.external_id):
        raise TenantForbidden
    return Realm(tenant, f"certificate:{certificate.serial}", frozenset(scopes))


def enter_as_bearer(tx: Transaction, token: OneTimeToken, *scopes: Scope) -> Realm:
    """The tenant of a one-time token that was found to be good, in which its bearer has these scopes.

    Raises:
        TenantForbidden: the tenant is gone.
    """
    tenant = tx.tenants.of_id(token.tenant_id)
    if tenant is None:
        raise TenantForbidden
    return Realm(tenant, f"token:{token.id}", frozenset(scopes))


def create_tenant(
    tx: Transaction, caller: Caller, external_id: str, name: str, *, make_id: MakeID, now: datetime
) -> Tenant:
    """Create a tenant.

    Raises:
        TenantForbidden: the caller may not enter every tenant, so not a new one either.
        InvalidData, NotUniqueName: the external id or the name breaks a rule, or the external id is taken.
    """
    if caller.tenants is not None:
        raise TenantForbidden("Unauthorized: tenants are created by callers for every tenant. Use such a credential.")
    tenant = directory.register_tenant(external_id, name, id=make_id(), now=now)
    tx.tenants.add(tenant)
    tx.audit.append(
        Event(at=now, action=Action.TENANT_CREATED, actor=caller.actor, tenant_id=tenant.id, reason=tenant.external_id)
    )
    return tenant


def make_api_key(
    tx: Transaction,
    caller: Caller,
    name: str,
    *,
    role: Role,
    tenant: str | None,
    lifetime: timedelta | None,
    random: Random,
    make_id: MakeID,
    now: datetime,
) -> tuple[str, ApiKey]:
    """Make an API key for one tenant, by its external id, or for every tenant: its text and its record.

    Raises:
        TenantForbidden, TenantNotFound: the caller has no right to that tenant, or there is no such tenant.
        InvalidData, NotUniqueName: the name or the lifetime breaks a rule, or the name is taken.
    """
    realm = None
    if tenant is not None:
        realm = enter(tx, caller, tenant)
    elif caller.tenants is not None:
        raise TenantForbidden
    text, key = principals.make_key(
        random(principals.KEY_OCTETS),
        id=make_id(),
        name=name,
        role=role,
        tenant=tenant,
        created_by=caller.actor,
        lifetime=lifetime,
        now=now,
    )
    tx.keys.add(key)
    tx.audit.append(_key_event(Action.KEY_CREATED, key, realm, caller, now=now))
    return text, key


def revoke_api_key(tx: Transaction, caller: Caller, id: str, *, now: datetime) -> ApiKey:
    """Revoke an API key, from its next use on; one that is revoked already stays as it is.

    Raises:
        ObjectNotFound: there is none of that id among those that the caller may see.
    """
    key = tx.keys.revoke(id, within=caller.tenants, now=now)
    if key is None:
        raise ObjectNotFound
    realm = enter(tx, caller, key.tenant) if key.tenant is not None else None
    if key.revoked_at == now:
        tx.audit.append(_key_event(Action.KEY_REVOKED, key, realm, caller, now=now))
    return key


def _key_event(action: Action, key: ApiKey, realm: Realm | None, caller: Caller, *, now: datetime) -> Event:
    tenant_id = realm.tenant.id if realm is not None else None
    return Event(at=now, action=action, actor=caller.actor, tenant_id=tenant_id, reason=key.name)
