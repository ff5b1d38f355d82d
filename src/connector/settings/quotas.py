"""The quotas: a section of the settings."""

from pydantic import Field

from connector.domain.quotas import Quotas as Limits
from connector.settings.section import Section

_MOST = 1_000_000_000


def _number(default: int, description: str) -> int:
    number: int = Field(default=default, ge=0, le=_MOST, description=description)
    return number


class Quotas(Section):
    """What one system auth, one tenant and one caller may have and do; 0 is no limit. A refusal names the setting that
    it comes from, and Retry-After says when to try again. See [operations](operations.md).
    """

    certificates_a_day: int = _number(
        200,
        "Certificates that one system auth can get within 24 hours by its own doing: by renewal, or by a token of "
        "`configuration` over mutual TLS.",
    )
    certificates: int = _number(
        500,
        "Good certificates that one system auth can have when it asks for another. Superseded ones count until they "
        "expire: whoever renews each day has as many as certificates.validity has days.",
    )
    tokens_a_minute: int = _number(10, "Tokens that one system auth can get by `configuration` within a minute.")
    refusals_a_minute: int = _number(
        20,
        "Refused renewals of one system auth; then as many a minute are looked at. Workers share them out, replicas "
        "do not.",
    )
    tenant_applications: int = _number(100_000, "Applications in one tenant.")
    tenant_runtimes: int = _number(100_000, "Runtimes in one tenant.")
    tenant_integration_systems: int = _number(10_000, "Integration systems in one tenant.")
    tenant_certificates: int = _number(
        1_000_000, "Good certificates in one tenant, beyond which no token is handed over. Renewals go on."
    )
    tenant_tokens: int = _number(100_000, "Tokens in one tenant that can be redeemed.")
    requests: int = _number(
        256,
        "Requests that one caller (an API key, a certificate, a session) can have under way. Workers share this and "
        "the following out, replicas do not.",
    )
    requests_a_second: int = _number(1000, "Requests of one caller; then as many a second.")
    tenant_requests: int = _number(1024, "Requests under way for one tenant.")
    tenant_requests_a_second: int = _number(4000, "Requests for one tenant; then as many a second.")

    def values(self) -> Limits:
        """The limits as the domain has them."""
        return Limits(**self.model_dump())
