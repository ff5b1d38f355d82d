"""Lookups for a gateway and the services behind it: of a system auth's owner, and of a tenant."""

from connector.domain.directory import EntityKind, Tenant
from connector.domain.subjects import Owner
from connector.ports.transaction import Store

_HOLDERS = (EntityKind.APPLICATION, EntityKind.RUNTIME)


async def owner_of(store: Store, system_auth_id: str) -> Owner | None:
    """The owner of a system auth; None once it is deleted."""
    return await store.look_up(lambda tx: tx.subjects.owner(system_auth_id))


async def owner_of_unknown(store: Store, fingerprint: bytes, system_auth_id: str) -> Owner | None:
    """The application or runtime of a system auth that an unknown certificate names; None for a certificate that is
    in the inventory, in whatever state, or whose revocation was taken over in an import.
    """
    owner = await store.look_up(lambda tx: tx.subjects.owner_of_unknown(fingerprint, system_auth_id))
    return owner if owner is not None and owner.kind in _HOLDERS else None


async def tenant(store: Store, external_id: str) -> Tenant | None:
    """The tenant of this external id."""
    return await store.look_up(lambda tx: tx.tenants.find(external_id))
