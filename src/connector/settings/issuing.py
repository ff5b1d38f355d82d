"""What is issued, for which CSRs, and by which CA: three sections of the settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connector.pki.names import SubjectPolicy
from connector.pki.spiffe import check_trust_domain
from connector.settings.section import DAY, HOUR, Section
from connector.settings.values import Duration


class Subject(Section):
    r"""The attributes that all certificates' subjects share. A value must not contain , = + < > # ; \ " / or control
    characters, because clients split the subject there.
    """

    organization: str = Field(default="Org", description="O, at most 64 characters.")
    organizational_unit: str = Field(default="OrgUnit", description="OU, at most 64 characters.")
    locality: str = Field(default="locality", description="L, at most 128 characters.")
    province: str = Field(default="province", description="ST, at most 128 characters.")
    country: str = Field(default="DE", description="C, two capital letters (ISO 3166).")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self.policy()
        return self

    def policy(self) -> SubjectPolicy:
        """The subject that every CSR must ask for."""
        return SubjectPolicy(
            organization=self.organization,
            organizational_unit=self.organizational_unit,
            locality=self.locality,
            province=self.province,
            country=self.country,
        )


class Certificates(Section):
    """Client certificates, and the CSRs that are accepted for them."""

    validity: Duration = Field(
        default=90 * DAY,
        ge=HOUR,
        le=397 * DAY,
        description="How long a client certificate is valid. It never outlives its issuer.",
    )
    key_algorithm: Literal["rsa2048", "rsa3072", "rsa4096", "p256", "p384"] = Field(
        default="rsa2048",
        description="The key type that clients are told to use. Other supported key types are still accepted.",
    )
    sha1_proof: bool = Field(
        default=True,
        description="Whether an RSA CSR may be signed with SHA-1, as old clients do it. SHA-1 is accepted nowhere "
        "else.",
    )
    requested_extensions: Literal["ignore", "refuse"] = Field(
        default="ignore",
        description="What to do with a CSR that requests extensions which a client certificate must not have. None is "
        "copied.",
    )
    profile: Literal["client", "spiffe"] = Field(
        default="client",
        description="The default profile of applications and runtimes: Compass's client certificate, or the same with "
        "a SPIFFE id.",
    )
    spiffe_trust_domain: Annotated[str, AfterValidator(check_trust_domain)] | None = Field(
        default=None,
        description="The trust domain of SPIFFE ids, such as example.org. Required for the profile spiffe.",
    )
    renewal_start: int = Field(
        default=67,
        ge=1,
        le=98,
        description="The renewal window opens after this percentage of a certificate's validity.",
    )
    renewal_end: int = Field(
        default=83,
        ge=2,
        le=99,
        description="The renewal window closes after this percentage. Each client picks a random moment in it.",
    )
    renewal_check: Duration = Field(
        default=6 * HOUR,
        ge=timedelta(minutes=1),
        le=7 * DAY,
        description="How often clients are told to check whether the window has changed.",
    )
    grace: Duration = Field(
        default=timedelta(0),
        ge=timedelta(0),
        le=397 * DAY,
        description="How long after its expiry a certificate can be renewed with a proof of its key. 0s turns it off.",
    )
    graces: int = Field(
        default=1, ge=1, le=1000, description="How many times a system auth can be renewed after expiry."
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.renewal_end <= self.renewal_start:
            raise ValueError("renewal_end: It should be more than certificates.renewal_start")
        if self.profile == "spiffe" and self.spiffe_trust_domain is None:
            raise ValueError("profile: The profile spiffe needs certificates.spiffe_trust_domain")
        return self


class CA(Section):
    """The root and issuing CA, which are created at the first start. Later changes here have no effect on them."""

    key: Literal["p256", "p384", "rsa3072", "rsa4096"] = Field(default="p256", description="The type of both keys.")
    root_validity: Duration = Field(
        default=3650 * DAY,
        ge=DAY,
        le=36500 * DAY,
        description="How long the root certificate is valid.",
    )
    issuing_validity: Duration = Field(
        default=1825 * DAY,
        ge=DAY,
        le=36500 * DAY,
        description="How long the issuing certificate is valid. It never outlives the root.",
    )
    passphrase: SecretStr | None = Field(
        default=None,
        min_length=8,
        max_length=255,
        description="Encrypts the key files. Read only from the environment.",
    )
    passphrase_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the passphrase. Instead of ca.passphrase.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.passphrase is not None and self.passphrase_file is not None:
            raise ValueError("passphrase_file: There is a passphrase in the environment too; keep one of them")
        if self.issuing_validity > self.root_validity:
            raise ValueError("issuing_validity: It should not exceed ca.root_validity")
        return self
