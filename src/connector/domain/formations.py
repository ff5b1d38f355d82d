"""Formations: named sets of a tenant's applications and runtimes. A runtime sees the applications of its formations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.refusals.objects import InvalidData

MAX_NAME = 256
MOST_OF_ONE = 1000
"""The largest number of formations that one application or runtime is part of."""


@dataclass(frozen=True, slots=True)
class Formation:
    """A named set of a tenant's applications and runtimes. The name is unique in the tenant."""

    id: str
    tenant_id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """An application or a runtime is part of a formation."""

    formation_id: str
    object_id: str
    kind: EntityKind
    assigned_at: datetime


def create(tenant: Tenant, name: str, *, id: UUID, now: datetime) -> Formation:
    """A new formation of the tenant.

    Raises:
        InvalidData: the name is not 1 to 256 printable characters.
    """
    if len(name) > MAX_NAME or not name.isprintable() or not name.strip():
        raise InvalidData(f"Invalid data name: use 1 to {MAX_NAME} printable characters for a formation.")
    return Formation(str(id), tenant.id, name, now)


def assign(formation: Formation, entity: Entity, others: Collection[Formation], *, now: datetime) -> Assignment:
    """The assignment of an entity to a formation; ``others`` are the formations that it is part of.

    Raises:
        InvalidData: it is neither an application nor a runtime, or is part of too many formations.
    """
    if len(others) >= MOST_OF_ONE:
        raise InvalidData(f"Invalid data objectID: it is part of {MOST_OF_ONE} formations. Unassign it from one first.")
    if entity.kind is EntityKind.INTEGRATION_SYSTEM:
        raise InvalidData("Invalid data objectType: assign applications and runtimes.")
    return Assignment(formation.id, entity.id, entity.kind, now)


def eventing_runtime(
    application: Entity, assignments: Sequence[Assignment], *, lost: Collection[str] = ()
) -> str | None:
    """The runtime to which the application's events go after a change.

    A choice stands until its runtime is among those that the application has lost; then, and where there was none, it
    is the runtime that was assigned first.

    Args:
        application: as it was before the change.
        assignments: all assignments of the formations that it is part of now.
        lost: the runtimes with which it shared the formation that was left, and those that were unregistered.
    """
    shared, chosen = runtimes_by_age(assignments), application.eventing_runtime_id
    if chosen is not None and (chosen in shared or chosen not in lost):
        return chosen
    return shared[0] if shared else None


def runtimes_by_age(assignments: Sequence[Assignment]) -> Sequence[str]:
    """The ids of the runtimes among the assignments, the one that was assigned first in front."""
    first: Mapping[str, datetime] = {
        each.object_id: each.assigned_at
        for each in sorted(assignments, key=lambda each: each.assigned_at, reverse=True)
        if each.kind is EntityKind.RUNTIME
    }
    return sorted(first, key=lambda runtime: (first[runtime], runtime))
