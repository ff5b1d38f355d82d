"""Register, update, label, unregister; hand over a token. All in one realm: for one tenant, by somebody who may."""

from collections.abc import Mapping
from typing import Any

from connector.domain import changes as told
from connector.domain import clients, directory, tokens
from connector.domain.audit import Action
from connector.domain.certificates import RevocationReason
from connector.domain.directory import MOST_SYSTEM_AUTHS, Entity, EntityKind, SystemAuth
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.secrets import Secret
from connector.domain.strict_json import JSON
from connector.domain.tokens import NO_TERMS, Minted, OneTimeToken, Terms, TokenPolicy, TokenType
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.usecases import formations
from connector.usecases.offices import together
from connector.usecases.quotas import Allowances
from connector.usecases.realms import Realm
from connector.usecases.revocation import revoke, withdraw


@together
def register(realm: Realm, kind: EntityKind, particulars: Mapping[str, Any], *, allowances: Allowances) -> Entity:
    """Register an application, a runtime or an integration system; see :func:`directory.register_entity`.

    Raises:
        InvalidData, NotUniqueName: a field breaks a rule, or the tenant has one of that kind and name.
        ObjectNotFound: the tenant has no such integration system.
        QuotaExceeded: the tenant has as many of that kind as it may.
    """
    entity = directory.register_entity(realm.tenant, kind, particulars, id=realm.new_id(), now=realm.now)
    _check_integration_system(realm, entity)
    allowances.admit_entity(realm, kind)
    realm.directory.add_entity(entity)
    realm.record(Action.ENTITY_REGISTERED, entity, reason=entity.name)
    _record_profile(realm, entity, before=None)
    return entity


def registered(realm: Realm, kind: EntityKind, id: str) -> Entity:
    """The tenant's entity of that kind and id.

    Raises:
        ObjectNotFound: there is none; another tenant's is answered alike.
    """
    entity = realm.directory.entity(kind, id)
    if entity is None:
        raise ObjectNotFound
    return entity


def named_or_identified(realm: Realm, kind: EntityKind, name_or_id: str) -> Entity:
    """The tenant's entity of that kind and id, or else of that name. Ids come first: a name may equal another's id.

    Raises:
        ObjectNotFound: there is none.
    """
    found = realm.directory.entity(kind, name_or_id) or realm.directory.entity_named(kind, name_or_id)
    if found is None:
        raise ObjectNotFound(f"Object not found: the tenant has no {kind.value.lower()} of that name or id. List them.")
    return found


def update(realm: Realm, kind: EntityKind, id: str, changes: Mapping[str, Any]) -> Entity:
    """Change fields of an entity; see :func:`directory.update_entity`.

    Raises:
        InvalidData, NotUniqueName: a field breaks a rule, or the new name is taken.
        ObjectNotFound: the tenant has none of that id, or no such integration system.
    """
    before = registered(realm, kind, id)
    entity = directory.update_entity(before, changes, now=realm.now)
    if entity.integration_system_id != before.integration_system_id:
        _check_integration_system(realm, entity)
    realm.directory.update_entity(entity)
    if changes.keys() != {"profile"}:
        realm.record(Action.ENTITY_UPDATED, entity, reason=told.of_entity(before, entity))
    _record_profile(realm, entity, before=before.profile)
    return entity


def set_label(realm: Realm, kind: EntityKind, id: str, *, key: str, value: JSON) -> Entity:
    """Set one label.

    Raises:
        InvalidData: the key or the value breaks a rule, or there are too many.
        ObjectNotFound: the tenant has no such entity.
    """
    entity = registered(realm, kind, id)
    labeled = directory.update_entity(entity, {"labels": {**entity.labels, key: value}}, now=realm.now)
    realm.directory.update_entity(labeled)
    realm.record(Action.LABEL_SET, labeled, reason=told.of_value(key, entity.labels.get(key), value))
    return labeled


def delete_label(realm: Realm, kind: EntityKind, id: str, key: str) -> JSON:
    """Delete one label, and return the value that it had.

    Raises:
        ObjectNotFound: the tenant has no such entity, or it has no such label.
    """
    entity = registered(realm, kind, id)
    left = dict(entity.labels)
    if key not in left:
        raise ObjectNotFound(f"Object not found: there is no label {key[:100]!r} there. Read the labels first.")
    value = left.pop(key)
    entity = directory.update_entity(entity, {"labels": left}, now=realm.now)
    realm.directory.update_entity(entity)
    realm.record(Action.LABEL_DELETED, entity, reason=told.of_value(key, value, None))
    return value


def set_eventing(realm: Realm, id: str, runtime_id: str | None) -> Entity:
    """Say to which runtime the application's events go; None for nowhere.

    Raises:
        ObjectNotFound: the tenant has no such application or runtime.
    """
    if runtime_id is not None:
        registered(realm, EntityKind.RUNTIME, runtime_id)
    return update(realm, EntityKind.APPLICATION, id, {"eventing_runtime_id": runtime_id})


def unregister(realm: Realm, kind: EntityKind, id: str) -> Entity:
    """Remove the entity; its tokens are withdrawn and its certificates revoked.

    A runtime leaves its formations, so that the events of their applications go to the next one.

    Raises:
        ObjectNotFound: the tenant has none of that id.
        ObjectInUse: it is an integration system that applications name, or an application in a formation.
    """
    entity = registered(realm, kind, id)
    formations.check_unassigned(realm, entity)
    formations.unassign_all(realm, entity)
    if not realm.directory.remove_entity(entity):
        raise ObjectNotFound
    realm.record(Action.ENTITY_UNREGISTERED, entity, reason=entity.name)
    withdraw(realm, TokenFilter(owner_id=entity.id))
    revoke(realm, CertificateFilter(owner_id=entity.id), RevocationReason.CESSATION_OF_OPERATION)
    return entity


def unpair(realm: Realm, kind: EntityKind, id: str) -> Entity:
    """Remove all system auths of the entity, with their tokens and certificates; the entity stays.

    Raises:
        ObjectNotFound: the tenant has none of that id.
        ObjectInUse: a runtime shares a formation with it.
    """
    entity = registered(realm, kind, id)
    formations.check_unshared(realm, entity)
    for auth in realm.directory.system_auths([entity.id]):
        delete_system_auth(realm, kind, auth.id)
    return entity


def delete_system_auth(realm: Realm, kind: EntityKind, id: str) -> SystemAuth:
    """Remove a system auth; its tokens are withdrawn, its certificates revoked, and its access tokens end.

    Raises:
        ObjectNotFound: the tenant has none of that id, or its owner is of another kind.
    """
    auth = _system_auth(realm, kind, id)
    if not realm.directory.remove_system_auth(auth):
        raise ObjectNotFound
    realm.record(Action.SYSTEM_AUTH_DELETED, auth)
    withdraw(realm, TokenFilter(system_auth_id=auth.id))
    revoke(realm, CertificateFilter(system_auth_id=auth.id), RevocationReason.PRIVILEGE_WITHDRAWN)
    return auth


@together
def hand_over(
    realm: Realm,
    kind: EntityKind,
    id: str,
    *,
    terms: Terms = NO_TERMS,
    policy: TokenPolicy,
    allowances: Allowances,
) -> Minted:
    """Mint a token for an application or runtime, under a new system auth, where it meets no other.

    Raises:
        ObjectNotFound: there is no such entity.
        InvalidData: the lifetime is out of bounds, or the entity has too many system auths.
        QuotaExceeded: the tenant has as many unspent tokens or good certificates as it may.
    """
    tokens.lifetime(policy, TokenType(kind.value), terms)
    auth = _add_system_auth(realm, registered(realm, kind, id))
    allowances.admit_hand_over(realm)
    return _mint(realm, auth, terms=terms, policy=policy)


def hand_over_under(
    realm: Realm,
    kind: EntityKind,
    system_auth_id: str,
    *,
    terms: Terms = NO_TERMS,
    policy: TokenPolicy,
    allowances: Allowances,
) -> Minted:
    """Mint a token under a system auth that is there, in place of the pending ones, which are withdrawn.

    Raises:
        ObjectNotFound: there is no such system auth of that kind.
        InvalidData: the lifetime is out of bounds.
        QuotaExceeded: the tenant has as many unspent tokens or good certificates as it may.
    """
    tokens.lifetime(policy, TokenType(kind.value), terms)
    auth = _system_auth(realm, kind, system_auth_id)
    withdraw(realm, TokenFilter(system_auth_id=auth.id))
    allowances.admit_hand_over(realm)
    return _mint(realm, auth, terms=terms, policy=policy)


@together
def request_client_credentials(realm: Realm, kind: EntityKind, id: str) -> tuple[SystemAuth, Secret]:
    """Make client credentials for an entity, under a new system auth: that one, and the secret.

    Raises:
        ObjectNotFound: there is no such entity.
        TenantForbidden: it is an integration system that may act in tenants to which the caller has no right.
        InvalidData: the entity has too many system auths.
    """
    owner = registered(realm, kind, id)
    if kind is EntityKind.INTEGRATION_SYSTEM:
        realm.permissions.require_right_to_reach(owner.id)
    auth = _add_system_auth(realm, owner)
    random = realm.random(clients.SECRET_OCTETS)
    secret, client = clients.make_client(random, auth, created_by=realm.actor, now=realm.now)
    realm.clients.add(client)
    realm.record(Action.CLIENT_CREATED, auth)
    return auth, secret


def withdraw_token(realm: Realm, id: str) -> OneTimeToken:
    """Withdraw a token by its public id.

    Raises:
        ObjectNotFound: the tenant has no token of that id that could still be redeemed.
    """
    withdrawn = withdraw(realm, TokenFilter(id=id))
    if not withdrawn:
        raise ObjectNotFound("Object not found: the tenant has no token of that id that could be redeemed. List them.")
    return withdrawn[0]


def _mint(realm: Realm, auth: SystemAuth, *, terms: Terms, policy: TokenPolicy) -> Minted:
    minted = tokens.mint(
        realm.random(tokens.SECRET_OCTETS),
        realm.origin(),
        auth.identity,
        lifetime=tokens.lifetime(policy, TokenType(auth.owner_kind), terms),
        terms=terms,
    )
    realm.tokens.add(minted.token)
    realm.record(Action.TOKEN_MINTED, minted.token)
    return minted


def _record_profile(realm: Realm, entity: Entity, *, before: str | None) -> None:
    if entity.profile != before:
        realm.record(Action.PROFILE_CHOSEN, entity, reason=directory.profile_change(before, entity.profile))


def _check_integration_system(realm: Realm, entity: Entity) -> None:
    """Return if the entity names no integration system, or one that may act in the tenant.

    Raises:
        ObjectNotFound: it names another.
    """
    named = entity.integration_system_id
    if named is not None and not realm.permissions.permits(named):
        registered(realm, EntityKind.INTEGRATION_SYSTEM, named)


def _add_system_auth(realm: Realm, owner: Entity) -> SystemAuth:
    if len(realm.directory.system_auths([owner.id])) >= MOST_SYSTEM_AUTHS:
        raise InvalidData(
            f"Invalid data id: it has {MOST_SYSTEM_AUTHS} system auths already. Delete those that are not used, or "
            "name one of them as systemAuthID."
        )
    auth = directory.add_system_auth(owner, id=realm.new_id(), now=realm.now)
    realm.directory.add_system_auth(auth)
    return auth


def _system_auth(realm: Realm, kind: EntityKind, id: str) -> SystemAuth:
    auth = realm.directory.system_auth(id)
    if auth is None or auth.owner_kind is not kind:
        raise ObjectNotFound
    return auth
