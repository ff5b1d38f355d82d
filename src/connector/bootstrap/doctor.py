"""What is wrong with an installation, and what to do about it: one fact for each thing that can be."""

import asyncio
import shutil
import socket
import ssl
from collections.abc import Iterator, Mapping, Sized
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from pydantic import BaseModel

from connector.bootstrap import start
from connector.bootstrap.administration import NotReady, known_urls, require_file
from connector.bootstrap.checking import check_files, check_settings
from connector.bootstrap.objects import HTTPS_PORT
from connector.domain.refusals.storage import StorageUnavailable
from connector.domain.strict_json import read
from connector.exposure import Exposed
from connector.oidc import OIDC
from connector.oidc.source import KeysUnavailable
from connector.serving import ServerCertificateError
from connector.settings import Settings, SettingsError
from connector.storage.checking import Fact
from connector.system import keystore
from connector.system.keystore import KeystoreError

SECONDS = 5.0
CA_WARNING = timedelta(days=180)
CERTIFICATE_WARNING = timedelta(days=14)
LEAST_FREE = 256 * 1024 * 1024
LEAST_SHARE = 0.05
_FIRST_START = "The first start makes it: connector serve"
_LOG = "Look at the server's log."


class _Told(BaseModel):
    """What /readyz answers."""

    status: str
    errors: list[dict[str, Any]] = []
    warnings: list[str] = []


def examine(*, data_dir: Path | None, config: Path | None) -> Iterator[Fact]:
    """The settings and files, the database, the CA, the disk; then the way to the server, and the server itself."""
    try:
        checked = check_settings(data_dir=data_dir, config=config)
        check_files(checked)
    except (SettingsError, Exposed, KeystoreError, ServerCertificateError) as error:
        yield Fact("settings", _line(error), "Correct it, then ask again: nothing else was looked at.")
        return
    settings = checked.settings
    yield Fact("settings", f"valid, {len(checked.origins)} changed: {settings.data_dir}")
    yield from _database(settings)
    yield from _ca(settings, now=datetime.now(UTC))
    yield disk(settings.data_dir, *shutil.disk_usage(_existing(settings.data_dir))[::2])
    yield from _ways(settings)
    yield from _issuer(checked.bearers)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _existing(path: Path) -> Path:
    """The path, or what is above it."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())


def _database(settings: Settings) -> Iterator[Fact]:
    database = start.database(settings)
    try:
        if database.url is None:
            require_file(database)
        facts = database.check()
    except NotReady as error:
        yield Fact("database", _line(error), _FIRST_START)
        return
    except StorageUnavailable as error:
        cause = f" ({_line(error.__cause__)})" if error.__cause__ is not None else ""
        yield Fact("database", f"{_line(error)}{cause}", "See that it runs, and that its URL and password are right.")
        return
    yield facts[0]
    yield from (fact for fact in facts[1:] if fact.advice is not None)


def _ca(settings: Settings, *, now: datetime) -> Iterator[Fact]:
    directory = settings.data_dir / "ca"
    if not directory.exists():
        yield Fact("CA", f"none in {directory}", _FIRST_START)
        return
    try:
        issuers = start.open_issuers(settings, now=now)
    except (KeystoreError, Exposed) as error:
        yield Fact("CA", _line(error), "Put the file back from the backup, or do what this says.")
        return
    for name, certificate in (("root CA", issuers[0].root), ("issuing CA", issuers[0].certificate)):
        yield ca(name, certificate.not_valid_after_utc, now=now)


def ca(name: str, at: datetime, *, now: datetime) -> Fact:
    """When a CA ends, and whether it is time to replace it."""
    advice = "Replace it: nothing that it signed is good beyond its end." if at - now < CA_WARNING else None
    return Fact(name, until(at, now=now), advice)


def until(at: datetime, *, now: datetime) -> str:
    """When something ends, in words."""
    return f"until {at:%Y-%m-%d}, {(at - now).days} days" if at > now else f"ended on {at:%Y-%m-%d}"


def disk(directory: Path, total: int, free: int) -> Fact:
    """The space that is left."""
    found = f"{free // 2**20} MiB free of {total // 2**20} at {directory}"
    is_short = free < LEAST_FREE or free < total * LEAST_SHARE
    return Fact("disk", found, "Free some: a database that is full refuses every change." if is_short else None)


def _ways(settings: Settings) -> Iterator[Fact]:
    """The ways to the listeners, as clients take them; then what the server says of itself."""
    try:
        urls = known_urls(settings)
    except NotReady as error:
        yield Fact("addresses", _line(error), "Start the server again.")
        return
    trusted = settings.data_dir / "ca" / keystore.ROOT
    facts = [_shown(f"{name} address", urls[name], trusted) for name in ("public", "mtls")]
    yield from facts
    if any(fact.advice is None for fact in facts):
        yield from _ready(urls)


def _shown(name: str, url: str, trusted: Path) -> Fact:
    """The certificate that clients are shown under the name by which they call."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or HTTPS_PORT
    context = ssl.create_default_context()
    if trusted.exists():
        context.load_verify_locations(trusted)
    try:
        with (
            socket.create_connection((host, port), timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
            at, now = certificate.not_valid_after_utc, datetime.now(UTC)
            ends_soon = at - now < CERTIFICATE_WARNING
            advice = "Renew its file; our own CA's is renewed by the server." if ends_soon else None
            return Fact(name, f"{host}:{port}, {secured.version()}, certificate {until(at, now=now)}", advice)
    except ssl.SSLCertVerificationError as error:
        advice = "Clients refuse it too. Add the name to tls.names, or correct urls or tls.certificate_file."
        return Fact(name, f"{host}:{port}: {error.verify_message}", advice)
    except OSError as error:  # TLS's other errors too
        advice = "Start the server; or look at the name, the firewall, the load balancer, and urls in the settings."
        return Fact(name, f"{host}:{port} cannot be reached from here: {_line(error)}", advice)


def _ready(urls: Mapping[str, str]) -> Iterator[Fact]:
    """What the server says of itself."""
    if "internal" not in urls:
        return
    url = f"{urls['internal']}/readyz"
    try:
        answer = httpx2.get(url, timeout=2 * SECONDS, trust_env=False)
        told = _Told.model_validate(read(answer.content))
    except (httpx2.HTTPError, ValueError) as error:
        yield Fact("server", f"{url}: {_line(error)}", _LOG)
        return
    said = " ".join((told.status, *(each["message"] for each in told.errors), *told.warnings))
    yield Fact("server", said, None if said == "ready" else _LOG)


def _issuer(bearers: OIDC | None) -> Iterator[Fact]:
    """The OpenID Connect issuer, where one is set: its keys, fetched as the server does."""
    if bearers is None:
        return
    try:
        keys = asyncio.run(_keys(bearers))
        yield Fact("OpenID Connect", f"{len(keys)} keys for signatures")
    except KeysUnavailable as error:
        yield Fact("OpenID Connect", f"The issuer {_line(error)}", "Sign-ins there fail until it answers: see [oidc].")


async def _keys(bearers: OIDC) -> Sized:
    try:
        return await bearers.source.keys()
    finally:
        await bearers.close()
