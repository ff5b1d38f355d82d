"""The CA's keys and certificates as files, and what else in the data directory is secret.

    DIR/ca/root.key      may be taken offline once the issuing CA is made: only the root's CRL needs it again
    DIR/ca/root.pem      the trust anchor
    DIR/ca/issuing.key   signs
    DIR/ca/issuing.pem
    DIR/ca/issuers/SHA-256/   further issuers, each by its certificate's fingerprint: issuing.key, issuing.pem, root.pem

Whatever is missing, readable by others or does not fit together stops the start: a CA is never repaired, and never
made anew in the place of one that was there.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connector import exposure
from connector.exposure import Trusted
from connector.pki.extensions import NO_POINTERS, Pointers
from connector.pki.issuer import SERIAL_OCTETS, Issuer, make_issuing, make_root, serial_number
from connector.pki.profile import NewCA
from connector.pki.signer import KeySigner, UnsuitableKeyError
from connector.ports.transaction import Random

ROOT_KEY = "root.key"
ROOT = "root.pem"
ISSUING_KEY = "issuing.key"
ISSUING = "issuing.pem"
NEEDED = (ROOT, ISSUING_KEY, ISSUING)
OTHERS = "issuers"

MAX_FILE_OCTETS = 1 << 16
# The most that OpenSSL takes.
MAX_SECRET_OCTETS = 1023
# No clock that runs is before this year; a machine without a battery starts in 1970.
FIRST_YEAR = 2020
SUFFIX_OCTETS = 4


class KeystoreError(Exception):
    """The data directory or the CA in it cannot be used. The text says what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class CAPlan:
    """The CA to make at the first start. ``key`` is a kind of key that a :class:`KeySigner` can make."""

    key: str
    root_validity: timedelta
    issuing_validity: timedelta
    pointers: Pointers = NO_POINTERS


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the data directory if need be, and hold it: one server, and one first start, at a time.

    Raises:
        KeystoreError: another process holds it, or it cannot be made or written.
    """
    with _explained(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise KeystoreError(f"{directory} is in use by another connector. Stop that one first.") from error
        yield
    finally:
        os.close(descriptor)


def open_or_create(
    directory: Path, *, plan: CAPlan, passphrase: bytes | None, trusted: Trusted, now: datetime, random: Random
) -> Issuer:
    """The issuer whose files are in ``directory``; at the first start, when there is no such directory, a new one.

    To be called while :func:`locked` holds the data directory. A kill at any moment leaves all files or no directory.

    Raises:
        KeystoreError: the CA cannot be made, or what is there cannot be used.
        Exposed: others can get at it.
    """
    if now.year < FIRST_YEAR:
        raise KeystoreError(f"The clock says {now:%Y-%m-%d}. Set it right first: certificates depend on it.")
    with _explained(directory):
        if not os.path.lexists(directory):
            _create(directory, _files(plan, passphrase=passphrase, now=now, random=random))
        return _open(directory, passphrase=passphrase, trusted=trusted, now=now)


def open_others(directory: Path, *, passphrase: bytes | None, trusted: Trusted) -> list[Issuer]:
    """The further issuers whose files are in ``directory``; none where there is no such directory.

    Whether one signs, and whether it is still valid, is not asked here.

    Raises:
        KeystoreError: what is there cannot be used.
        Exposed: others can get at it.
    """
    parent = directory / OTHERS
    with _explained(parent):
        found = sorted(parent.iterdir()) if parent.is_dir() else []
        issuers = [_open(each, passphrase=passphrase, trusted=trusted, now=None) for each in found]
    for path, issuer in zip(found, issuers, strict=True):
        if path.name != issuer.fingerprint.hex():
            raise KeystoreError(f"{path} holds the issuer {issuer.fingerprint.hex()}. Name the directory so.")
    return issuers


def root_signer(
    directory: Path, root: x509.Certificate, *, passphrase: bytes | None, trusted: Trusted
) -> KeySigner | None:
    """The signer of this root, while its key is in ``directory``; None where it was put away.

    Raises:
        KeystoreError: the file cannot be used.
        Exposed: others can read it.
    """
    path = directory / ROOT_KEY
    if not os.path.lexists(path):
        return None
    with _explained(path):
        signer = _load_signer(path, passphrase, trusted)
    return signer if signer.public_key == root.public_key() else None


def read_secret(path: Path, what: str, trusted: Trusted) -> bytes:
    """The one line of a file that only its owner can read; ``what`` it is, for the refusal.

    Raises:
        KeystoreError: it does not hold one line.
        Exposed: others can read it.
    """
    with _explained(path):
        lines = _read(path, trusted, is_secret=True).splitlines()
    if len(lines) != 1 or not 0 < len(lines[0]) <= MAX_SECRET_OCTETS:
        raise KeystoreError(f"{path} should hold one line, the {what}, of at most {MAX_SECRET_OCTETS} octets.")
    return lines[0]


def write_secret(path: Path, text: str) -> None:
    """Write ``text`` and a newline for the owner alone. A kill at any moment leaves the former file or the new one.

    Raises:
        KeystoreError: it cannot be written.
    """
    write_file(path, f"{text}\n".encode())


def write_file(path: Path, octets: bytes) -> None:
    """The same with octets as they are."""
    new = path.with_name(f".{path.name}.new")
    with _explained(path):
        new.unlink(missing_ok=True)
        _write(new, octets)
        new.replace(path)
        _sync(path.parent)


def read_file(path: Path, trusted: Trusted) -> bytes | None:
    """The content of a secret file; None where there is none any more.

    Raises:
        KeystoreError: it cannot be read.
        Exposed: others can read or change it.
    """
    with _explained(path):
        try:
            return _read(path, trusted, is_secret=True)
        except FileNotFoundError:
            return None


def _create(directory: Path, files: Mapping[str, bytes]) -> None:
    new = directory.with_name(f".{directory.name}.new")
    # Left by a start that was killed: those keys never signed anything for anybody.
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for name, octets in files.items():
        _write(new / name, octets)
    _sync(new)
    new.rename(directory)
    _sync(directory.parent)


def _files(plan: CAPlan, *, passphrase: bytes | None, now: datetime, random: Random) -> dict[str, bytes]:
    # Two installations are two CAs: their names differ, so that nobody takes one for the other (RFC 5280 4.1.2.6).
    suffix = random(SUFFIX_OCTETS).hex()

    def serial() -> int:
        return serial_number(random(SERIAL_OCTETS), now=now)

    root_signer, issuing_signer = KeySigner.generate(plan.key), KeySigner.generate(plan.key)
    new_root = NewCA(f"Connector Root CA {suffix}", plan.root_validity, serial(), now)
    root = make_root(root_signer, new_root)
    new_issuing = NewCA(f"Connector Issuing CA {suffix}", plan.issuing_validity, serial(), now)
    issuing = make_issuing(root, root_signer, issuing_signer, new_issuing, pointers=plan.pointers)
    return {
        ROOT_KEY: root_signer.encoded(passphrase),
        ROOT: root.public_bytes(Encoding.PEM),
        ISSUING_KEY: issuing_signer.encoded(passphrase),
        ISSUING: issuing.public_bytes(Encoding.PEM),
    }


def _open(directory: Path, *, passphrase: bytes | None, trusted: Trusted, now: datetime | None) -> Issuer:
    missing = [name for name in NEEDED if not (directory / name).exists()]
    if missing:
        raise KeystoreError(
            f"{directory} lacks {', '.join(missing)}. Put the files back from the backup. Removing the directory makes "
            "a new CA, whose clients must all enroll again."
        )
    exposure.refuse(exposure.directory(directory, trusted))
    exposure.refuse(exposure.named(directory / ROOT_KEY, trusted, is_secret=True))
    signer = _load_signer(directory / ISSUING_KEY, passphrase, trusted)
    certificate = _load_certificate(directory / ISSUING, trusted, now)
    root = _load_certificate(directory / ROOT, trusted, now)
    try:
        return Issuer(certificate, signer, root)
    except ValueError as error:
        raise KeystoreError(f"The files in {directory} do not belong together: {error}.") from error


def _load_signer(path: Path, passphrase: bytes | None, trusted: Trusted) -> KeySigner:
    try:
        return KeySigner.load(_read(path, trusted, is_secret=True), passphrase)
    except TypeError as error:
        raise KeystoreError(
            f"{path} is encrypted, and there is no passphrase. Set CONNECTOR_CA__PASSPHRASE or ca.passphrase_file."
            if passphrase is None
            else f"{path} is not encrypted, though a passphrase is set. Encrypt it, or take the passphrase away."
        ) from error
    except UnsuitableKeyError as error:
        raise KeystoreError(f"{path} should be an EC or RSA key.") from error
    except ValueError as error:
        raise KeystoreError(f"{path} cannot be read: the passphrase is wrong, or the file is damaged.") from error


def _load_certificate(path: Path, trusted: Trusted, now: datetime | None) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(_read(path, trusted, is_secret=False))
    except ValueError as error:
        raise KeystoreError(f"{path} is not a certificate in PEM.") from error
    if now is None:
        return certificate
    if now > certificate.not_valid_after_utc:
        raise KeystoreError(f"The certificate {path} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.")
    if now < certificate.not_valid_before_utc:
        raise KeystoreError(f"The certificate {path} is not valid yet at {now:%Y-%m-%d %H:%M} UTC. Is the clock right?")
    return certificate


def _read(path: Path, trusted: Trusted, *, is_secret: bool) -> bytes:
    return exposure.read(path, is_secret=is_secret, most=MAX_FILE_OCTETS, trusted=trusted)


def _write(path: Path, octets: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    """Make the names in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeystoreError(f"{error.filename or path} cannot be used: {error.strerror}.") from error
