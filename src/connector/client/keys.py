"""The client's own key, and what is signed with it."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

KINDS: Mapping[str, Callable[[], PrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}

_ATTRIBUTES = {
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "CN": NameOID.COMMON_NAME,
}


def make_key(kind: str = "p256") -> PrivateKey:
    """A new key of one of the ``KINDS``.

    Raises:
        KeyError: it is none of them.
    """
    return KINDS[kind]()


def kind(key: PrivateKey) -> str | None:
    """Which of the ``KINDS`` the key is; None for another curve or size."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {"secp256r1": "p256", "secp384r1": "p384"}.get(key.curve.name)
    if isinstance(key, rsa.RSAPrivateKey):
        name = f"rsa{key.key_size}"
        return name if name in KINDS else None
    return "ed25519"


def make_csr(key: PrivateKey, subject: str) -> bytes:
    """A CSR's PEM for the subject in the form of the configuration."""
    csr = x509.CertificateSigningRequestBuilder(subject_name=name(subject))
    return csr.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()).public_bytes(
        Encoding.PEM
    )


def name(subject: str) -> x509.Name:
    """The distinguished name in the text of the configuration.

    Raises:
        ValueError: it is no such text.
    """
    try:
        pairs = [part.split("=", 1) for part in subject.split(",")]
        return x509.Name([x509.NameAttribute(_ATTRIBUTES[attribute], value) for attribute, value in pairs])
    except KeyError as error:
        raise ValueError(f"the subject has an attribute that is not known: {error}") from error


def encode(csr: bytes) -> str:
    """The CSR's PEM as the argument ``csr`` takes it."""
    return b64encode(csr).decode("ascii")


def prove(key: PrivateKey, fingerprint: bytes, csr: str) -> str:
    """The proof with which an expired certificate is renewed: base64 of the key's signature.

    Args:
        key: the expired certificate's.
        fingerprint: the SHA-256 of that certificate's DER.
        csr: the argument ``csr`` with which the proof is sent.
    """
    signed = b"connector renewal after expiry\0" + fingerprint + sha256(csr.encode()).digest()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(signed)
    return b64encode(signature).decode("ascii")
