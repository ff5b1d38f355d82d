"""The quotas: a section of the settings."""

from pydantic import ByteSize, Field

from connector.domain.catalogue import MOST_SERVICES
from connector.domain.quotas import Quotas as Limits
from connector.settings.section import MIB, Section

_MOST = 1_000_000_000


def _number(default: int, description: str) -> int:
    number: int = Field(default=default, ge=0, le=_MOST, description=description)
    return number


class Quotas(Section):
    """The limits of one system auth, one tenant and one caller; 0 means no limit. A refusal names the setting,
    and Retry-After says when to try again. See [operations](operations.md#quotas).
    """

    certificates_a_day: int = _number(
        200,
        "Certificates that one system auth can get within 24 hours without an administrator: by renewal, or with a "
        "token from `configuration` over mutual TLS.",
    )
    certificates: int = _number(
        500,
        "Valid certificates that one system auth can have when it asks for another. Superseded ones count until they "
        "expire: a system that renews daily has as many as certificates.validity has days.",
    )
    tokens_a_minute: int = _number(10, "Tokens that one system auth can get by `configuration` within a minute.")
    refusals_a_minute: int = _number(
        20,
        "Refused renewals of one system auth before rate limiting, then the same number per minute. Divided among "
        "workers, not among replicas.",
    )
    services: int = Field(
        default=MOST_SERVICES,
        ge=1,
        le=MOST_SERVICES,
        description="Services that one application can publish at its metadataUrl.",
    )
    catalogue: ByteSize = Field(
        default=ByteSize(4 * MIB),
        ge=0,
        le=1024 * MIB,
        description="Size of all services of one application; one of them is also limited by `limits.body`.",
    )
    service_changes_an_hour: int = _number(
        300,
        "Services that one application can publish, replace or delete before rate limiting, then the same number per "
        "hour. A replacement that changes nothing does not count. Divided among workers, not among replicas.",
    )
    tenant_applications: int = _number(100_000, "Applications in one tenant.")
    tenant_runtimes: int = _number(100_000, "Runtimes in one tenant.")
    tenant_integration_systems: int = _number(10_000, "Integration systems in one tenant.")
    tenant_certificates: int = _number(
        1_000_000, "Valid certificates in one tenant. Beyond it no tokens are issued; renewals still work."
    )
    tenant_tokens: int = _number(100_000, "Unused, unexpired tokens in one tenant.")
    requests: int = _number(
        256,
        "Concurrent requests of one caller (an API key, a certificate, a session). This and the following limits are "
        "divided among workers, not among replicas.",
    )
    requests_a_second: int = _number(
        1000, "Requests of one caller before rate limiting, then the same number per second."
    )
    tenant_requests: int = _number(1024, "Concurrent requests for one tenant.")
    tenant_requests_a_second: int = _number(
        4000, "Requests for one tenant before rate limiting, then the same number per second."
    )

    def values(self) -> Limits:
        """The limits as the domain has them."""
        return Limits(**self.model_dump())
