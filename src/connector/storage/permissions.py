# ruff: noqa: D102 - what the methods promise stands in connector.ports.permissions
"""Permissions of integration systems, over SQL."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select

from connector.domain.permissions import Permission, Permitted
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.permissions import PermissionFilter
from connector.storage.schema import entities, tenant_permissions, tenants
from connector.storage.statements import Insert, Prepared, page

_FIELDS = len(fields(Permission))
_COLUMNS = tenant_permissions.c
_FOR_EVERY = _COLUMNS.tenant_id.is_(None)
_PERMITTED = (
    select(tenant_permissions, entities.c.name, tenants.c.external_id)
    .join(entities, entities.c.id == _COLUMNS.system_id)
    .outerjoin(tenants, tenants.c.id == _COLUMNS.tenant_id)
)
_PERMITS = Prepared(
    select(_COLUMNS.id)
    .where(
        _COLUMNS.system_id == bindparam("system"),
        or_(_FOR_EVERY, _COLUMNS.tenant_id == bindparam("tenant")),
    )
    .limit(1)
)
_REMOVE = delete(tenant_permissions).where(_COLUMNS.id == bindparam("this"))
_ADD = Insert(tenant_permissions, Permission)


class SqlPermissions:
    """The permissions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, permission: Permission) -> None:
        _ADD(self._connection, permission, taken=ObjectNotFound())

    def find(self, id: str) -> Permitted | None:
        row = self._connection.execute(_PERMITTED.where(_COLUMNS.id == id)).one_or_none()
        return None if row is None else _permitted(row)

    def permits(self, system_id: str, tenant_id: str) -> bool:
        return _PERMITS.first(self._connection, system=system_id, tenant=tenant_id) is not None

    def list(
        self, which: PermissionFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Permitted]:
        order = [_COLUMNS.created_at, _COLUMNS.id]
        statement = page(_fitting(which), order, newest_first=False, after=after, most=most)
        return [_permitted(row) for row in self._connection.execute(statement)]

    def count(self, which: PermissionFilter) -> int:
        statement = select(func.count()).select_from(_fitting(which).subquery())
        return self._connection.execute(statement).scalar_one()

    def remove(self, id: str) -> bool:
        return self._connection.execute(_REMOVE, {"this": id}).rowcount > 0


def _fitting(which: PermissionFilter) -> Select[Any]:
    statement = _PERMITTED
    if which.system_id is not None:
        statement = statement.where(_COLUMNS.system_id == which.system_id)
    if which.tenant_id is not None:
        statement = statement.where(or_(_FOR_EVERY, _COLUMNS.tenant_id == which.tenant_id))
    if which.within is not None:
        statement = statement.where(or_(_FOR_EVERY, tenants.c.external_id.in_(sorted(which.within))))
    return statement


def _permitted(row: Row[Any]) -> Permitted:
    return Permitted(Permission(*row[:_FIELDS]), *row[_FIELDS:])
