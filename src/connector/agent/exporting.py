"""The identity in other forms: PKCS #12 (RFC 7292), which Java's keystores are."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

from connector.agent import files
from connector.agent.directory import Pair, load_key

ALIAS = b"connector"


def keystore(pair: Pair, *, key_passphrase: bytes | None, password: bytes) -> bytes:
    """Key and chain under the alias ``connector``."""
    key = load_key((pair.identity[1]).read_bytes(), key_passphrase)
    leaf, *above = x509.load_pem_x509_certificates(pair.chain)
    return serialize_key_and_certificates(ALIAS, key, leaf, above, BestAvailableEncryption(password))


def truststore(anchors: bytes, *, password: bytes) -> bytes:
    """The trust anchors, marked as such for Java."""
    trusted = [PKCS12Certificate(anchor, ALIAS) for anchor in x509.load_pem_x509_certificates(anchors)]
    return serialize_java_truststore(trusted, BestAvailableEncryption(password))


def save(path: Path, octets: bytes) -> None:
    """Write the file for its owner alone, in one step."""
    files.replace(path, octets)
