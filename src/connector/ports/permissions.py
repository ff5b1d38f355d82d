"""Permissions of integration systems to act in tenants besides their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.permissions import Permission, Permitted


@dataclass(frozen=True, slots=True)
class PermissionFilter:
    """Which permissions: those that fit every field that is given.

    ``system_id`` is the integration system's; ``tenant_id`` asks for those by which somebody may act in that tenant, so
    also those for every tenant; ``within`` for those for the tenants of these external ids, and those for every tenant.
    """

    system_id: str | None = None
    tenant_id: str | None = None
    within: frozenset[str] | None = None


class Permissions(Protocol):
    """The permissions. They end with their integration system and with their tenant."""

    def add(self, permission: Permission) -> None:
        """Record a permission.

        Raises ObjectNotFound when the integration system or the tenant is gone, or the system has that permission.
        """

    def find(self, id: str) -> Permitted | None:
        """The permission of that id."""

    def permits(self, system_id: str, tenant_id: str) -> bool:
        """Whether the integration system may act in that tenant, by a permission for it or for every tenant."""

    def list(
        self, which: PermissionFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Permitted]:
        """The permissions that fit, oldest first: those after that time and id, ``most`` at most."""

    def count(self, which: PermissionFilter) -> int:
        """How many fit."""

    def remove(self, id: str) -> bool:
        """Remove the permission. False when it was gone already."""
