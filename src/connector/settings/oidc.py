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
    """An OpenID Connect issuer whose tokens administrators may call the Director API with, beside API keys. A claim is
    named by its name, or by a dotted path into objects, such as realm_access.roles.
    """

    issuer: str | None = Field(default=None, description="Its URL, exactly as its tokens name it. None without one.")
    audience: str | None = Field(default=None, description="Whom tokens must be meant for: our name at the issuer.")
    algorithms: _Words = Field(
        default=("RS256", "ES256", "PS256", "EdDSA"), description="The signatures that are accepted; never HMAC."
    )
    tenants_claim: str = Field(default="tenants", description="The claim with the external ids of the tenants.")
    all_tenants: str = Field(default="*", description="The value in it that means every tenant.")
    roles_claim: str = Field(default="roles", description="The claim with the roles; the highest counts.")
    viewer: _Words = Field(default=("viewer",), description="The values in it that mean a viewer.")
    operator: _Words = Field(default=("operator",), description="The values in it that mean an operator.")
    administrator: _Words = Field(
        default=("administrator",), description="The values in it that mean an administrator."
    )
    name_claim: str = Field(default="sub", description="The claim by which the audit names the caller.")
    client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="Our client at the issuer, by which people sign in to the console; its redirect URI is "
        "/console/sign-in/callback on the public URL. None: they sign in by password.",
    )
    client_secret: SecretStr | None = Field(
        default=None, min_length=1, max_length=300, description="Its secret. Read from the environment alone."
    )
    client_secret_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the secret. Instead of oidc.client_secret.",
    )
    scopes: _Words = Field(default=("openid",), description="What the console asks the issuer for; openid is needed.")
    leeway: Duration = Field(
        default=30 * SECOND,
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How far the issuer's clock may be from ours.",
    )
    refresh: Duration = Field(
        default=timedelta(minutes=10),
        ge=SECOND,
        le=12 * HOUR,
        description="Time between two fetches of its keys. An unknown key is asked for at once.",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM, the trust anchors for its TLS; the system's if none is given."
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.issuer is None) != (self.audience is None):
            missing = "audience" if self.audience is None else "issuer"
            raise ValueError(f"{missing}: oidc.issuer and oidc.audience are given together or not at all")
        if self.client_id is not None and self.issuer is None:
            raise ValueError("client_id: nobody can sign in without oidc.issuer")
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret_file: There is a secret in the environment too; keep one of them")
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is one of them")
        return self
