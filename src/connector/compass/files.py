"""The CA of a Compass installation as files, and its revocations."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connector import exposure
from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSONError, read_object
from connector.exposure import Trusted
from connector.pki.adopted import AdoptedCA

CERTIFICATE, KEY = "ca.crt", "ca.key"

MAX_CA_FILE = 1 << 16
# A ConfigMap holds at most 1 MiB; several may have been put together.
MAX_REVOCATIONS = 64 << 20

_DIGEST_OCTETS = 32


def read_ca(directory: Path, trusted: Trusted) -> AdoptedCA:
    """The CA whose certificate is ``ca.crt``. Its key is not needed, and never kept; where it is there, it has to fit.

    Raises:
        InvalidData: a file cannot be read, is not what it should be, or the key is another's.
        Exposed: others can change the certificate, or read the key.
    """
    path = directory / CERTIFICATE
    try:
        found = x509.load_pem_x509_certificates(_read(path, trusted, is_secret=False, most=MAX_CA_FILE))
        # The first is the one that issues; a root above it may follow, and is not trusted.
        ca = AdoptedCA(found[0])
    except ValueError as error:
        raise InvalidData(
            f"{path} cannot be used: {error}. Name the directory with the old CA's {CERTIFICATE}."
        ) from error
    key_path = directory / KEY
    if key_path.exists():
        try:
            key = load_pem_private_key(_read(key_path, trusted, is_secret=True, most=MAX_CA_FILE), None)
        except (ValueError, TypeError) as error:
            raise InvalidData(f"{key_path} is not an unencrypted key in PEM. It is not needed: remove it.") from error
        if key.public_key() != ca.public_key:
            raise InvalidData(f"{key_path} is not the key of {path}. Put the files of one CA there.")
    return ca


def read_certificate(path: Path, trusted: Trusted) -> x509.Certificate:
    """A client's certificate. Behind it there may be those of its CA.

    Raises:
        InvalidData: the file cannot be read, or holds no certificate.
        Exposed: others can change it.
    """
    try:
        return x509.load_pem_x509_certificates(_read(path, trusted, is_secret=False, most=MAX_CA_FILE))[0]
    except ValueError as error:
        raise InvalidData(f"{path} holds no certificate in PEM. Name the file of a client's certificate.") from error


def read_revocations(path: Path, trusted: Trusted) -> frozenset[bytes]:
    """The SHA-256 of each revoked certificate, from the ConfigMap as JSON, or from its data alone.

    One entry that cannot be read refuses the file: it may be the one that matters.

    Raises:
        InvalidData: the file or one of its entries cannot be read.
        Exposed: others can change it.
    """
    octets = _read(path, trusted, is_secret=False, most=MAX_REVOCATIONS)
    try:
        found = read_object(octets)
    except JSONError as error:
        raise InvalidData(
            f"{path} cannot be read: {error}. Write it with kubectl get configmap NAME -o json."
        ) from error
    if found.get("kind") == "ConfigMap":
        found = found.get("data") or {}
    if not isinstance(found, dict):
        raise InvalidData(f"{path} has no object of hashes. Write it with kubectl get configmap NAME -o json.")
    return frozenset(_digest(path, each) for each in found)


def _digest(path: Path, text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_OCTETS or len(text) != 2 * _DIGEST_OCTETS:
        raise InvalidData(
            f"{path} has an entry {text[:80]!r}, which is no SHA-256. Correct it: it revokes a certificate."
        )
    return digest


def _read(path: Path, trusted: Trusted, *, is_secret: bool, most: int) -> bytes:
    try:
        return exposure.read(path, is_secret=is_secret, most=most, trusted=trusted)
    except OSError as error:
        raise InvalidData(f"{path} cannot be read: {error.strerror}. Check its name and mode.") from error
