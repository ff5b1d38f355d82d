"""Identity tokens: a section of the settings."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from connector.domain.identity_tokens import LONGEST_LIFETIME, Audience
from connector.settings.section import Section
from connector.settings.values import Duration, Tenants, every_tenant, read_tables

MOST_AUDIENCES = 100


class AudienceSetting(Section):
    """Somebody whom identity tokens may be for, and in which tenants."""

    name: Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,256}$")]
    tenants: Tenants

    @model_validator(mode="after")
    def _checked(self) -> Self:
        every_tenant(self.tenants)
        return self

    def value(self) -> Audience:
        """The entry as the domain has it."""
        return Audience(self.name, None if every_tenant(self.tenants) else frozenset(self.tenants))

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.name} in {', '.join(self.tenants)}"


class IdentityTokens(Section):
    """JWTs that holders of certificates get for others, such as Kubernetes, a gateway or a cloud. Each entry of
    `[[identity_tokens.audiences]]` has a `name`, which becomes the claim `aud`, and `tenants`, a list of external ids,
    or `["*"]` for all. Without an entry there are no identity tokens. See [identity tokens](identity-tokens.md).
    """

    lifetime: Duration = Field(
        default=timedelta(minutes=5),
        ge=timedelta(minutes=1),
        le=LONGEST_LIFETIME,
        description="How long a token is valid. Whoever accepts it without asking the server learns of a revocation so "
        "much later.",
    )
    audiences: Annotated[
        tuple[AudienceSetting, ...], BeforeValidator(read_tables), Field(max_length=MOST_AUDIENCES)
    ] = Field(
        default=(),
        description="Whom tokens may be for, and which tenants' systems get them. In the environment, JSON.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        names = [each.name for each in self.audiences]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"audiences: {name} is there twice")
        return self
