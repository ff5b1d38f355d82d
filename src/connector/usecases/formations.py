"""Create and delete formations; assign applications and runtimes to them."""

from collections.abc import Collection
from dataclasses import replace

from connector.domain import formations
from connector.domain.audit import Action
from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Formation
from connector.domain.refusals.objects import ObjectInUse, ObjectNotFound
from connector.usecases.realms import Realm


def create(realm: Realm, name: str) -> Formation:
    """Create a formation.

    Raises:
        InvalidData, NotUniqueName: the name breaks the rule, or the tenant has a formation of that name.
    """
    formation = formations.create(realm.tenant, name, id=realm.new_id(), now=realm.now)
    realm.formations.add(formation)
    realm.record(Action.FORMATION_CREATED, formation, reason=formation.name)
    return formation


def delete(realm: Realm, name: str) -> Formation:
    """Delete the formation of that name.

    Raises:
        ObjectNotFound: the tenant has none of that name.
        ObjectInUse: something is assigned to it.
    """
    formation = named(realm, name)
    if not realm.formations.remove(formation):
        raise ObjectNotFound
    realm.record(Action.FORMATION_DELETED, formation, reason=formation.name)
    return formation


def named(realm: Realm, name: str) -> Formation:
    """The formation of that name.

    Raises:
        ObjectNotFound: the tenant has none; another tenant's is answered in the same way.
    """
    formation = realm.formations.named(name)
    if formation is None:
        raise ObjectNotFound("Object not found: the tenant has no formation of that name. Create it first.")
    return formation


def assign(realm: Realm, name: str, kind: EntityKind, object_id: str) -> Formation:
    """Assign an application or runtime to the formation of that name; one that is assigned already stays so.

    The first runtime of a formation becomes the default eventing runtime of its applications that have none.

    Raises:
        ObjectNotFound: the tenant has no such formation, or no such object.
        InvalidData: the object is neither an application nor a runtime.
    """
    formation, entity = named(realm, name), _entity(realm, kind, object_id)
    others = realm.formations.of_object(entity.id)
    if realm.formations.assign(formations.assign(formation, entity, others, now=realm.now)):
        realm.record(Action.FORMATION_ASSIGNED, entity, reason=formation.name)
        _settle_eventing(realm, formation, entity)
    return formation


def unassign(realm: Realm, name: str, kind: EntityKind, object_id: str) -> Formation:
    """Undo an assignment; one that does not exist stays so. Events no longer go to a runtime that is not shared.

    Raises:
        ObjectNotFound: the tenant has no such formation, or no such object.
    """
    formation, entity = named(realm, name), _entity(realm, kind, object_id)
    _unassign(realm, formation, entity)
    return formation


def unassign_all(realm: Realm, entity: Entity) -> None:
    """Undo every assignment of an entity that is to be removed."""
    for formation in realm.formations.of_object(entity.id):
        _unassign(realm, formation, entity)


def check_unassigned(realm: Realm, entity: Entity) -> None:
    """Raises ObjectInUse where an application is part of a formation."""
    found = realm.formations.of_object(entity.id) if entity.kind is EntityKind.APPLICATION else ()
    if found:
        names = ", ".join(each.name for each in found[:3])
        raise ObjectInUse(f"Object is in use: the application is part of a formation ({names}). Unassign it first.")


def check_unshared(realm: Realm, entity: Entity) -> None:
    """Raises ObjectInUse where a runtime shares a formation with the application."""
    if realm.formations.shares(entity.id, EntityKind.RUNTIME):
        raise ObjectInUse("Object is in use: a runtime shares a formation with the application. Unassign one of them.")


def _unassign(realm: Realm, formation: Formation, entity: Entity) -> None:
    before = realm.formations.assignments([formation.id])
    if realm.formations.unassign(formation.id, entity.id):
        realm.record(Action.FORMATION_UNASSIGNED, entity, reason=formation.name)
        lost = [entity.id] if entity.kind is EntityKind.RUNTIME else formations.runtimes_by_age(before)
        _settle_eventing(realm, formation, entity, lost=lost)


def _settle_eventing(realm: Realm, formation: Formation, entity: Entity, *, lost: Collection[str] = ()) -> None:
    """Let the events of the applications concerned go to a runtime that shares a formation with them, if there is one.

    Concerned is the application that was assigned or unassigned, or every application of the runtime's formation.
    """
    found, directory = realm.formations, realm.directory
    ids = [entity.id]
    if entity.kind is EntityKind.RUNTIME:
        ids = [each.object_id for each in found.assignments([formation.id]) if each.kind is EntityKind.APPLICATION]
    applications = [each for id_ in ids if (each := directory.entity(EntityKind.APPLICATION, id_)) is not None]
    runtimes = {each.eventing_runtime_id for each in applications if each.eventing_runtime_id is not None}
    unregistered = {id_ for id_ in runtimes if directory.entity(EntityKind.RUNTIME, id_) is None}
    for application in applications:
        assignments = found.assignments([each.id for each in found.of_object(application.id)])
        chosen = formations.eventing_runtime(application, assignments, lost=unregistered.union(lost))
        if chosen != application.eventing_runtime_id:
            directory.update_entity(replace(application, eventing_runtime_id=chosen))


def _entity(realm: Realm, kind: EntityKind, object_id: str) -> Entity:
    entity = realm.directory.entity(kind, object_id)
    if entity is None:
        raise ObjectNotFound
    return entity
