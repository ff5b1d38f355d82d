"""From settings to objects."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from secrets import token_bytes
from time import monotonic
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from connector import serving
from connector.bootstrap.chores import Chore, Pending
from connector.domain.administrators import SessionPolicy
from connector.domain.overview import overdue_within
from connector.domain.pairing import Links
from connector.domain.principals import Role
from connector.domain.quotas import share
from connector.oidc import OIDC, CodeFlow, OIDCPolicy
from connector.pki.issuer import SERIAL_OCTETS, serial_number
from connector.pki.profile import plan_server
from connector.ports.transaction import Clock, Store
from connector.settings import Problem, Settings, SettingsError, in_force
from connector.storage.moments import now
from connector.system import keystore, telemetry
from connector.system.passwords import Argon2Passwords
from connector.usecases.administrators import remove_ended as remove_ended_sessions
from connector.usecases.enrollment import Enrollment, EnrollmentPolicy
from connector.usecases.issuers import Issuers
from connector.usecases.maintenance import BATCH, remove_ended_access_tokens, remove_ended_tokens
from connector.usecases.quotas import Allowances
from connector.web.application import Web, WebSettings
from connector.web.console import Desk, SettingLine
from connector.web.graphql.allowance import AnswerLimits
from connector.web.graphql.dear import DearAnswers
from connector.web.graphql.documents import Custody
from connector.web.graphql.shelf import Shelf
from connector.web.graphql.sizes import DocumentLimits
from connector.web.legacy import Addresses
from connector.web.patience import A_SECOND, Patience
from connector.web.requests import HELD as HELD_BODIES
from connector.web.requests import BodyLimits, Budget
from connector.web.shares import Shares
from connector.web.throttle import Throttle

HTTPS_PORT = 443


def bearers_of(settings: Settings) -> OIDC | None:
    """The check of the OpenID Connect issuer's tokens, where one is set.

    Raises:
        SettingsError: the settings for it cannot be.
    """
    given = settings.oidc
    if given.issuer is None:
        return None
    try:
        policy = OIDCPolicy(
            issuer=given.issuer,
            audience=given.audience,
            algorithms=given.algorithms,
            leeway=given.leeway,
            tenants_claim=given.tenants_claim,
            roles_claim=given.roles_claim,
            role_values={
                Role.VIEWER: frozenset(given.viewer),
                Role.OPERATOR: frozenset(given.operator),
                Role.ADMINISTRATOR: frozenset(given.administrator),
            },
            all_tenants=given.all_tenants,
            name_claim=given.name_claim,
            refresh=given.refresh,
            ca_file=given.ca_file,
        )
        return OIDC(policy, clock=now)
    except (ValueError, OSError) as error:
        raise SettingsError([Problem("oidc", "file or environment", str(error))]) from error


def code_flow(settings: Settings, bearers: OIDC | None) -> CodeFlow | None:
    """The sign-in at the OpenID Connect issuer, where a client is set.

    Raises:
        KeystoreError: the file with the client's secret cannot be used.
    """
    given = settings.oidc
    if bearers is None or given.client_id is None:
        return None
    secret = given.client_secret.get_secret_value() if given.client_secret is not None else None
    if given.client_secret_file is not None:
        octets = keystore.read_secret(given.client_secret_file, "client secret", settings.trusted)
        secret = octets.decode(errors="replace")
    return CodeFlow(bearers, given.client_id, given.scopes, secret)


def setting_lines(settings: Settings, origins: Mapping[str, str]) -> list[SettingLine]:
    """The settings in force, for people."""
    return [
        SettingLine(setting.section, setting.name, value, origin, setting.field.description or "")
        for setting, value, origin in in_force(settings, origins)
    ]


def web(
    settings: Settings,
    issuers: Issuers,
    store: Store,
    urls: Mapping[str, str],
    *,
    clock: Clock,
    pending: Pending,
) -> Web:
    """The builder of the applications."""
    policy = EnrollmentPolicy(settings.profiles, settings.token_policy, settings.renewal_policy)
    limits = settings.limits
    allowances = Allowances(settings.quotas.values(), settings.serving.workers)
    return Web(
        store=store,
        tokens=policy.tokens,
        allowances=allowances,
        enrollment=Enrollment(
            store,
            issuers,
            policy,
            clock,
            token_bytes,
            refusals=pending.refusals,
            allowances=allowances,
            sightings=pending.sightings,
        ),
        issuers=issuers,
        clock=clock,
        links=Links.of(urls["public"], urls["mtls"], issuers.current.root),
        addresses=Addresses(urls["public"], urls["mtls"]),
        settings=_web_settings(settings, urls["public"]),
        throttle=Throttle(share(limits.attempts, settings.serving.workers), monotonic),
        shares=Shares(allowances.quotas, settings.serving.workers, monotonic),
        custody=Custody(Shelf(settings.graphql.kept)),
        patience=Patience(share(A_SECOND, settings.serving.workers)),
    )


def desk(settings: Settings, web: Web, bearers: OIDC | None, lines: Sequence[SettingLine]) -> Desk:
    """The shared objects of the console's pages; ``lines`` are the settings in force.

    Raises:
        KeystoreError: the file with the client's secret cannot be used.
    """
    return Desk(
        store=web.store,
        issuers=web.issuers,
        profiles=settings.profiles,
        tokens=web.tokens,
        allowances=web.allowances,
        clock=web.clock,
        random=token_bytes,
        links=web.links,
        public_url=web.links.issuer,
        body=web.settings.body,
        # Separate from the API's throttle: a forgotten password must not lock out programs.
        throttle=Throttle(share(settings.limits.attempts, settings.serving.workers), monotonic),
        shares=web.shares,
        passwords=Argon2Passwords(),
        sessions=SessionPolicy(settings.console.idle, settings.console.longest),
        signs_in=code_flow(settings, bearers),
        issuer_name=settings.oidc.display_name,
        settings=lines,
        overdue=overdue_within(settings.certificates.validity, renewal_end=settings.renewal_policy.end),
        crls=web.crls,
    )


def _web_settings(settings: Settings, public_url: str) -> WebSettings:
    limits, graphql = settings.limits, settings.graphql
    return WebSettings(
        body=BodyLimits(
            limits.body,
            limits.request_timeout.total_seconds(),
            Budget(max(HELD_BODIES // settings.serving.workers, limits.body)),
        ),
        documents=DocumentLimits(
            characters=graphql.characters,
            tokens=graphql.tokens,
            depth=graphql.depth,
            fields=graphql.fields,
            aliases=graphql.aliases,
            root_fields=graphql.root_fields,
        ),
        answers=AnswerLimits(graphql.cost, graphql.answer, DearAnswers(graphql.waiting)),
        introspection=graphql.introspection,
        explorer=graphql.explorer,
        key_algorithm=settings.certificates.key_algorithm,
        suggestion_header=settings.tokens.suggestion_header,
        access_lifetime=settings.tokens.access_lifetime,
        is_strict=is_name_of_its_own(public_url),
    )


def is_name_of_its_own(url: str) -> bool:
    """Whether the host is a DNS name that serves nothing but this server, as far as its URL shows.

    Strict Transport Security holds for a host with all its ports (RFC 6797 section 8.3). On another port than 443 the
    name may be that of a machine with other services, some without TLS. localhost is everybody's, and the header has
    no meaning for an IP address (section 8.1.1).
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    *above, last = host.split(".")
    is_name = bool(above) and not last.isdigit() and ":" not in host and last != "localhost"
    return parts.scheme == "https" and parts.port in (None, HTTPS_PORT) and is_name


def server_certificate(
    settings: Settings, issuers: Issuers, contexts: Sequence[serving.ServerContext], clock: Clock
) -> serving.ServerCertificate:
    """The certificate that our own listeners show: from files where these are set, else from our own CA."""

    def issue() -> serving.KeyPair:
        key, issuer = ec.generate_private_key(ec.SECP256R1()), issuers.signing
        at = clock()
        serial = serial_number(token_bytes(SERIAL_OCTETS), now=at)
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        plan = plan_server(
            spki,
            settings.server_names,
            authority=issuer.authority,
            validity=settings.tls.validity,
            serial=serial,
            now=at,
        )
        certificate = x509.load_der_x509_certificate(issuer.sign(plan))
        chain = certificate.public_bytes(Encoding.PEM) + issuer.certificate.public_bytes(Encoding.PEM)
        return serving.KeyPair(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    log = telemetry.logger()
    return serving.ServerCertificate(
        certificate_files(settings) or serving.OwnCA(issue),
        contexts,
        directory=settings.data_dir / "tls",
        clock=clock,
        loaded=lambda certificate: log.info(
            "server_certificate.loaded",
            serial=f"{certificate.serial_number:x}",
            not_after=certificate.not_valid_after_utc.isoformat(),
        ),
        failed=lambda error: log.error("server_certificate.failed", reason=str(error)),
    )


def certificate_files(settings: Settings) -> serving.Files | None:
    """The files of the server certificate, where these are set."""
    tls = settings.tls
    if tls.certificate_file is None or tls.key_file is None:
        return None
    return serving.Files(tls.certificate_file, tls.key_file, settings.trusted)


def chores(settings: Settings) -> Sequence[Chore]:
    """The periodic jobs."""
    retention = settings.tokens.retention
    return [
        Chore("tokens", lambda tx: remove_ended_tokens(tx, retention=retention)),
        Chore("access tokens", remove_ended_access_tokens),
        Chore("sessions", lambda tx: remove_ended_sessions(tx, most=BATCH)),
    ]


def connection_limits(settings: Settings) -> serving.Limits:
    """The limits of a connection to any listener, and of all connections to one listener."""
    limits = settings.limits
    return serving.Limits(
        head=limits.header,
        head_timeout=limits.header_timeout.total_seconds(),
        idle_timeout=limits.idle_timeout.total_seconds(),
        handshake_timeout=limits.handshake_timeout.total_seconds(),
        connections=limits.connections,
        connections_per_address=limits.connections_per_address,
        proxies=tuple(map(ip_network, limits.proxies)),
        balancers=tuple(map(ip_network, limits.balancers)),
    )
