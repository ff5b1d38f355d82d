"""Certificate revocation lists: a section of the settings."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from connector.settings.section import DAY, HOUR, Section
from connector.settings.values import Duration


class CRL(Section):
    """Certificate revocation lists, which the pki listener serves. A new one is also made within a minute after each
    revocation.
    """

    validity: Duration = Field(
        default=7 * DAY,
        ge=HOUR,
        le=90 * DAY,
        description="How long a CRL is valid. Verifiers that have only an older one refuse every certificate.",
    )
    interval: Duration = Field(
        default=DAY,
        ge=timedelta(minutes=5),
        le=45 * DAY,
        description="How often a CRL is made although nothing was revoked. At most half of crl.validity.",
    )
    root_validity: Duration = Field(
        default=365 * DAY,
        ge=DAY,
        le=3650 * DAY,
        description="How long the root's CRL is valid. It is replaced after half of this, if ca/root.key is there.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.interval > self.validity / 2:
            raise ValueError("interval: It should not exceed half of crl.validity")
        return self
