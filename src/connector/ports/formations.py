"""Formations, and which applications and runtimes are part of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Assignment, Formation


class Formations(Protocol):
    """One tenant's formations. Another tenant's do not exist here."""

    def add(self, formation: Formation) -> None:
        """Record a formation. Raises NotUniqueName when the tenant has one of that name; of two at once, one wins."""

    def find(self, id: str) -> Formation | None:
        """The formation of that id."""

    def named(self, name: str) -> Formation | None:
        """The formation of that name."""

    def list(self, *, after: str | None = None, most: int | None = None) -> Sequence[Formation]:
        """The formations by name, those after that name; ``most`` is the largest number returned."""

    def count(self) -> int:
        """The number of formations."""

    def remove(self, formation: Formation) -> bool:
        """Remove the formation. False when it did not exist. Raises ObjectInUse when something is assigned to it."""

    def of_object(self, object_id: str) -> Sequence[Formation]:
        """The formations that the application or runtime is part of, by name."""

    def assign(self, assignment: Assignment) -> bool:
        """Record an assignment. False when it existed. Raises ObjectNotFound when either side is gone."""

    def unassign(self, formation_id: str, object_id: str) -> bool:
        """Remove an assignment. False when it did not exist."""

    def assignments(self, formation_ids: Collection[str]) -> Sequence[Assignment]:
        """The assignments to these formations, the oldest first."""

    def members(
        self, formation_id: str, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Assignment]:
        """The assignments to one formation, the oldest first: those after that time and object id."""

    def applications_of(
        self, runtime_id: str, *, after: str | None = None, most: int | None = None
    ) -> Sequence[Entity]:
        """The applications that share a formation with the runtime, by name, those after that name, each once."""

    def count_applications_of(self, runtime_id: str) -> int:
        """The number of applications that share a formation with the runtime."""

    def shares(self, object_id: str, kind: EntityKind) -> bool:
        """Whether something of that kind shares a formation with the object."""
