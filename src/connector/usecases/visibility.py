"""The records outside of tenants that a caller may see: tenants, API keys, administrators and permissions.

Each is bound to the tenants that the caller may enter. ``within`` holds their external ids; None is every tenant.

Only an :class:`~connector.usecases.realms.Installation` hands these out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.domain.administrators import Administrator
from connector.domain.directory import Tenant
from connector.domain.permissions import Permission, Permitted
from connector.domain.principals import ApiKey, Role
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.permissions import PermissionFilter
from connector.ports.transaction import Transaction


@dataclass(frozen=True, slots=True)
class VisibleTenants:
    """The tenants that a caller may enter; see :class:`connector.ports.directory.Tenants`."""

    _tx: Transaction = field(repr=False)
    within: frozenset[str] | None

    def add(self, tenant: Tenant) -> None:
        """Record a tenant."""
        self._tx.tenants.add(tenant)

    def find(self, external_id: str) -> Tenant | None:
        """The tenant of that external id."""
        return self._visible(self._tx.tenants.find(external_id))

    def of_id(self, id: str) -> Tenant | None:
        """The tenant of that internal id."""
        return self._visible(self._tx.tenants.of_id(id))

    def list(self, *, containing: str = "", after: str | None = None, most: int | None = None) -> Sequence[Tenant]:
        """The tenants by external id: those whose external id or name contains the text, those after ``after``."""
        return self._tx.tenants.list(within=self.within, containing=containing, after=after, most=most)

    def count(self, *, containing: str = "") -> int:
        """The number of such tenants."""
        return self._tx.tenants.count(within=self.within, containing=containing)

    def _visible(self, tenant: Tenant | None) -> Tenant | None:
        return None if tenant is None or (self.within is not None and tenant.external_id not in self.within) else tenant


@dataclass(frozen=True, slots=True)
class VisibleKeys:
    """The API keys that a caller may see; see :class:`connector.ports.keys.ApiKeys`."""

    _tx: Transaction = field(repr=False)
    within: frozenset[str] | None

    def add(self, key: ApiKey) -> None:
        """Record a key."""
        self._tx.keys.add(key)

    def list(self, *, after: tuple[datetime, str] | None = None, most: int | None = None) -> Sequence[ApiKey]:
        """The keys, newest first: those after that time and id."""
        return self._tx.keys.list(within=self.within, after=after, most=most)

    def count(self) -> int:
        """The number of them."""
        return self._tx.keys.count(within=self.within)

    def revoke(self, id: str) -> ApiKey | None:
        """Revoke the key, unless it is revoked, and return it as it is then; None where there is none."""
        return self._tx.keys.revoke(id, within=self.within, now=self._tx.now)


@dataclass(frozen=True, slots=True)
class VisiblePermissions:
    """The permissions that a caller may see; see :class:`connector.ports.permissions.Permissions`."""

    _tx: Transaction = field(repr=False)
    within: frozenset[str] | None

    def add(self, permission: Permission) -> None:
        """Record a permission."""
        self._tx.permissions.add(permission)

    def find(self, id: str) -> Permitted | None:
        """The permission of that id."""
        found = self._tx.permissions.find(id)
        is_visible = found is not None and (self.within is None or found.tenant is None or found.tenant in self.within)
        return found if is_visible else None

    def list(
        self, which: PermissionFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[Permitted]:
        """The permissions that fit, oldest first: those after that time and id."""
        return self._tx.permissions.list(self._visible(which), after=after, most=most)

    def count(self, which: PermissionFilter) -> int:
        """The number of them."""
        return self._tx.permissions.count(self._visible(which))

    def remove(self, id: str) -> bool:
        """Remove the permission. False when the caller does not see one of that id."""
        return self.find(id) is not None and self._tx.permissions.remove(id)

    def _visible(self, which: PermissionFilter) -> PermissionFilter:
        return replace(which, within=self.within)


@dataclass(frozen=True, slots=True)
class VisibleAdministrators:
    """The administrators whom a caller may see; see :class:`connector.ports.administrators.Administrators`."""

    _tx: Transaction = field(repr=False)
    within: frozenset[str] | None

    def add(self, administrator: Administrator) -> None:
        """Record one."""
        self._tx.administrators.add(administrator)

    def find(self, name: str) -> Administrator | None:
        """The administrator of that name."""
        return self._visible(self._tx.administrators.find(name))

    def of_id(self, id: str) -> Administrator | None:
        """The administrator of that id."""
        return self._visible(self._tx.administrators.of_id(id))

    def list(self, *, after: str | None = None, most: int | None = None) -> Sequence[Administrator]:
        """The administrators by name: those after that name."""
        return self._tx.administrators.list(within=self.within, after=after, most=most)

    def set_password(self, id: str, password: str) -> None:
        """Set the hash of the password."""
        self._require(id)
        self._tx.administrators.set_password(id, password)

    def set_disabled(self, id: str, at: datetime | None) -> None:
        """Disable the administrator from that time on, or enable them with None."""
        self._require(id)
        self._tx.administrators.set_disabled(id, at)

    def set_rights(self, id: str, role: Role, tenant: str | None) -> None:
        """Set role and tenant."""
        self._require(id)
        self._tx.administrators.set_rights(id, role, tenant)

    def signed_in(self, id: str, at: datetime) -> None:
        """Note the last sign-in."""
        self._require(id)
        self._tx.administrators.signed_in(id, at)

    def remove(self, id: str) -> None:
        """Remove the administrator."""
        self._require(id)
        self._tx.administrators.remove(id)

    def _require(self, id: str) -> None:
        if self.of_id(id) is None:
            raise ObjectNotFound

    def _visible(self, found: Administrator | None) -> Administrator | None:
        return None if found is None or (self.within is not None and found.tenant not in self.within) else found
