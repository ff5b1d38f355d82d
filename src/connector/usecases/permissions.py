"""Permissions: an integration system is let into tenants besides its own, and shut out of them again.

Whoever lets it in has a right to its own tenant and to the one that it is let into.
"""

from connector.domain.audit import Action
from connector.domain.permissions import MOST_PERMISSIONS, Permission, Permitted
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.ports.permissions import PermissionFilter
from connector.usecases.realms import Installation


def permit(
    installation: Installation, system_id: str, *, tenant: str | None = None, every_tenant: bool = False
) -> Permitted:
    """Let an integration system act in the tenant of that external id, or in every tenant.

    A permission that it has already is returned as it is.

    Raises:
        InvalidData: neither a tenant nor every tenant is named, or both; the tenant is its own; or it has too many.
        ObjectNotFound: there is no such integration system in a tenant that the caller may enter.
        TenantForbidden, TenantNotFound: the caller has no right to the tenant, or there is none.
    """
    if (tenant is not None) == every_tenant:
        raise InvalidData("Invalid data tenant: name either a tenant or every tenant. Both, or neither, is not clear.")
    home, system = installation.integration_system(system_id)
    installation.require_right_to(tenant)
    realm = None if tenant is None else installation.enter(tenant)
    if realm is not None and realm.tenant_id == home.tenant_id:
        raise InvalidData("Invalid data tenant: it is the integration system's own, where it may act already.")
    for each in installation.permissions.list(PermissionFilter(system_id=system.id)):
        if each.tenant == tenant:
            return each
    if home.permissions.number(system.id) >= MOST_PERMISSIONS:
        raise InvalidData(
            f"Invalid data tenant: the integration system has {MOST_PERMISSIONS} permissions already. Withdraw some, "
            "or permit every tenant."
        )
    made = Permission(
        str(installation.new_id()),
        system.id,
        None if realm is None else realm.tenant_id,
        installation.now,
        installation.caller.actor,
    )
    installation.permissions.add(made)
    permitted = Permitted(made, system.name, tenant)
    _record(installation, Action.PERMISSION_GIVEN, permitted)
    return permitted


def withdraw_permission(installation: Installation, id: str) -> Permitted:
    """Withdraw a permission: the integration system is shut out with its next request.

    Raises:
        ObjectNotFound: there is none of that id among those that the caller may see.
        TenantForbidden: it is for every tenant, and the caller is not.
    """
    found = installation.permissions.find(id)
    if found is None:
        raise ObjectNotFound
    installation.require_right_to(found.tenant)
    if not installation.permissions.remove(id):
        raise ObjectNotFound
    _record(installation, Action.PERMISSION_WITHDRAWN, found)
    return found


def _record(installation: Installation, action: Action, permitted: Permitted) -> None:
    """Record it where it counts: in the tenant, or where it is for every tenant, in none."""
    if permitted.tenant is None:
        installation.record(action, tenant=None, reason=permitted.permission.system_id)
    else:
        installation.enter(permitted.tenant).record(action, permitted.permission, reason=permitted.system)
