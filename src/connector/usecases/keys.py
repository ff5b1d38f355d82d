"""API keys: with one, somebody calls the Director."""

from datetime import timedelta

from connector.domain import principals
from connector.domain.audit import Action
from connector.domain.principals import ApiKey, Role
from connector.domain.refusals.objects import ObjectNotFound
from connector.usecases.realms import Installation


def make_api_key(
    installation: Installation, name: str, *, role: Role, tenant: str | None, lifetime: timedelta | None
) -> tuple[str, ApiKey]:
    """Make an API key for one tenant, by its external id, or for every tenant: its text and its record.

    Raises:
        TenantForbidden, TenantNotFound: the caller has no right to that tenant, or there is no such tenant.
        InvalidData, NotUniqueName: the name or the lifetime breaks a rule, or the name is taken.
    """
    installation.require_right_to(tenant)
    text, key = principals.make_key(
        installation.random(principals.KEY_OCTETS),
        installation.origin(),
        name=name,
        role=role,
        tenant=tenant,
        lifetime=lifetime,
    )
    record_key(installation, key)
    return text, key


def record_key(installation: Installation, key: ApiKey) -> None:
    """Record a key that was made.

    Raises:
        NotUniqueName: its name is taken.
    """
    installation.keys.add(key)
    installation.record(Action.KEY_CREATED, tenant=key.tenant, reason=key.name)


def revoke_api_key(installation: Installation, id: str) -> ApiKey:
    """Revoke an API key, from its next use on; one that is revoked already stays as it is.

    Raises:
        ObjectNotFound: there is none of that id among those that the caller may see.
    """
    key = installation.keys.revoke(id)
    if key is None:
        raise ObjectNotFound
    if key.revoked_at == installation.now:
        installation.record(Action.KEY_REVOKED, tenant=key.tenant, reason=key.name)
    return key
