"""The gateways that are answered, and whom they may resolve: a section of the settings."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connector.domain.consumers import Consumer, MappedSubject, MappedSubjects
from connector.pki.distinguished_names import parse_name
from connector.settings.section import Section
from connector.settings.values import Networks, Tenants, check_fingerprint, every_tenant, read_list, read_tables

MOST_SUBJECTS = 1000
MAX_SUBJECT = 1024

_Text = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:\-]{0,127}$")]
_Texts = Annotated[tuple[_Text, ...], BeforeValidator(read_list), Field(max_length=100)]
_Fingerprints = Annotated[
    tuple[Annotated[str, AfterValidator(check_fingerprint)], ...], BeforeValidator(read_list), Field(max_length=1000)
]


def _check_subject(value: str) -> str:
    parse_name(value)
    # A header does not show whether the gateway's quoting or the name's own escaping comes first.
    if "\\" in value or '"' in value or not value.isascii():
        raise ValueError("It should have no character that is escaped in a distinguished name, and ASCII alone")
    return value


class MappedSubjectSetting(Section):
    """A subject of another CA's certificates, and who has it."""

    subject: Annotated[str, Field(max_length=MAX_SUBJECT), AfterValidator(_check_subject)]
    consumer_id: _Text
    consumer_type: _Text
    tenants: Tenants
    tenant_access_levels: _Texts = ()
    scopes: _Texts = ()
    refused: _Fingerprints = ()

    @model_validator(mode="after")
    def _checked(self) -> Self:
        every_tenant(self.tenants)
        return self

    def value(self) -> MappedSubject:
        """The entry as the domain has it."""
        tenants = None if every_tenant(self.tenants) else frozenset(self.tenants)
        consumer = Consumer(self.consumer_id, self.consumer_type, tenants, self.tenant_access_levels, self.scopes)
        return MappedSubject(parse_name(self.subject), consumer, frozenset(map(bytes.fromhex, self.refused)))

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.subject} is {self.consumer_type} {self.consumer_id} in {', '.join(self.tenants)}"


class Gateways(Section):
    """The gateways that may ask for verdicts and use the resolvers, on the internal listener. Without one of the
    first two settings nobody may; if both are set, a gateway must satisfy both. Each entry of `[[gateways.subjects]]`
    has a `subject` (RFC 4514), which must be that of the certificate exactly, a `consumer_id`, a `consumer_type`, and
    `tenants`, a list of external ids, or `["*"]` for all. It may have `tenant_access_levels`, `scopes`, and `refused`,
    the SHA-256 of certificates that are refused all the same. See [gateways](gateways.md#other-cas-certificates).
    """

    proxies: Networks = Field(
        default=(),
        max_length=100,
        description="Addresses and networks from which gateways ask, such as 127.0.0.1 or 10.0.0.0/24.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the secret of at least 32 characters that gateways "
        "send in the header Connector-Gateway-Secret.",
    )
    dialect: Literal["nginx", "apache", "traefik", "envoy", "rfc9440"] | None = Field(
        default=None,
        description="How a gateway that ends TLS passes on the client certificate to listeners.forwarded: in the "
        "header `Client-Cert` (`rfc9440`), or in the way of nginx, Apache, Traefik or Envoy. No other header is read.",
    )
    subjects: Annotated[
        tuple[MappedSubjectSetting, ...], BeforeValidator(read_tables), Field(max_length=MOST_SUBJECTS)
    ] = Field(
        default=(),
        description="Who has certificates of another CA, by their subjects, for the certificate resolver. In the "
        "environment, JSON.",
    )
    subject_rule: bool = Field(
        default=False,
        description="Whether the certificate resolver takes a certificate that is not in the inventory for that of the "
        "system auth in its subject, if the subject has the form of [subject], as Compass did. The gateway alone then "
        "verifies such certificates. Turn it off again after the move.",
    )
    authenticator: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$",
        description="The name of the OpenID Connect issuer of [oidc] in the path of the resolver for JWTs, "
        "/hydrators/authn-mapping/NAME. Without it, there is no such resolver.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        try:
            self.mapped()
        except ValueError as error:
            raise ValueError(f"subjects: {error}") from None
        return self

    def mapped(self) -> MappedSubjects:
        """The subjects as the domain has them."""
        return MappedSubjects(tuple(each.value() for each in self.subjects))
