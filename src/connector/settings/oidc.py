"""The settings about an OpenID Connect issuer."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from connector.settings.section import HOUR, SECOND, Section
from connector.settings.values import Duration, read_list

_Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    BeforeValidator(read_list),
    Field(max_length=50),
]


class OIDC(Section):
    """An OpenID Connect issuer. Administrators can use its tokens instead of API keys. Name a claim by its name, or by
    a dotted path into objects, such as realm_access.roles.
    """

    issuer: str | None = Field(
        default=None, description="Its URL, exactly as in its tokens. Without it, OpenID Connect is off."
    )
    audience: str | None = Field(
        default=None,
        description="The audience that tokens for the API must have: Connector's name at the issuer. Without it, the "
        "API takes no tokens, and oidc.client_id is needed.",
    )
    algorithms: _Words = Field(
        default=("RS256", "ES256", "PS256", "EdDSA"),
        description="Accepted signature algorithms. HMAC is never accepted.",
    )
    tenants_claim: str = Field(default="tenants", description="The claim that contains the tenants' external ids.")
    all_tenants: str = Field(default="*", description="The value that means all tenants.")
    roles_claim: str = Field(default="roles", description="The claim that contains the roles; the highest one applies.")
    viewer: _Words = Field(default=("viewer",), description="Values that mean viewer.")
    operator: _Words = Field(default=("operator",), description="Values that mean operator.")
    administrator: _Words = Field(default=("administrator",), description="Values that mean administrator.")
    name_claim: str = Field(default="sub", description="The claim that the audit uses as the caller's name.")
    client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="Client id of the console at the issuer; register the redirect URI /console/sign-in/callback on "
        "the public URL. Without it, administrators sign in with passwords.",
    )
    display_name: str = Field(
        default="OpenID Connect",
        min_length=1,
        max_length=60,
        description="The issuer's name on the button of the sign-in page: Sign in with NAME.",
    )
    client_secret: SecretStr | None = Field(
        default=None, min_length=1, max_length=300, description="The client secret. Read only from the environment."
    )
    client_secret_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the secret. Instead of oidc.client_secret.",
    )
    scopes: _Words = Field(
        default=("openid",), description="Scopes that the console requests at sign-in; openid is required."
    )
    leeway: Duration = Field(
        default=30 * SECOND,
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How much the issuer's clock may differ from this server's.",
    )
    refresh: Duration = Field(
        default=timedelta(minutes=10),
        ge=SECOND,
        le=12 * HOUR,
        description="Time between two fetches of its keys. An unknown key is fetched at once.",
    )
    ca_file: Path | None = Field(
        default=None, description="Trust anchors for its TLS certificate, in PEM. By default, the system's."
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.issuer is None and self.audience is not None:
            raise ValueError("audience: no token can be checked without oidc.issuer")
        if self.issuer is None and self.client_id is not None:
            raise ValueError("client_id: nobody can sign in without oidc.issuer")
        if self.issuer is not None and self.audience is None and self.client_id is None:
            raise ValueError("issuer: set oidc.audience for the API, oidc.client_id for the console, or both")
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret_file: There is a secret in the environment too; keep one of them")
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is one of them")
        return self
