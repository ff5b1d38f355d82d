"""What is wrong, and what to do about it: one finding for each thing that can be."""

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
from cryptography import x509

from connector.agent import checking
from connector.agent.asking import holder, once
from connector.agent.directory import FORMER, KEY, Connection, Directory, Pair, Step, load_key, read_passphrase
from connector.agent.mending import next_step
from connector.agent.outcomes import AgentError, ServerRefused, explained
from connector.agent.times import spoken
from connector.client.errors import distrust
from connector.client.trust import context

SECONDS = 10.0
SKEW = timedelta(minutes=1)

_LAST_RESORT = (
    "put the files back from a backup; only if there is none: connector-agent enroll --replace with a new pairing "
    "string, which gives up this identity"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its subject, whether all is well, the observation, and the remedy if it is not."""

    name: str
    is_well: bool
    observed: str
    advice: str | None = None


def examine(directory: Directory) -> Iterator[Finding]:
    """Look at the files, then at the way to the server, then ask the server."""
    yield from _directory(directory)
    if directory.path.is_dir():
        yield _writable(directory)
    try:
        with explained():
            pair, connection = directory.current, _connection(directory)
            step = directory.step() if pair is None or connection is None else None
    except AgentError as error:
        yield Finding("identity", is_well=False, observed=str(error))
        return
    if pair is None or connection is None:
        yield _none(step)
        return
    # A clock that is wrong makes everything else look wrong: what to do about it comes first.
    clock = _clock(connection)
    yield clock
    files = list(_files(directory, pair, connection, clock))
    yield from files
    reached = []
    for name, url in (("public address", connection.connector), ("mutual TLS", connection.secured_connector)):
        findings = list(_way(name, url, pair))
        yield from findings
        reached.append(all(finding.is_well for finding in findings))
    can_ask = reached[1] and files[0].is_well
    yield _server(pair, connection) if can_ask else Finding("server", is_well=False, observed="not asked: see above")


def _none(step: Step | None) -> Finding:
    return Finding(
        "identity",
        is_well=False,
        observed="none" if step is None else "an enrollment is under way",
        advice="connector-agent enroll PAIRING" if step is None else "connector-agent enroll goes on with it",
    )


def _connection(directory: Directory) -> Connection | None:
    try:
        return directory.connection()
    except AgentError:
        return None


def _directory(directory: Directory) -> Iterator[Finding]:
    try:
        owner, exposed = directory.path.stat().st_uid, list(directory.findings())
    except OSError as error:
        advised = "name the identity's directory with -d" if isinstance(error, FileNotFoundError) else next_step(error)
        yield Finding("directory", is_well=False, observed=f"{directory.path}: {error.strerror}", advice=advised)
        return
    if owner != os.geteuid():
        advice = "run the command as its owner: sudo -u OWNER connector-agent doctor"
        yield Finding("directory", is_well=False, observed=f"{directory.path} belongs to another user", advice=advice)
    elif not exposed:
        yield Finding("directory", is_well=True, observed=f"{directory.path}, for its owner alone")
    for each in exposed:
        name = "directory" if each.path == directory.path else "key file" if each.path.name == KEY else "file"
        observed = f"{each.path} {each.what}"
        yield Finding(name, is_well=False, observed=observed, advice=each.mend.removeprefix("Run: "))


def _writable(directory: Directory) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=directory.path) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(directory.path)
        observed = f"nothing can be written: {error.strerror}"
        return Finding("disk", is_well=False, observed=observed, advice=next_step(error))
    return Finding("disk", is_well=True, observed="can be written")


def _files(directory: Directory, pair: Pair, connection: Connection, clock: Finding) -> Iterator[Finding]:
    """The evidence of the files: whether they fit together, the certificate's dates, and what is under way."""
    yield _key(pair, connection)
    try:
        with explained():
            leaf = pair.leaf
    except AgentError as error:
        yield Finding("certificate", is_well=False, observed=str(error), advice=_LAST_RESORT)
        return
    yield _dates(pair.serial, leaf, datetime.now(UTC), clock)
    step = directory.step()
    if step is not None:
        yield Finding(
            "step",
            is_well=False,
            observed=f"a {step.kind} is under way",
            advice="connector-agent renew goes on with it",
        )
    if (directory.path / FORMER).is_symlink():
        yield Finding("former", is_well=True, observed="kept until the new certificate has been used")


def _dates(serial: str, leaf: x509.Certificate, now: datetime, clock: Finding) -> Finding:
    observed = f"{serial}, {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    advised = None if clock.is_well else "set the clock first (see above), then run the doctor again"
    if now > leaf.not_valid_after_utc:
        renew = "connector-agent renew, if the server allows renewal after expiry; else enroll --replace with a new one"
        return Finding(
            "certificate", is_well=False, observed=f"expired by this clock: {observed}", advice=advised or renew
        )
    if now < leaf.not_valid_before_utc:
        observed = f"not valid yet by this clock: {observed}"
        return Finding("certificate", is_well=False, observed=observed, advice=advised or "set the clock")
    return Finding("certificate", is_well=True, observed=observed)


def _key(pair: Pair, connection: Connection) -> Finding:
    """Whether key, certificate and trust anchor fit; a file that cannot be opened may only need other rights."""
    try:
        return Finding("key", is_well=True, observed=_key_fits(pair, connection))
    except OSError as error:
        observed = f"{error.filename}: {error.strerror}"
        is_gone = isinstance(error, FileNotFoundError)
        return Finding("key", is_well=False, observed=observed, advice=_LAST_RESORT if is_gone else next_step(error))
    except (AgentError, ValueError) as error:
        return Finding("key", is_well=False, observed=str(error), advice=_LAST_RESORT)


def _key_fits(pair: Pair, connection: Connection) -> str:
    key = load_key((pair.path / KEY).read_bytes(), read_passphrase(connection.passphrase_file))
    checking.check(pair.chain, key=key, subject=connection.subject, anchors=pair.anchors)
    return "key, certificate and trust anchor fit together"


def _way(name: str, url: str, pair: Pair) -> Iterator[Finding]:
    """Name, port, TLS: each is looked at when the one before it is well."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 443
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        observed = f"{host} has no address: {error.strerror}"
        yield Finding(f"{name}: DNS", is_well=False, observed=observed, advice="check /etc/resolv.conf, and the name")
        return
    yield Finding(f"{name}: DNS", is_well=True, observed=f"{host} is {', '.join(sorted(addresses))}")
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            yield Finding(f"{name}: port", is_well=True, observed=f"{port} is open")
            # As nobody: what counts here is the server's certificate.
            with context(pair.anchors).wrap_socket(connection, server_hostname=host):
                yield Finding(f"{name}: TLS", is_well=True, observed="the server proves that it is the right one")
    except ssl.SSLError as error:
        observed = str(distrust(error) or f"the handshake failed: {error.reason}")
        yield Finding(f"{name}: TLS", is_well=False, observed=observed, advice="do not go on before this is clear")
    except OSError as error:
        observed = f"no connection to port {port}: {error.strerror or error}"
        yield Finding(
            f"{name}: port", is_well=False, observed=observed, advice="check firewalls, and whether the server runs"
        )


def _clock(connection: Connection) -> Finding:
    """The server's Date, over a connection that nothing vouches for: a hint, and nothing is sent for it."""
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        with httpx2.Client(verify=unverified, timeout=SECONDS) as client:
            answer = client.head(f"https://{urlsplit(connection.connector).netloc}/healthz")
        skew = parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)
    except (httpx2.HTTPError, KeyError, ValueError):
        return Finding(
            "clock", is_well=True, observed=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC here; the server's is not known"
        )
    if abs(skew) > SKEW:
        observed = f"{spoken(abs(skew))} {'behind' if skew > timedelta(0) else 'ahead of'} the server's"
        return Finding(
            "clock", is_well=False, observed=observed, advice="set it, and keep it right: timedatectl set-ntp true"
        )
    return Finding("clock", is_well=True, observed="agrees with the server's")


def _server(pair: Pair, connection: Connection) -> Finding:
    try:
        with holder(pair, connection) as client:
            once(lambda: client.standing(connection.secured_connector))
    except ServerRefused as refusal:
        advice = "ask the administrator for a new pairing string: connector-agent enroll --replace PAIRING"
        return Finding("server", is_well=False, observed=f"{refusal} [{refusal.code}]", advice=advice)
    except AgentError as error:
        return Finding("server", is_well=False, observed=str(error), advice="try again; then ask the administrator")
    return Finding("server", is_well=True, observed="takes the certificate: connected")
