"""Every setting: its type, its default, its limits and what it means. docs/settings.md is made from this."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, SecretStr, model_validator

from connector.domain.tokens import TokenPolicy, TokenType
from connector.exposure import Trusted
from connector.pki.csr import CSRPolicy
from connector.pki.profile import CLIENT, Profile, Profiles, with_spiffe_id
from connector.pki.requested import UNGRANTED
from connector.settings.addresses import Listeners, URLs
from connector.settings.admin_certificates import AdminCertificates
from connector.settings.crl import CRL
from connector.settings.files import Files
from connector.settings.gateways import Gateways
from connector.settings.identity_tokens import IdentityTokens
from connector.settings.issuing import CA, Certificates, Subject
from connector.settings.ocsp import OCSP
from connector.settings.oidc import OIDC
from connector.settings.processes import Console, Maintenance, Serving
from connector.settings.quotas import Quotas
from connector.settings.section import DAY, HOUR, KIB, MIB, SECOND, Section
from connector.settings.values import (
    Duration,
    Networks,
    check_host,
    check_postgresql,
    read_list,
)
from connector.usecases.renewal import RenewalPolicy

_Hosts = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], BeforeValidator(read_list)]
_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


class TLS(Section):
    """The server's own TLS certificate: issued by its CA, or read from two files."""

    names: _Hosts = Field(
        default=("localhost", "127.0.0.1", "::1"),
        max_length=100,
        description="Its names and addresses. The hosts of [urls] and [listeners] are added automatically.",
    )
    certificate_file: Path | None = Field(
        default=None,
        description="The certificate chain in PEM, the leaf first. Read again when it changes.",
    )
    key_file: Path | None = Field(default=None, description="The key of certificate_file, in PEM.")
    validity: Duration = Field(
        default=90 * DAY,
        ge=HOUR,
        le=397 * DAY,
        description="How long the certificate from the server's CA is valid. It is replaced after two thirds.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "certificate_file"
            raise ValueError(f"{missing}: tls.certificate_file and tls.key_file are given together or not at all")
        return self


class Database(Section):
    """The database: the SQLite file `DIR/connector.db`, unless a PostgreSQL database is named here. Replicas use the
    same database, and each has a copy of `DIR/ca`.
    """

    url: Annotated[SecretStr, AfterValidator(check_postgresql)] | None = Field(
        default=None,
        description="postgresql://user:password@host:port/database, with libpq's parameters after a ?, such as "
        "sslmode=verify-full. Read only from the environment.",
    )
    url_file: Path | None = Field(
        default=None,
        description="A file that only its owner can read, with the URL. Instead of database.url.",
    )
    connections: int = Field(
        default=8,
        ge=3,
        le=100,
        description="Maximum number of connections to PostgreSQL for each process.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise ValueError("url_file: There is a URL in the environment too; keep one of them")
        return self


class Tokens(Section):
    """One-time tokens."""

    application_lifetime: Duration = Field(
        default=timedelta(minutes=5),
        ge=SECOND,
        le=30 * DAY,
        description="Lifetime of an application's token.",
    )
    runtime_lifetime: Duration = Field(
        default=timedelta(minutes=60),
        ge=SECOND,
        le=30 * DAY,
        description="Lifetime of a runtime's token.",
    )
    application_longest: Duration = Field(
        default=DAY,
        ge=SECOND,
        le=30 * DAY,
        description="Upper limit of an application's token, when the caller asks for a lifetime.",
    )
    runtime_longest: Duration = Field(
        default=DAY,
        ge=SECOND,
        le=30 * DAY,
        description="Upper limit of a runtime's token, when the caller asks for a lifetime.",
    )
    renewal_lifetime: Duration = Field(
        default=timedelta(minutes=5),
        ge=SECOND,
        le=DAY,
        description="Lifetime of a token that the holder of a certificate gets.",
    )
    refusals: int = Field(
        default=10, ge=1, le=1000, description="Number of refused CSRs after which a token is revoked."
    )
    access_lifetime: Duration = Field(
        default=timedelta(hours=1),
        ge=SECOND,
        le=DAY,
        description="Lifetime of an access token of an OAuth 2.0 client.",
    )
    retention: Duration = Field(
        default=30 * DAY,
        ge=SECOND,
        le=3650 * DAY,
        description="How long the record of a token is kept after its expiry. Then the token is unknown.",
    )
    suggestion_header: str = Field(
        default="suggest_token",
        pattern=r"^[A-Za-z0-9_\-]{1,64}$",
        description="If this header is true in a request for a token, the token has the form that suits the "
        "application.",
    )

    @model_validator(mode="after")
    def _checked(self) -> Self:
        for kind in ("application", "runtime"):
            if getattr(self, f"{kind}_longest") < getattr(self, f"{kind}_lifetime"):
                raise ValueError(f"{kind}_longest: It should not be less than tokens.{kind}_lifetime")
        return self


class GraphQL(Section):
    """Limits of GraphQL documents and answers. A mutation always has one root field."""

    characters: int = Field(default=64 * KIB, ge=KIB, le=16 * MIB, description="Length, without long string literals.")
    tokens: int = Field(default=2000, ge=100, le=100_000, description="Lexical tokens.")
    depth: int = Field(default=15, ge=5, le=100, description="Nested fields.")
    fields: int = Field(default=1000, ge=10, le=10_000, description="Fields, with fragments expanded.")
    aliases: int = Field(default=30, ge=0, le=1000, description="Aliases.")
    root_fields: int = Field(default=10, ge=1, le=1000, description="Root fields of a query.")
    kept: ByteSize = Field(
        default=ByteSize(16 * MIB),
        ge=MIB,
        le=1024 * MIB,
        description="Memory of each process for validated documents. The most recently used ones are kept.",
    )
    cost: int = Field(
        default=8_000_000,
        ge=100_000,
        le=1_000_000_000,
        description="What a query can read at most, computed before it runs: the values of its answer if every list "
        "has its maximum length.",
    )
    answer: ByteSize = Field(
        default=ByteSize(16 * MIB), ge=MIB, le=256 * MIB, description="Size of the answer to a query."
    )
    waiting: int = Field(
        default=16,
        ge=1,
        le=1000,
        description="Maximum number of queries with large answers that wait for one caller; they run one after "
        "another.",
    )
    introspection: bool = Field(default=False, description="Whether introspection is allowed.")
    explorer: bool = Field(default=False, description="Whether /explorer serves a page to try the Director API with.")


class Limits(Section):
    """The limits of one connection, and of all together."""

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
        description="Failed attempts for each address before rate limiting, then the same number per minute; 0 for no "
        "limit. Divided among the workers.",
    )
    connections: int = Field(
        default=4096,
        ge=16,
        le=1_000_000,
        description="Open connections to each listener, for each worker; a quarter as many handshakes are allowed in "
        "addition. Lowered if the process may open fewer files.",
    )
    connections_per_address: int = Field(
        default=512,
        ge=0,
        le=1_000_000,
        description="Open connections to each listener from one address (IPv6: one /64) without a valid credential, "
        "for each worker; 0 for no limit. Further ones are closed before the TLS handshake.",
    )
    proxies: Networks = Field(
        default=(),
        max_length=100,
        description="Addresses and networks of load balancers, to which connections_per_address does not apply.",
    )
    balancers: Networks = Field(
        default=(),
        max_length=100,
        description="Addresses and networks of load balancers that pass TLS through and begin each connection to the "
        "public and mtls listeners with a PROXY header, version 1 or 2. The client in it is the one that limits, audit "
        "and log see. From one of them a connection without the header is closed, from anybody else one with it.",
    )
    memory: ByteSize = Field(
        default=ByteSize(512 * MIB),
        ge=64 * MIB,
        le=1024 * 1024 * MIB,
        description="Memory of all connections of one worker: TLS, incoming requests, answers that are not sent yet. "
        "When it is used up, the newest connections without a valid credential are closed.",
    )
    grace: Duration = Field(
        default=10 * SECOND,
        ge=SECOND,
        le=timedelta(minutes=10),
        description="Time to finish requests when the server stops.",
    )


class Log(Section):
    """The log, which is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description='One JSON object per line, or text for people. "auto" is text on a terminal and JSON elsewhere.',
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
    crl: CRL = CRL()
    ocsp: OCSP = OCSP()
    tls: TLS = TLS()
    database: Database = Database()
    tokens: Tokens = Tokens()
    identity_tokens: IdentityTokens = IdentityTokens()
    oidc: OIDC = OIDC()
    admin_certificates: AdminCertificates = AdminCertificates()
    console: Console = Console()
    graphql: GraphQL = GraphQL()
    serving: Serving = Serving()
    gateways: Gateways = Gateways()
    maintenance: Maintenance = Maintenance()
    limits: Limits = Limits()
    quotas: Quotas = Quotas()
    files: Files = Files()
    log: Log = Log()

    @property
    def trusted(self) -> Trusted:
        """Whose files are accepted."""
        return Trusted.within(self.data_dir, self.files.group_id)

    @property
    def csr_policy(self) -> CSRPolicy:
        """Which CSRs are accepted."""
        return CSRPolicy(
            subject=self.subject.policy(),
            sha1_proof=self.certificates.sha1_proof,
            refuses=UNGRANTED if self.certificates.requested_extensions == "refuse" else frozenset(),
        )

    @property
    def profiles(self) -> Profiles:
        """What is issued for them: the client profile and, where a trust domain is set, the same with a SPIFFE id."""
        client = Profile(CLIENT, self.csr_policy, validity=self.certificates.validity, pointers=self.urls.pointers)
        if self.certificates.spiffe_trust_domain is None:
            return Profiles(client)
        spiffe = with_spiffe_id(client, self.certificates.spiffe_trust_domain)
        return Profiles(client, spiffe) if self.certificates.profile == CLIENT else Profiles(spiffe, client)

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
