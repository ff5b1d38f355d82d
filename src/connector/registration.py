"""Register and unregister; hand over a token. All of it for one tenant at a time."""

from datetime import datetime

from connector import directory, tokens
from connector.audit import Action, Event
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.errors import ObjectNotFound, TenantNotFound, TenantRequired
from connector.inventory import RevocationReason
from connector.ports import CertificateFilter, MakeID, Random, TokenFilter, Transaction
from connector.revocation import revoke, token_event, withdraw
from connector.tokens import Minted, TokenPolicy, TokenType


def create_tenant(
    tx: Transaction, external_id: str, name: str, *, actor: str, make_id: MakeID, now: datetime
) -> Tenant:
    """Create a tenant.

    Raises:
        InvalidData, NotUniqueName: the external id or the name breaks a rule, or the external id is taken.
    """
    tenant = directory.register_tenant(external_id, name, id=make_id(), now=now)
    tx.directory.add_tenant(tenant)
    tx.audit.append(
        Event(at=now, action=Action.TENANT_CREATED, actor=actor, tenant_id=tenant.id, reason=tenant.external_id)
    )
    return tenant


def tenant_named(tx: Transaction, external_id: str | None) -> Tenant:
    """The tenant that the caller named.

    Raises:
        TenantRequired, TenantNotFound: none was named, or there is no such tenant.
    """
    if not external_id:
        raise TenantRequired
    tenant = tx.directory.tenant(external_id)
    if tenant is None:
        raise TenantNotFound
    return tenant


def register(
    tx: Transaction,
    tenant: Tenant,
    kind: EntityKind,
    name: str,
    description: str | None,
    *,
    actor: str,
    make_id: MakeID,
    now: datetime,
) -> Entity:
    """Register an application or a runtime.

    Raises:
        InvalidData, NotUniqueName: the name breaks a rule, or the tenant has one of that kind and name.
    """
    entity = directory.register_entity(tenant, kind, name, description, id=make_id(), now=now)
    tx.directory.add_entity(entity)
    tx.audit.append(_entity_event(Action.ENTITY_REGISTERED, entity, actor=actor, now=now))
    return entity


def registered(tx: Transaction, tenant: Tenant, kind: EntityKind, id: str) -> Entity:
    """The tenant's application or runtime of that id.

    Raises:
        ObjectNotFound: there is none; another tenant's is answered alike.
    """
    entity = tx.directory.entity(tenant.id, kind, id)
    if entity is None:
        raise ObjectNotFound
    return entity


def unregister(tx: Transaction, tenant: Tenant, kind: EntityKind, id: str, *, actor: str, now: datetime) -> Entity:
    """Remove the entity; its tokens are withdrawn and its certificates revoked.

    Raises:
        ObjectNotFound: the tenant has none of that id.
    """
    entity = registered(tx, tenant, kind, id)
    if not tx.directory.remove_entity(entity):
        raise ObjectNotFound
    tx.audit.append(_entity_event(Action.ENTITY_UNREGISTERED, entity, actor=actor, now=now))
    withdraw(tx, TokenFilter(owner_id=entity.id), actor=actor, now=now)
    revoke(
        tx,
        CertificateFilter(owner_id=entity.id),
        RevocationReason.CESSATION_OF_OPERATION,
        actor=actor,
        now=now,
    )
    return entity


def delete_system_auth(
    tx: Transaction, tenant: Tenant, kind: EntityKind, id: str, *, actor: str, now: datetime
) -> SystemAuth:
    """Remove a system auth; its tokens are withdrawn and its certificates revoked.

    Raises:
        ObjectNotFound: the tenant has none of that id, or its owner is of the other kind.
    """
    auth = _system_auth(tx, tenant, kind, id)
    if not tx.directory.remove_system_auth(auth):
        raise ObjectNotFound
    tx.audit.append(
        Event(
            at=now,
            action=Action.SYSTEM_AUTH_DELETED,
            actor=actor,
            tenant_id=tenant.id,
            owner_id=auth.owner_id,
            system_auth_id=auth.id,
        )
    )
    withdraw(tx, TokenFilter(system_auth_id=auth.id), actor=actor, now=now)
    revoke(tx, CertificateFilter(system_auth_id=auth.id), RevocationReason.PRIVILEGE_WITHDRAWN, actor=actor, now=now)
    return auth


def hand_over(
    tx: Transaction,
    tenant: Tenant,
    kind: EntityKind,
    id: str,
    *,
    system_auth_id: str | None = None,
    policy: TokenPolicy,
    actor: str,
    random: Random,
    make_id: MakeID,
    now: datetime,
) -> Minted:
    """Mint a token for an application or runtime: under a new system auth each time, or under the one that is named.

    In the named one the pending tokens are withdrawn, and ``id`` does not count, as in the original.

    Raises:
        ObjectNotFound: there is no such entity, or no such system auth of that kind.
    """
    if system_auth_id:
        auth = _system_auth(tx, tenant, kind, system_auth_id)
        withdraw(tx, TokenFilter(system_auth_id=auth.id), actor=actor, now=now)
    else:
        auth = directory.add_system_auth(registered(tx, tenant, kind, id), id=make_id(), now=now)
        tx.directory.add_system_auth(auth)
    token_type = TokenType(kind.value)
    minted = tokens.mint(
        random(tokens.SECRET_OCTETS),
        id=make_id(),
        type=token_type,
        system_auth_id=auth.id,
        owner_id=auth.owner_id,
        tenant_id=auth.tenant_id,
        minted_by=actor,
        now=now,
        lifetime=policy.lifetimes[token_type],
    )
    tx.tokens.add(minted.token)
    tx.audit.append(token_event(Action.TOKEN_MINTED, minted.token, actor=actor, now=now))
    return minted


def _system_auth(tx: Transaction, tenant: Tenant, kind: EntityKind, id: str) -> SystemAuth:
    auth = tx.directory.system_auth(tenant.id, id)
    if auth is None or auth.owner_kind is not kind:
        raise ObjectNotFound
    return auth


def _entity_event(action: Action, entity: Entity, *, actor: str, now: datetime) -> Event:
    return Event(at=now, action=action, actor=actor, tenant_id=entity.tenant_id, owner_id=entity.id, reason=entity.name)
