"""A tenant is missing, unknown, or closed to the caller."""

from connector.domain.refusals import Refusal


class TenantRequired(Refusal):
    """Tenant is required. Name the tenant's external id in the Tenant header."""

    code = "tenant_required"


class TenantForbidden(Refusal):
    """Unauthorized: the caller may not enter this tenant. Name a tenant that the caller may enter."""

    code = "tenant_forbidden"


class TenantNotFound(Refusal):
    """Tenant not found. Create it with connector tenant create, or correct the Tenant header."""

    code = "tenant_not_found"
