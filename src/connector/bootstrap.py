"""From settings to objects: the one module that knows every other."""

import asyncio
import gc
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import TypeAdapter

from connector import access, keystore, principals, serving, storage, telemetry
from connector.audit import Action, Event
from connector.enrollment import Enrollment, EnrollmentPolicy
from connector.keystore import CAPlan, KeystoreError
from connector.oidc import OIDC, OIDCPolicy
from connector.pairing import Links
from connector.pki.issuer import SERIAL_OCTETS, Issuer, serial_number
from connector.ports import Clock, MakeID, Random, Store, Transaction
from connector.principals import Caller, Role
from connector.settings import Problem, Settings, SettingsError, load
from connector.web.application import Web, WebSettings
from connector.web.graphql.documents import DocumentLimits
from connector.web.requests import BodyLimits
from connector.web.throttle import Throttle

DEFAULT_TENANT = "default"
DATABASE = "connector.db"
ADDRESSES = "addresses.json"
ADMIN_KEY = "admin.key"
GARBAGE_THRESHOLD = 50_000
TLS_LISTENERS = ("public", "mtls")
LEGACY_PATH = "/v1/applications/signingRequests/info"

SYSTEM = Caller("system", "system", Role.ADMINISTRATOR, None)

_ADDRESSES = TypeAdapter(dict[str, str])


class NotReady(Exception):  # noqa: N818 - named for what is the matter
    """The data directory does not hold what a command needs: no server has started there, or a file is damaged."""


@dataclass(frozen=True, slots=True)
class Administration:
    """What a command works with, on the database of a server that may be running. It needs no key of the CA."""

    settings: Settings
    store: Store
    root: x509.Certificate
    issuing: x509.Certificate
    links: Links
    clock: Clock
    random: Random = token_bytes
    make_id: MakeID = uuid4


@asynccontextmanager
async def administration(*, data_dir: Path | None, config: Path | None) -> AsyncIterator[Administration]:
    """Open the data directory of a server for a command.

    Raises:
        SettingsError: a setting is unknown or wrong.
        NotReady: no server has started there yet, or a file is missing or damaged.
        StorageUnavailable: the database cannot be used, or is of another version.
    """
    settings = load(data_dir=data_dir, config=config, overrides={}, environ=os.environ)
    directory = settings.data_dir
    _require_database(directory)
    root, issuing = (_ca_certificate(directory / "ca" / name) for name in (keystore.ROOT, keystore.ISSUING))
    links = _links(_known_urls(settings), root)
    # The server may be an older version that is running: only a server's start changes the tables.
    store = storage.attach_sqlite(directory / DATABASE)
    try:
        yield Administration(settings, store, root, issuing, links, now)
    finally:
        await store.close()


def _require_database(directory: Path) -> None:
    try:
        found = (directory / DATABASE).exists()
    except OSError as error:
        raise NotReady(f"{directory} cannot be read: {error.strerror}.") from error
    if not found:
        raise NotReady(f"{directory} holds no database. Start one first: connector serve --data-dir {directory}")


def _ca_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotReady(f"{path} is not a certificate in PEM. Put it back from the backup.") from error


async def serve(
    *, data_dir: Path | None, config: Path | None, listeners: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Run the server until it is told to stop. The first start makes what is missing.

    Raises:
        SettingsError, KeystoreError: the start was stopped, and why.
        StorageUnavailable: the database cannot be used.
    """
    overrides = {f"listeners.{name}": address for name, address in listeners.items()}
    settings = load(data_dir=data_dir, config=config, overrides=overrides, environ=os.environ)
    bearers = _bearers(settings)  # before anything is made: a wrong setting leaves nothing behind
    telemetry.configure(settings.log.level, settings.log.format)
    keystore.forbid_core_dumps()
    with keystore.locked(settings.data_dir):
        issuer = _issuer(settings)
        store = storage.open_sqlite(settings.data_dir / DATABASE)
        try:
            await _first_start(store, settings.data_dir)
            _calm_collector()
            await _serve(settings, issuer, store, bearers, say)
        finally:
            await store.close()


async def _serve(
    settings: Settings, issuer: Issuer, store: Store, bearers: OIDC | None, say: Callable[[str], None]
) -> None:
    addresses = {"public": settings.listeners.public, "mtls": settings.listeners.mtls}
    for name in ("pki", "internal"):
        address = getattr(settings.listeners, name)
        if address is not None:
            addresses[name] = address
    bound = {
        name: serving.bind(name, address.host, address.port, scheme="https" if name in TLS_LISTENERS else "http")
        for name, address in addresses.items()
    }
    urls = {name: listener.url for name, listener in bound.items()}
    web = _web(settings, issuer, store, bearers, {**urls, **_set_urls(settings)})
    apps = {"public": web.public, "mtls": web.mtls, "pki": web.pki, "internal": web.internal}
    contexts = {
        "public": serving.ServerContext(),
        "mtls": serving.ServerContext(client_ca=[issuer.root_pem, issuer.pem]),
    }
    certificate = _server_certificate(settings, issuer, list(contexts.values()))
    certificate.load()
    limits = _connection_limits(settings)
    listeners = [serving.Listener(each, apps[name](), contexts.get(name), limits) for name, each in bound.items()]

    def ready() -> None:
        keystore.write_secret(settings.data_dir / ADDRESSES, json.dumps(urls))
        for line in _announcement(settings, issuer, urls):
            say(line)

    refreshing = [asyncio.create_task(certificate.keep_fresh())]
    if bearers is not None:
        refreshing.append(asyncio.create_task(bearers.keep_fresh()))
    try:
        await serving.serve(listeners, grace=settings.limits.grace.total_seconds(), ready=ready, stop=asyncio.Event())
    finally:
        for task in refreshing:
            task.cancel()
        if bearers is not None:
            await bearers.close()


def _bearers(settings: Settings) -> OIDC | None:
    """Whoever knows the bearers of the OpenID Connect issuer's tokens, where one is set.

    Raises:
        SettingsError: the settings for it cannot be.
    """
    given = settings.oidc
    if given.issuer is None or given.audience is None:
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


def _web(settings: Settings, issuer: Issuer, store: Store, bearers: OIDC | None, urls: Mapping[str, str]) -> Web:
    policy = EnrollmentPolicy(
        settings.csr_policy, settings.client_profile, settings.token_policy, settings.renewal_policy
    )
    limits, graphql = settings.limits, settings.graphql
    return Web(
        enrollment=Enrollment(store, issuer, policy, now, token_bytes, uuid4),
        links=_links(urls, issuer.root),
        settings=WebSettings(
            body=BodyLimits(octets=limits.body, seconds=limits.request_timeout.total_seconds()),
            documents=DocumentLimits(
                characters=graphql.characters,
                tokens=graphql.tokens,
                depth=graphql.depth,
                fields=graphql.fields,
                aliases=graphql.aliases,
                root_fields=graphql.root_fields,
            ),
            introspection=graphql.introspection,
            explorer=graphql.explorer,
            key_algorithm=settings.certificates.key_algorithm,
            suggestion_header=settings.tokens.suggestion_header,
        ),
        bearers=bearers,
        throttle=Throttle(limits.attempts, monotonic),
    )


def _server_certificate(
    settings: Settings, issuer: Issuer, contexts: Sequence[serving.ServerContext]
) -> serving.ServerCertificate:
    """The certificate that our own listeners show: from files where these are set, else from our own CA."""

    def issue() -> serving.KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = serial_number(token_bytes(SERIAL_OCTETS))
        certificate = issuer.issue_server(
            key.public_key(), settings.server_names, validity=settings.tls.validity, serial=serial, now=now()
        )
        chain = certificate.public_bytes(Encoding.PEM) + issuer.pem.encode()
        return serving.KeyPair(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    source: serving.OwnCA | serving.Files = serving.OwnCA(issue)
    if settings.tls.certificate_file is not None and settings.tls.key_file is not None:
        source = serving.Files(settings.tls.certificate_file, settings.tls.key_file)
    log = telemetry.logger()
    return serving.ServerCertificate(
        source,
        contexts,
        directory=settings.data_dir / "tls",
        clock=now,
        loaded=lambda certificate: log.info(
            "server_certificate.loaded",
            serial=f"{certificate.serial_number:x}",
            not_after=certificate.not_valid_after_utc.isoformat(),
        ),
        failed=lambda error: log.error("server_certificate.failed", reason=str(error)),
    )


def _connection_limits(settings: Settings) -> serving.Limits:
    limits = settings.limits
    return serving.Limits(
        head=limits.header,
        head_timeout=limits.header_timeout.total_seconds(),
        idle_timeout=limits.idle_timeout.total_seconds(),
        handshake_timeout=limits.handshake_timeout.total_seconds(),
        connections=limits.connections,
    )


def _announcement(settings: Settings, issuer: Issuer, urls: Mapping[str, str]) -> Iterator[str]:
    directory = settings.data_dir
    yield f"data        {directory}"
    yield f"root CA     {directory / 'ca' / keystore.ROOT}, SHA-256 {issuer.root_fingerprint.hex()}"
    yield f"admin key   {directory / ADMIN_KEY}"
    for name, url in urls.items():
        yield f"{name:<11} {url}"


def now() -> datetime:
    """The system's clock, in UTC."""
    return datetime.now(UTC)


def _calm_collector() -> None:
    """Leave what was made at the start out of every later garbage collection, and collect more rarely.

    Requests make few cycles; with the defaults, looking for them took some 8 % of the time that signing takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def _issuer(settings: Settings) -> Issuer:
    if (settings.data_dir / DATABASE).exists() and not (settings.data_dir / "ca").exists():
        raise KeystoreError(
            f"{settings.data_dir / 'ca'} is gone, while there is a database. Put it back from the backup: with "
            "a new CA, every certificate that was issued would be worth nothing."
        )
    passphrase = settings.ca.passphrase.get_secret_value().encode() if settings.ca.passphrase else None
    if settings.ca.passphrase_file is not None:
        passphrase = keystore.read_passphrase(settings.ca.passphrase_file)
    plan = CAPlan(settings.ca.key, settings.ca.root_validity, settings.ca.issuing_validity)
    return keystore.open_or_create(
        settings.data_dir / "ca", plan=plan, passphrase=passphrase, now=now(), random=token_bytes
    )


async def _first_start(store: Store, directory: Path) -> None:
    """Make the tenant and the administrator's key, unless there is a key already.

    The key's file is written before its digest is committed: a start that is killed in between leaves a key that is
    good for nothing, and the next start makes another.
    """
    if await store.read(lambda tx: tx.keys.any()):
        return
    text, key = principals.make_key(
        token_bytes(principals.KEY_OCTETS),
        id=uuid4(),
        name="first",
        role=Role.ADMINISTRATOR,
        tenant=None,
        created_by=SYSTEM.actor,
        lifetime=None,
        now=now(),
    )
    keystore.write_secret(directory / ADMIN_KEY, text)

    def make(tx: Transaction) -> None:
        access.create_tenant(tx, SYSTEM, DEFAULT_TENANT, "Default tenant", make_id=uuid4, now=key.created_at)
        tx.keys.add(key)
        tx.audit.append(Event(at=key.created_at, action=Action.KEY_CREATED, actor=SYSTEM.actor, reason=key.name))

    await store.transaction(make)


def _links(urls: Mapping[str, str], root: x509.Certificate) -> Links:
    """Where clients find us, from the base URLs of the listeners."""
    return Links(
        connector=f"{urls['public']}/connector/graphql",
        legacy_connector=f"{urls['public']}{LEGACY_PATH}",
        certificate_secured_connector=f"{urls['mtls']}/connector/graphql",
        director=f"{urls['mtls']}/director/graphql",
        root_fingerprint=root.fingerprint(SHA256()),
    )


def _known_urls(settings: Settings) -> Mapping[str, str]:
    """The base URLs: as set, or as the server wrote them down at its last start, or as they would be.

    Raises:
        NotReady: what the server wrote down cannot be read.
    """
    listeners = settings.listeners
    urls = {"public": f"https://{listeners.public}", "mtls": f"https://{listeners.mtls}"}
    path = settings.data_dir / ADDRESSES
    try:
        urls.update(_ADDRESSES.validate_json(path.read_bytes()))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotReady(f"{path} is damaged. Restart the server: its start writes the file anew.") from error
    return {**urls, **_set_urls(settings)}


def _set_urls(settings: Settings) -> Mapping[str, str]:
    urls = {"public": settings.urls.public, "mtls": settings.urls.mtls}
    return {name: url for name, url in urls.items() if url is not None}
