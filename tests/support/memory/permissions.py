"""Permissions of integration systems in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.support.memory.directory import Tables

from connector.domain.permissions import Permission, Permitted
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.permissions import PermissionFilter


@dataclass(slots=True)
class MemoryPermissions:
    """The permissions. Those whose integration system or tenant is gone are gone with it."""

    tables: Tables

    def add(self, permission: Permission) -> None:
        is_there = any(
            (each.system_id, each.tenant_id) == (permission.system_id, permission.tenant_id)
            for each in self.tables.permissions.values()
        )
        if is_there or self._told(permission) is None:
            raise ObjectNotFound
        self.tables.permissions[permission.id] = permission

    def find(self, id: str) -> Permitted | None:
        found = self.tables.permissions.get(id)
        return None if found is None else self._told(found)

    def permits(self, system_id: str, tenant_id: str) -> bool:
        return bool(self.list(PermissionFilter(system_id=system_id, tenant_id=tenant_id)))

    def list(
        self, which: PermissionFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Permitted]:
        told = [self._told(each) for each in self.tables.permissions.values()]
        found = [each for each in told if each is not None and _fits(each, which)]
        found = [each for each in found if after is None or _place(each) > after]
        return sorted(found, key=_place)[:most]

    def count(self, which: PermissionFilter) -> int:
        return len(self.list(which))

    def remove(self, id: str) -> bool:
        return self.tables.permissions.pop(id, None) is not None

    def _told(self, permission: Permission) -> Permitted | None:
        system = self.tables.entities.get(permission.system_id)
        if permission.tenant_id is None:
            return None if system is None else Permitted(permission, system.name, None)
        tenant = self.tables.tenants.get(permission.tenant_id)
        return None if system is None or tenant is None else Permitted(permission, system.name, tenant.external_id)


def _place(each: Permitted) -> tuple[datetime, str]:
    return each.permission.created_at, each.permission.id


def _fits(each: Permitted, which: PermissionFilter) -> bool:
    return (
        which.system_id in (None, each.permission.system_id)
        and (which.tenant_id is None or each.permission.tenant_id in (None, which.tenant_id))
        and (which.within is None or each.tenant is None or each.tenant in which.within)
    )
