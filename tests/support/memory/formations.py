"""Formations in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Assignment, Formation
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound


@dataclass(slots=True)
class MemoryFormations:
    """One tenant's formations."""

    tables: Tables
    tenant: str

    def add(self, formation: Formation) -> None:
        if formation.tenant_id != self.tenant:
            raise ValueError("the record is another tenant's")
        if self.named(formation.name) is not None:
            raise NotUniqueName
        self.tables.formations[formation.id] = formation

    def find(self, id: str) -> Formation | None:
        return next((each for each in self.list() if each.id == id), None)

    def named(self, name: str) -> Formation | None:
        return next((each for each in self.list() if each.name == name), None)

    def list(self, *, after: str | None = None, most: int | None = None) -> Sequence[Formation]:
        found = [each for each in self.tables.formations.values() if each.tenant_id == self.tenant]
        found = [each for each in found if after is None or each.name > after]
        return sorted(found, key=lambda each: each.name)[:most]

    def count(self) -> int:
        return len(self.list())

    def remove(self, formation: Formation) -> bool:
        if self.find(formation.id) is None:
            return False
        if self.assignments([formation.id]):
            raise ObjectInUse
        del self.tables.formations[formation.id]
        return True

    def of_object(self, object_id: str) -> Sequence[Formation]:
        return [each for each in self.list() if (each.id, object_id) in self.tables.assignments]

    def assign(self, assignment: Assignment) -> bool:
        place = (assignment.formation_id, assignment.object_id)
        if place in self.tables.assignments:
            return False
        if self.find(assignment.formation_id) is None or assignment.object_id not in self.tables.entities:
            raise ObjectNotFound
        self.tables.assignments[place] = assignment
        return True

    def unassign(self, formation_id: str, object_id: str) -> bool:
        if self.find(formation_id) is None:
            return False
        return self.tables.assignments.pop((formation_id, object_id), None) is not None

    def assignments(self, formation_ids: Collection[str]) -> Sequence[Assignment]:
        own = {each.id for each in self.list()} & set(formation_ids)
        found = [each for each in self.tables.assignments.values() if each.formation_id in own]
        return sorted(found, key=lambda each: (each.assigned_at, each.object_id))

    def members(
        self, formation_id: str, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Assignment]:
        found = self.assignments([formation_id])
        return [each for each in found if after is None or (each.assigned_at, each.object_id) > after][:most]

    def applications_of(
        self, runtime_id: str, *, after: str | None = None, most: int | None = None
    ) -> Sequence[Entity]:
        ids = {each.object_id for each in self._shared(runtime_id, EntityKind.APPLICATION)}
        found = [self.tables.entities[each] for each in ids]
        found = [each for each in found if each.tenant_id == self.tenant and (after is None or each.name > after)]
        return sorted(found, key=lambda each: each.name)[:most]

    def count_applications_of(self, runtime_id: str) -> int:
        return len(self.applications_of(runtime_id))

    def shares(self, object_id: str, kind: EntityKind) -> bool:
        return bool(self._shared(object_id, kind))

    def _shared(self, object_id: str, kind: EntityKind) -> Sequence[Assignment]:
        formations = {formation for formation, member in self.tables.assignments if member == object_id}
        return [
            each for each in self.tables.assignments.values() if each.formation_id in formations and each.kind is kind
        ]
