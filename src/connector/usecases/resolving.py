"""Lookups for a gateway and the services behind it: of a system auth's owner, and of a tenant."""

from connector.domain.directory import Tenant
from connector.domain.subjects import Owner
from connector.ports.transaction import Store


async def owner_of(store: Store, system_auth_id: str) -> Owner | None:
    """The owner of a system auth; None once it is deleted."""
    return await store.look_up(lambda tx: tx.subjects.owner(system_auth_id))


async def tenant(store: Store, external_id: str) -> Tenant | None:
    """The tenant of this external id."""
    return await store.look_up(lambda tx: tx.tenants.find(external_id))
