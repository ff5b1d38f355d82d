"""OCSP: a section of the settings."""

from datetime import timedelta

from pydantic import Field

from connector.settings.section import HOUR, Section
from connector.settings.values import Duration


class OCSP(Section):
    """Online certificate status, which the pki listener answers."""

    validity: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(minutes=1),
        le=12 * HOUR,
        description="How long an answer is valid. Some verifiers, such as nginx, ask again only then, and learn of a "
        "revocation so much later.",
    )
