"""Create and delete formations; assign applications and runtimes to them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from connector.domain import formations
from connector.domain.audit import Action, Event
from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Formation
from connector.domain.refusals.objects import ObjectInUse, ObjectNotFound
from connector.ports.formations import Formations
from connector.ports.transaction import MakeID, Transaction
from connector.usecases.access import Realm


def create(tx: Transaction, realm: Realm, name: str, *, make_id: MakeID, now: datetime) -> Formation:
    """Create a formation.

    Raises:
        InvalidData, NotUniqueName: the name breaks the rule, or the tenant has a formation of that name.
    """
    formation = formations.create(realm.tenant, name, id=make_id(), now=now)
    _formations(tx, realm).add(formation)
    _record(tx, realm, Action.FORMATION_CREATED, formation, now=now)
    return formation


def delete(tx: Transaction, realm: Realm, name: str, *, now: datetime) -> Formation:
    """Delete the formation of that name.

    Raises:
        ObjectNotFound: the tenant has none of that name.
        ObjectInUse: something is assigned to it.
    """
    formation = named(tx, realm, name)
    if not _formations(tx, realm).remove(formation):
        raise ObjectNotFound
    _record(tx, realm, Action.FORMATION_DELETED, formation, now=now)
    return formation


def named(tx: Transaction, realm: Realm, name: str) -> Formation:
    """The formation of that name.

    Raises:
        ObjectNotFound: the tenant has none; another tenant's is answered in the same way.
    """
    formation = _formations(tx, realm).named(name)
    if formation is None:
        raise ObjectNotFound("Object not found: the tenant has no formation of that name. Create it first.")
    return formation


def assign(tx: Transaction, realm: Realm, name: str, kind: EntityKind, object_id: str, *, now: datetime) -> Formation:
    """Assign an application or runtime to the formation of that name; one that is assigned already stays so.

    The first runtime of a formation becomes the default eventing runtime of its applications that have none.

    Raises:
        ObjectNotFound: the tenant has no such formation, or no such object.
        InvalidData: the object is neither an application nor a runtime.
    """
    formation, entity = named(tx, realm, name), _entity(tx, realm, kind, object_id)
    others = _formations(tx, realm).of_object(entity.id)
    if _formations(tx, realm).assign(formations.assign(formation, entity, others, now=now)):
        _record(tx, realm, Action.FORMATION_ASSIGNED, formation, entity, now=now)
        _settle_eventing(tx, realm, formation, entity)
    return formation


def unassign(tx: Transaction, realm: Realm, name: str, kind: EntityKind, object_id: str, *, now: datetime) -> Formation:
    """Undo an assignment; one that does not exist stays so. Events no longer go to a runtime that is not shared.

    Raises:
        ObjectNotFound: the tenant has no such formation, or no such object.
    """
    formation, entity = named(tx, realm, name), _entity(tx, realm, kind, object_id)
    before = _formations(tx, realm).assignments([formation.id])
    if _formations(tx, realm).unassign(formation.id, entity.id):
        _record(tx, realm, Action.FORMATION_UNASSIGNED, formation, entity, now=now)
        lost = [entity.id] if kind is EntityKind.RUNTIME else formations.runtimes_by_age(before)
        _settle_eventing(tx, realm, formation, entity, lost=lost)
    return formation


def check_unassigned(tx: Transaction, realm: Realm, entity: Entity) -> None:
    """Raises ObjectInUse where an application is part of a formation."""
    found = _formations(tx, realm).of_object(entity.id) if entity.kind is EntityKind.APPLICATION else ()
    if found:
        names = ", ".join(each.name for each in found[:3])
        raise ObjectInUse(f"Object is in use: the application is part of a formation ({names}). Unassign it first.")


def check_unshared(tx: Transaction, realm: Realm, entity: Entity) -> None:
    """Raises ObjectInUse where a runtime shares a formation with the application."""
    if _formations(tx, realm).shares(entity.id, EntityKind.RUNTIME):
        raise ObjectInUse("Object is in use: a runtime shares a formation with the application. Unassign one of them.")


def _settle_eventing(
    tx: Transaction, realm: Realm, formation: Formation, entity: Entity, *, lost: Collection[str] = ()
) -> None:
    """Let the events of the applications concerned go to a runtime that shares a formation with them, if there is one.

    Concerned is the application that was assigned or unassigned, or every application of the runtime's formation.
    """
    found, directory = _formations(tx, realm), tx.directory(realm.tenant.id)
    ids = [entity.id]
    if entity.kind is EntityKind.RUNTIME:
        ids = [each.object_id for each in found.assignments([formation.id]) if each.kind is EntityKind.APPLICATION]
    for id_ in ids:
        application = directory.entity(EntityKind.APPLICATION, id_)
        if application is not None:
            assignments = found.assignments([each.id for each in found.of_object(id_)])
            chosen = formations.eventing_runtime(application, assignments, lost=lost)
            if chosen != application.eventing_runtime_id:
                directory.update_entity(replace(application, eventing_runtime_id=chosen))


def _entity(tx: Transaction, realm: Realm, kind: EntityKind, object_id: str) -> Entity:
    entity = tx.directory(realm.tenant.id).entity(kind, object_id)
    if entity is None:
        raise ObjectNotFound
    return entity


def _formations(tx: Transaction, realm: Realm) -> Formations:
    return tx.formations(realm.tenant.id)


def _record(
    tx: Transaction, realm: Realm, action: Action, formation: Formation, entity: Entity | None = None, *, now: datetime
) -> None:
    owner_id = entity.id if entity is not None else formation.id
    tx.audit.append(
        Event(
            at=now,
            action=action,
            actor=realm.actor,
            tenant_id=realm.tenant.id,
            owner_id=owner_id,
            reason=formation.name,
        )
    )
