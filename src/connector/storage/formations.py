# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""Formations over SQL. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from connector.domain.directory import Entity, EntityKind
from connector.domain.formations import Assignment, Formation
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound
from connector.storage.schema import entities, formation_assignments, formations
from connector.storage.statements import Insert, PreparedAmong, page

_MINE = formations.c.tenant_id == bindparam("tenant")
_ALL = select(formations).where(_MINE)
_COUNT = select(func.count()).select_from(formations).where(_MINE)
_ASSIGNED = formation_assignments.c
_OF_OBJECT = (
    _ALL.join(formation_assignments, _ASSIGNED.formation_id == formations.c.id)
    .where(_ASSIGNED.object_id == bindparam("object"))
    .order_by(formations.c.name)
)
_ASSIGNMENTS = PreparedAmong(
    select(formation_assignments)
    .join(formations, formations.c.id == _ASSIGNED.formation_id)
    .where(_MINE)
    .order_by(_ASSIGNED.assigned_at, _ASSIGNED.object_id),
    formations.c.id,
)
_MEMBERS = (
    select(formation_assignments)
    .join(formations, formations.c.id == _ASSIGNED.formation_id)
    .where(_MINE, formations.c.id == bindparam("formation"))
)
_UNASSIGN = delete(formation_assignments).where(
    _ASSIGNED.formation_id.in_(select(formations.c.id).where(_MINE, formations.c.id == bindparam("formation"))),
    _ASSIGNED.object_id == bindparam("object"),
)
_IS_ASSIGNED = select(
    exists().where(_ASSIGNED.formation_id == bindparam("formation"), _ASSIGNED.object_id == bindparam("object"))
)
_ASSIGN = (
    insert(formation_assignments)
    .from_select(
        [column.name for column in _ASSIGNED],
        select(formations.c.id, entities.c.id, entities.c.kind, bindparam("at", type_=_ASSIGNED.assigned_at.type))
        .join(entities, entities.c.tenant_id == formations.c.tenant_id)
        .where(_MINE, formations.c.id == bindparam("formation"), entities.c.id == bindparam("object")),
    )
    .inline()
)
_REMOVE = delete(formations).where(_MINE, formations.c.id == bindparam("this"))
_ADD = Insert(formations, Formation)

_OURS = formation_assignments.alias("ours")
_THEIRS = formation_assignments.alias("theirs")
_SHARED = (
    select(_THEIRS.c.object_id)
    .join(_OURS, _OURS.c.formation_id == _THEIRS.c.formation_id)
    .where(_OURS.c.object_id == bindparam("object"), _THEIRS.c.kind == bindparam("kind"))
)
_APPLICATIONS = select(entities).where(
    entities.c.tenant_id == bindparam("tenant"),
    entities.c.kind == bindparam("kind", type_=entities.c.kind.type),
    entities.c.id.in_(_SHARED),
)


class SqlFormations:
    """One tenant's formations."""

    def __init__(self, connection: Connection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant = tenant_id

    def add(self, formation: Formation) -> None:
        if formation.tenant_id != self._tenant:
            raise ValueError("the record is another tenant's")
        _ADD(self._connection, formation, taken=NotUniqueName())

    def find(self, id: str) -> Formation | None:
        return self._one(_ALL.where(formations.c.id == id))

    def named(self, name: str) -> Formation | None:
        return self._one(_ALL.where(formations.c.name == name))

    def list(self, *, after: str | None = None, most: int | None = None) -> Sequence[Formation]:
        place = None if after is None else (after,)
        return self._many(page(_ALL, [formations.c.name], newest_first=False, after=place, most=most))

    def count(self) -> int:
        return self._connection.execute(_COUNT, {"tenant": self._tenant}).scalar_one()

    def remove(self, formation: Formation) -> bool:
        try:
            return self._connection.execute(_REMOVE, {"tenant": self._tenant, "this": formation.id}).rowcount > 0
        except IntegrityError as error:
            raise ObjectInUse(
                "Object is in use: applications or runtimes are assigned to this formation. Unassign them first."
            ) from error

    def of_object(self, object_id: str) -> Sequence[Formation]:
        return [
            Formation(*row)
            for row in self._connection.execute(_OF_OBJECT, {"tenant": self._tenant, "object": object_id})
        ]

    def assign(self, assignment: Assignment) -> bool:
        values = {
            "tenant": self._tenant,
            "formation": assignment.formation_id,
            "object": assignment.object_id,
            "at": assignment.assigned_at,
        }
        if self._connection.execute(_IS_ASSIGNED, values).scalar_one():
            return False
        self._connection.execute(_ASSIGN, values)
        if not self._connection.execute(_IS_ASSIGNED, values).scalar_one():
            raise ObjectNotFound
        return True

    def unassign(self, formation_id: str, object_id: str) -> bool:
        values = {"tenant": self._tenant, "formation": formation_id, "object": object_id}
        return self._connection.execute(_UNASSIGN, values).rowcount > 0

    def assignments(self, formation_ids: Collection[str]) -> Sequence[Assignment]:
        return [Assignment(*row) for row in _ASSIGNMENTS.all(self._connection, formation_ids, tenant=self._tenant)]

    def members(
        self, formation_id: str, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Assignment]:
        order = [_ASSIGNED.assigned_at, _ASSIGNED.object_id]
        statement = page(_MEMBERS, order, newest_first=False, after=after, most=most)
        values = {"tenant": self._tenant, "formation": formation_id}
        return [Assignment(*row) for row in self._connection.execute(statement, values)]

    def applications_of(
        self, runtime_id: str, *, after: str | None = None, most: int | None = None
    ) -> Sequence[Entity]:
        place = None if after is None else (after,)
        statement = page(_APPLICATIONS, [entities.c.name], newest_first=False, after=place, most=most)
        return [Entity(*row) for row in self._connection.execute(statement, self._applications(runtime_id))]

    def count_applications_of(self, runtime_id: str) -> int:
        statement = select(func.count()).select_from(_APPLICATIONS.subquery())
        return self._connection.execute(statement, self._applications(runtime_id)).scalar_one()

    def shares(self, object_id: str, kind: EntityKind) -> bool:
        statement = select(_SHARED.limit(1).exists())
        return bool(self._connection.execute(statement, {"object": object_id, "kind": kind}).scalar_one())

    def _applications(self, runtime_id: str) -> dict[str, object]:
        return {"tenant": self._tenant, "object": runtime_id, "kind": EntityKind.APPLICATION}

    def _one(self, statement: Select[Any]) -> Formation | None:
        found = self._many(statement)
        return found[0] if found else None

    def _many(self, statement: Select[Any]) -> Sequence[Formation]:
        return [Formation(*row) for row in self._connection.execute(statement, {"tenant": self._tenant})]
