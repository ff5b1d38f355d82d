"""Register, update, label, unregister; hand over a token. All in one realm: for one tenant, by somebody who may."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.domain import directory, tokens
from connector.domain.audit import Action, Event
from connector.domain.certificates import RevocationReason
from connector.domain.directory import MOST_SYSTEM_AUTHS, Entity, EntityKind, SystemAuth
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.strict_json import JSON
from connector.domain.tokens import Minted, OneTimeToken, Terms, TokenPolicy, TokenType
from connector.ports.certificates import CertificateFilter
from connector.ports.directory import Directory
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import MakeID, Random, Transaction
from connector.usecases import formations
from connector.usecases.access import Realm
from connector.usecases.quotas import Allowances
from connector.usecases.revocation import revoke, token_event, withdraw

NO_TERMS = Terms()


def register(
    tx: Transaction,
    realm: Realm,
    kind: EntityKind,
    particulars: Mapping[str, Any],
    *,
    allowances: Allowances,
    make_id: MakeID,
    now: datetime,
) -> Entity:
    """Register an application, a runtime or an integration system; see :func:`directory.register_entity`.

    Raises:
        InvalidData, NotUniqueName: a field breaks a rule, or the tenant has one of that kind and name.
        ObjectNotFound: the tenant has no such integration system.
        QuotaExceeded: the tenant has as many of that kind as it may.
    """
    entity = directory.register_entity(realm.tenant, kind, particulars, id=make_id(), now=now)
    _check_integration_system(tx, realm, entity)
    allowances.admit_entity(tx, realm.tenant.id, kind, now=now)
    _directory(tx, realm).add_entity(entity)
    tx.audit.append(_entity_event(Action.ENTITY_REGISTERED, entity, entity.name, realm, now=now))
    return entity


def registered(tx: Transaction, realm: Realm, kind: EntityKind, id: str) -> Entity:
    """The tenant's entity of that kind and id.

    Raises:
        ObjectNotFound: there is none; another tenant's is answered alike.
    """
    entity = _directory(tx, realm).entity(kind, id)
    if entity is None:
        raise ObjectNotFound
    return entity


def update(
    tx: Transaction, realm: Realm, kind: EntityKind, id: str, changes: Mapping[str, Any], *, now: datetime
) -> Entity:
    """Change fields of an entity; see :func:`directory.update_entity`.

    Raises:
        InvalidData, NotUniqueName: a field breaks a rule, or the new name is taken.
        ObjectNotFound: the tenant has none of that id, or no such integration system.
    """
    entity = directory.update_entity(registered(tx, realm, kind, id), changes, now=now)
    _check_integration_system(tx, realm, entity)
    _directory(tx, realm).update_entity(entity)
    tx.audit.append(_entity_event(Action.ENTITY_UPDATED, entity, entity.name, realm, now=now))
    return entity


def set_label(
    tx: Transaction, realm: Realm, kind: EntityKind, id: str, *, key: str, value: JSON, now: datetime
) -> Entity:
    """Set one label.

    Raises:
        InvalidData: the key or the value breaks a rule, or there are too many.
        ObjectNotFound: the tenant has no such entity.
    """
    entity = registered(tx, realm, kind, id)
    labeled = directory.update_entity(entity, {"labels": {**entity.labels, key: value}}, now=now)
    _directory(tx, realm).update_entity(labeled)
    tx.audit.append(_entity_event(Action.LABEL_SET, labeled, key, realm, now=now))
    return labeled


def delete_label(tx: Transaction, realm: Realm, kind: EntityKind, id: str, key: str, *, now: datetime) -> JSON:
    """Delete one label, and return the value that it had.

    Raises:
        ObjectNotFound: the tenant has no such entity, or it has no such label.
    """
    entity = registered(tx, realm, kind, id)
    left = dict(entity.labels)
    if key not in left:
        raise ObjectNotFound(f"Object not found: there is no label {key[:100]!r} there. Read the labels first.")
    value = left.pop(key)
    entity = directory.update_entity(entity, {"labels": left}, now=now)
    _directory(tx, realm).update_entity(entity)
    tx.audit.append(_entity_event(Action.LABEL_DELETED, entity, key, realm, now=now))
    return value


def set_eventing(tx: Transaction, realm: Realm, id: str, runtime_id: str | None, *, now: datetime) -> Entity:
    """Say to which runtime the application's events go; None for nowhere.

    Raises:
        ObjectNotFound: the tenant has no such application or runtime.
    """
    if runtime_id is not None:
        registered(tx, realm, EntityKind.RUNTIME, runtime_id)
    return update(tx, realm, EntityKind.APPLICATION, id, {"eventing_runtime_id": runtime_id}, now=now)


def unregister(tx: Transaction, realm: Realm, kind: EntityKind, id: str, *, now: datetime) -> Entity:
    """Remove the entity; its tokens are withdrawn and its certificates revoked.

    Raises:
        ObjectNotFound: the tenant has none of that id.
        ObjectInUse: it is an integration system that applications name, or an application in a formation.
    """
    entity = registered(tx, realm, kind, id)
    formations.check_unassigned(tx, realm, entity)
    if not _directory(tx, realm).remove_entity(entity):
        raise ObjectNotFound
    tx.audit.append(_entity_event(Action.ENTITY_UNREGISTERED, entity, entity.name, realm, now=now))
    tenant_id = realm.tenant.id
    withdraw(tx, TokenFilter(tenant_id, owner_id=entity.id), actor=realm.actor, now=now)
    revoke(
        tx,
        CertificateFilter(tenant_id, owner_id=entity.id),
        RevocationReason.CESSATION_OF_OPERATION,
        actor=realm.actor,
        now=now,
    )
    return entity


def unpair(tx: Transaction, realm: Realm, kind: EntityKind, id: str, *, now: datetime) -> Entity:
    """Remove all system auths of the entity, with their tokens and certificates; the entity stays.

    Raises:
        ObjectNotFound: the tenant has none of that id.
        ObjectInUse: a runtime shares a formation with it.
    """
    entity = registered(tx, realm, kind, id)
    formations.check_unshared(tx, realm, entity)
    for auth in _directory(tx, realm).system_auths([entity.id]):
        delete_system_auth(tx, realm, kind, auth.id, now=now)
    return entity


def delete_system_auth(tx: Transaction, realm: Realm, kind: EntityKind, id: str, *, now: datetime) -> SystemAuth:
    """Remove a system auth; its tokens are withdrawn and its certificates revoked.

    Raises:
        ObjectNotFound: the tenant has none of that id, or its owner is of another kind.
    """
    auth = _system_auth(tx, realm, kind, id)
    if not _directory(tx, realm).remove_system_auth(auth):
        raise ObjectNotFound
    tenant_id = realm.tenant.id
    tx.audit.append(
        Event(
            at=now,
            action=Action.SYSTEM_AUTH_DELETED,
            actor=realm.actor,
            tenant_id=tenant_id,
            owner_id=auth.owner_id,
            system_auth_id=auth.id,
        )
    )
    withdraw(tx, TokenFilter(tenant_id, system_auth_id=auth.id), actor=realm.actor, now=now)
    revoke(
        tx,
        CertificateFilter(tenant_id, system_auth_id=auth.id),
        RevocationReason.PRIVILEGE_WITHDRAWN,
        actor=realm.actor,
        now=now,
    )
    return auth


def hand_over(
    tx: Transaction,
    realm: Realm,
    kind: EntityKind,
    id: str,
    *,
    system_auth_id: str | None = None,
    seconds: int | None = None,
    terms: Terms = NO_TERMS,
    policy: TokenPolicy,
    allowances: Allowances,
    random: Random,
    make_id: MakeID,
    now: datetime,
) -> Minted:
    """Mint a token for an application or runtime: under a new system auth each time, or under the one that is named.

    In the named one the pending tokens are withdrawn, and ``id`` does not count, as in the original. The token lives
    for ``seconds``, or as long as the policy says.

    Raises:
        ObjectNotFound: there is no such entity, or no such system auth of that kind.
        InvalidData: the lifetime is out of bounds, or the entity has too many system auths.
        QuotaExceeded: the tenant has as many unspent tokens or good certificates as it may.
    """
    token_type = TokenType(kind.value)
    lifetime = tokens.lifetime(policy, token_type, seconds)
    if system_auth_id:
        auth = _system_auth(tx, realm, kind, system_auth_id)
        withdraw(tx, TokenFilter(realm.tenant.id, system_auth_id=auth.id), actor=realm.actor, now=now)
    else:
        auth = _add_system_auth(tx, realm, registered(tx, realm, kind, id), make_id=make_id, now=now)
    allowances.admit_hand_over(tx, realm.tenant.id, now=now)
    minted = tokens.mint(
        random(tokens.SECRET_OCTETS),
        id=make_id(),
        type=token_type,
        system_auth_id=auth.id,
        owner_id=auth.owner_id,
        tenant_id=auth.tenant_id,
        minted_by=realm.actor,
        now=now,
        lifetime=lifetime,
        terms=terms,
    )
    tx.tokens.add(minted.token)
    tx.audit.append(token_event(Action.TOKEN_MINTED, minted.token, actor=realm.actor, now=now))
    return minted


def withdraw_token(tx: Transaction, realm: Realm, id: str, *, now: datetime) -> OneTimeToken:
    """Withdraw a token by its public id.

    Raises:
        ObjectNotFound: the tenant has no token of that id that could still be redeemed.
    """
    withdrawn = withdraw(tx, TokenFilter(realm.tenant.id, id=id), actor=realm.actor, now=now)
    if not withdrawn:
        raise ObjectNotFound("Object not found: the tenant has no token of that id that could be redeemed. List them.")
    return withdrawn[0]


def _directory(tx: Transaction, realm: Realm) -> Directory:
    return tx.directory(realm.tenant.id)


def _check_integration_system(tx: Transaction, realm: Realm, entity: Entity) -> None:
    if entity.integration_system_id is not None:
        registered(tx, realm, EntityKind.INTEGRATION_SYSTEM, entity.integration_system_id)


def _add_system_auth(tx: Transaction, realm: Realm, owner: Entity, *, make_id: MakeID, now: datetime) -> SystemAuth:
    if len(_directory(tx, realm).system_auths([owner.id])) >= MOST_SYSTEM_AUTHS:
        raise InvalidData(
            f"Invalid data id: it has {MOST_SYSTEM_AUTHS} system auths already. Delete those that are not used, or "
            "name one of them as systemAuthID."
        )
    auth = directory.add_system_auth(owner, id=make_id(), now=now)
    _directory(tx, realm).add_system_auth(auth)
    return auth


def _system_auth(tx: Transaction, realm: Realm, kind: EntityKind, id: str) -> SystemAuth:
    auth = _directory(tx, realm).system_auth(id)
    if auth is None or auth.owner_kind is not kind:
        raise ObjectNotFound
    return auth


def _entity_event(action: Action, entity: Entity, reason: str, realm: Realm, *, now: datetime) -> Event:
    return Event(
        at=now, action=action, actor=realm.actor, tenant_id=entity.tenant_id, owner_id=entity.id, reason=reason
    )
