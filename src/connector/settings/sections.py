"""Every setting: its type, its default, its limits and what it means. docs/settings.md is made from this."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, SecretStr, model_validator

from connector.pki.csr import CSRPolicy
from connector.pki.names import SubjectPolicy
from connector.pki.profile import ClientProfile
from connector.renewal import RenewalPolicy
from connector.settings.oidc import OIDC
from connector.settings.section import DAY, HOUR, KIB, MIB, SECOND, Section
from connector.settings.values import (
    Address,
    Duration,
    ListenerAddress,
    OptionalListenerAddress,
    check_host,
    check_https,
    read_list,
)
from connector.tokens import TokenPolicy, TokenType

_HttpsURL = Annotated[str, AfterValidator(check_https)]
_Hosts = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], BeforeValidator(read_list)]
_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


class Listeners(Section):
    """Where the server listens: HOST:PORT, [::1]:PORT for IPv6; port 0 picks a free one. Each has a flag of its name,
    such as --public.
    """

    public: ListenerAddress = Field(
        default=Address("localhost", 8443),
        description="TLS, without client certificates: one-time tokens, administrators.",
    )
    mtls: ListenerAddress = Field(
        default=Address("localhost", 8444),
        description="Mutual TLS: holders of certificates.",
    )
    pki: OptionalListenerAddress = Field(
        default=Address("localhost", 8080),
        description='Plain HTTP: the CA\'s certificates, which are signed. Or "off".',
    )
    internal: OptionalListenerAddress = Field(
        default=Address("127.0.0.1", 8445),
        description='Plain HTTP for the platform itself; keep it on loopback. Or "off".',
    )


class URLs(Section):
    """The base URLs by which clients reach the listeners, where that is not the address bound: behind a load balancer,
    in a container. Without one, the URL is made from the listener's address.
    """

    public: _HttpsURL | None = Field(default=None, description="https URL of the public listener.")
    mtls: _HttpsURL | None = Field(default=None, description="https URL of the mutual TLS listener.")


class Subject(Section):
    r"""The attributes that every certificate's subject shares. A value is free of , = + < > # ; \ " / and control
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
    """The client certificates that are issued, and the CSRs that are accepted for them."""

    validity: Duration = Field(
        default=90 * DAY,
        ge=HOUR,
        le=397 * DAY,
        description="How long a client certificate is valid, within its issuer's.",
    )
    key_algorithm: Literal["rsa2048", "rsa3072", "rsa4096", "p256", "p384"] = Field(
        default="rsa2048",
        description="The key that clients are advised to make. Every accepted key stays accepted.",
    )
    sha1_proof: bool = Field(
        default=True,
        description="Whether an RSA CSR may be signed with SHA-1, as old clients do. Nothing else may.",
    )
    requested_extensions: Literal["ignore", "refuse"] = Field(
        default="ignore",
        description="What becomes of a CSR that asks for extensions no client certificate may hold. None is copied.",
    )
    renewal_start: int = Field(
        default=67,
        ge=1,
        le=98,
        description="Percent of a certificate's validity after which its holder is told to renew, and",
    )
    renewal_end: int = Field(
        default=83,
        ge=2,
        le=99,
        description="by which it should have; each holder picks a moment in between.",
    )
    renewal_check: Duration = Field(
        default=6 * HOUR,
        ge=timedelta(minutes=1),
        le=7 * DAY,
        description="How often holders are told to ask whether that has changed.",
    )
    grace: Duration = Field(
        default=timedelta(0),
        ge=timedelta(0),
        le=397 * DAY,
        description="How long after its expiry a certificate may still be renewed by a proof of its key; 0s for never.",
    )
    graces: int = Field(
        default=1, ge=1, le=1000, description="How many times a system auth may be renewed after an expiry."
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.renewal_end <= self.renewal_start:
            raise ValueError("renewal_end: It should be more than certificates.renewal_start")
        return self


class CA(Section):
    """The root and issuing CA, which are made at the first start. Later changes here do not remake them."""

    key: Literal["p256", "p384", "rsa3072", "rsa4096"] = Field(default="p256", description="The kind of both keys.")
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
        description="How long the issuing certificate is valid, within the root's.",
    )
    passphrase: SecretStr | None = Field(
        default=None,
        min_length=8,
        max_length=255,
        description="Encrypts the keys' files. Read from the environment alone.",
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


class TLS(Section):
    """The certificate that this server itself shows: issued by its own CA, or given in two files."""

    names: _Hosts = Field(
        default=("localhost", "127.0.0.1", "::1"),
        max_length=100,
        description="The names and addresses in it. The hosts of [urls] and [listeners] come on top by themselves.",
    )
    certificate_file: Path | None = Field(
        default=None,
        description="PEM, the chain leaf first. Read again when it changes.",
    )
    key_file: Path | None = Field(default=None, description="PEM, the key of certificate_file.")
    validity: Duration = Field(
        default=90 * DAY,
        ge=HOUR,
        le=397 * DAY,
        description="How long our own is valid; after two thirds it is replaced.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "certificate_file"
            raise ValueError(f"{missing}: tls.certificate_file and tls.key_file are given together or not at all")
        return self


class Tokens(Section):
    """One-time tokens."""

    application_lifetime: Duration = Field(
        default=timedelta(minutes=5),
        ge=SECOND,
        le=30 * DAY,
        description="How long an application's token lives.",
    )
    runtime_lifetime: Duration = Field(
        default=timedelta(minutes=60),
        ge=SECOND,
        le=30 * DAY,
        description="How long a runtime's token lives.",
    )
    application_longest: Duration = Field(
        default=DAY,
        ge=SECOND,
        le=30 * DAY,
        description="How long an application's token lives at most, where its mint says how long.",
    )
    runtime_longest: Duration = Field(
        default=DAY,
        ge=SECOND,
        le=30 * DAY,
        description="How long a runtime's token lives at most, where its mint says how long.",
    )
    renewal_lifetime: Duration = Field(
        default=timedelta(minutes=5),
        ge=SECOND,
        le=DAY,
        description="How long the token lives that a certificate's holder gets.",
    )
    refusals: int = Field(default=10, ge=1, le=1000, description="After so many refused CSRs a token is withdrawn.")
    suggestion_header: str = Field(
        default="suggest_token",
        pattern=r"[A-Za-z0-9_\-]{1,64}",
        description="A request for a token with this header as true gets the form that suits its application.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        for kind in ("application", "runtime"):
            if getattr(self, f"{kind}_longest") < getattr(self, f"{kind}_lifetime"):
                raise ValueError(f"{kind}_longest: It should not be less than tokens.{kind}_lifetime")
        return self


class GraphQL(Section):
    """The largest GraphQL document that is answered; a mutation has one root field in any case."""

    characters: int = Field(default=64 * KIB, ge=KIB, le=16 * MIB, description="Length, without long string literals.")
    tokens: int = Field(default=2000, ge=100, le=100_000, description="Lexical tokens.")
    depth: int = Field(default=15, ge=5, le=100, description="Nested fields.")
    fields: int = Field(default=250, ge=10, le=10_000, description="Fields, fragments spread out.")
    aliases: int = Field(default=30, ge=0, le=1000, description="Aliases.")
    root_fields: int = Field(default=10, ge=1, le=1000, description="Root fields of a query.")
    introspection: bool = Field(default=False, description="Whether the schema can be asked for.")
    explorer: bool = Field(default=False, description="Whether /explorer serves a page to try the Director API with.")


class Limits(Section):
    """What one connection, and all together, may take."""

    body: ByteSize = Field(default=ByteSize(MIB), ge=16 * KIB, le=64 * MIB, description="Size of a request body.")
    header: ByteSize = Field(default=ByteSize(32 * KIB), ge=4 * KIB, le=MIB, description="Size of a request's headers.")
    handshake_timeout: Duration = Field(
        default=10 * SECOND,
        ge=SECOND,
        le=timedelta(minutes=5),
        description="Time for the TLS handshake.",
    )
    header_timeout: Duration = Field(
        default=10 * SECOND,
        ge=SECOND,
        le=timedelta(minutes=5),
        description="Time for a request's headers to arrive.",
    )
    request_timeout: Duration = Field(
        default=30 * SECOND,
        ge=SECOND,
        le=timedelta(minutes=10),
        description="Time for a request's body to arrive.",
    )
    idle_timeout: Duration = Field(
        default=15 * SECOND,
        ge=SECOND,
        le=HOUR,
        description="Time until an idle connection is closed.",
    )
    attempts: int = Field(
        default=20,
        ge=0,
        le=1_000_000,
        description="So many wrong credentials from one address are answered, then as many a minute; 0 for any number.",
    )
    connections: int = Field(
        default=4096,
        ge=16,
        le=1_000_000,
        description="Open connections to each listener; a quarter as many handshakes come on top. Lowered where fewer "
        "files may be open.",
    )
    grace: Duration = Field(
        default=10 * SECOND,
        ge=SECOND,
        le=timedelta(minutes=10),
        description="Time for requests in flight when stopping.",
    )


class Log(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least level written.")
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description='One JSON object a line, or text for people; "auto" is the latter on a terminal.',
    )


class Settings(BaseModel):
    """All settings, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path
    listeners: Listeners = Listeners()
    urls: URLs = URLs()
    subject: Subject = Subject()
    certificates: Certificates = Certificates()
    ca: CA = CA()
    tls: TLS = TLS()
    tokens: Tokens = Tokens()
    oidc: OIDC = OIDC()
    graphql: GraphQL = GraphQL()
    limits: Limits = Limits()
    log: Log = Log()

    @property
    def csr_policy(self) -> CSRPolicy:
        """Which CSRs are accepted."""
        return CSRPolicy(
            subject=self.subject.policy(),
            sha1_proof=self.certificates.sha1_proof,
            refuse_extensions=self.certificates.requested_extensions == "refuse",
        )

    @property
    def client_profile(self) -> ClientProfile:
        """What is issued for them."""
        return ClientProfile(validity=self.certificates.validity)

    @property
    def renewal_policy(self) -> RenewalPolicy:
        """When they are renewed."""
        given = self.certificates
        return RenewalPolicy(given.renewal_start, given.renewal_end, given.renewal_check, given.grace, given.graces)

    @property
    def token_policy(self) -> TokenPolicy:
        """How long tokens live."""
        return TokenPolicy(
            lifetimes={
                TokenType.APPLICATION: self.tokens.application_lifetime,
                TokenType.RUNTIME: self.tokens.runtime_lifetime,
            },
            longest={
                TokenType.APPLICATION: self.tokens.application_longest,
                TokenType.RUNTIME: self.tokens.runtime_longest,
            },
            renewal_lifetime=self.tokens.renewal_lifetime,
            refusals=self.tokens.refusals,
        )

    @property
    def server_names(self) -> tuple[str, ...]:
        """The DNS names and IP addresses of our own server certificate, each once."""
        urls = [urlsplit(url).hostname or "" for url in (self.urls.public, self.urls.mtls) if url]
        bound = [listener.host for listener in (self.listeners.public, self.listeners.mtls)]
        hosts = (check_host(host) for host in (*urls, *bound) if host not in _ANY_ADDRESS)
        return tuple(dict.fromkeys((*self.tls.names, *hosts)))
