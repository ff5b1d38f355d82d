"""Tenants."""

from dataclasses import replace

from connector.domain import changes, directory
from connector.domain.audit import Action
from connector.domain.directory import Tenant
from connector.domain.refusals.tenants import TenantForbidden
from connector.usecases.realms import Installation, Realm


def create_tenant(installation: Installation, external_id: str, name: str) -> Tenant:
    """Create a tenant.

    Raises:
        TenantForbidden: the caller may not enter every tenant, so not a new one either.
        InvalidData, NotUniqueName: the external id or the name breaks a rule, or the external id is taken.
    """
    if installation.caller.tenants is not None:
        raise TenantForbidden("Unauthorized: tenants are created by callers for every tenant. Use such a credential.")
    tenant = directory.register_tenant(external_id, name, id=installation.new_id(), now=installation.now)
    installation.tenants.add(tenant)
    installation.record(Action.TENANT_CREATED, tenant=tenant.external_id, reason=tenant.external_id)
    return tenant


def choose_profile(realm: Realm, profile: str | None) -> Tenant:
    """Choose the tenant's default certificate profile, which the caller has found to be set up; None for the
    installation's. It counts from the next certificate of each application and runtime that has none of its own.
    """
    tenant = realm.tenant
    if profile == tenant.profile:
        return tenant
    updated = replace(tenant, profile=profile)
    realm.update_tenant(updated)
    realm.record(Action.PROFILE_CHOSEN, reason=directory.profile_change(tenant.profile, profile))
    return updated


def rename_tenant(realm: Realm, name: str) -> Tenant:
    """Give the tenant another name. Its external id stays: keys, permissions and clients refer to it.

    Raises:
        InvalidData: it is no name.
    """
    tenant, renamed = realm.tenant, directory.rename_tenant(realm.tenant, name)
    if renamed == tenant:
        return tenant
    realm.record(Action.TENANT_RENAMED, reason=changes.of_value("name", tenant.name, name))
    realm.update_tenant(renamed)
    return renamed
