"""Permissions: in which tenants, besides its own, an integration system may act."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

MOST_PERMISSIONS = 1000
"""The most permissions of one integration system. For more tenants there is the permission for every tenant."""


@dataclass(frozen=True, slots=True)
class Permission:
    """An integration system may act in this tenant; with None in every tenant, also in those that are created later.

    It ends with the integration system, and with the tenant.
    """

    id: str
    system_id: str
    tenant_id: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Permitted:
    """A permission with the names that people know: the integration system's, and the tenant's external id."""

    permission: Permission
    system: str
    tenant: str | None

    @property
    def facts(self) -> Mapping[str, str | None]:
        """What callers see, by the names of the API, except for the time."""
        return {
            "id": self.permission.id,
            "integrationSystemID": self.permission.system_id,
            "integrationSystemName": self.system,
            "tenant": self.tenant,
            "createdBy": self.permission.created_by,
        }
