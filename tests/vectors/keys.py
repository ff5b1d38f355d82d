"""Keys that sign CSRs: good ones, and public keys that nobody should certify.

RSA keys come from fixed primes, since making large ones takes seconds; they are as public as this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import shake_256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.vectors import der

SHA256 = hashes.SHA256()

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
SHA256_WITH_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
P256 = "1.2.840.10045.3.1.7"
P384 = "1.3.132.0.34"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ECDSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))
ED25519 = der.sequence(der.oid("1.3.101.112"))
ED448 = der.sequence(der.oid("1.3.101.113"))

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Key:
    """What a CSR needs of a key: the SPKI (DER), the AlgorithmIdentifier of its signature, and the signing."""

    spki: bytes = field(repr=False)
    algorithm: bytes = field(repr=False)
    sign: Sign = field(repr=False)


def spki(algorithm: bytes, key: bytes) -> bytes:
    """A SubjectPublicKeyInfo (RFC 5280 4.1.2.7)."""
    return der.sequence(algorithm, der.bits(key))


def rsa_spki(modulus: int, exponent: int = 65537) -> bytes:
    """An RSA public key (RFC 3279 2.3.1), whether or not it is any good."""
    return spki(
        der.sequence(der.oid(RSA_ENCRYPTION), der.NULL), der.sequence(der.integer(modulus), der.integer(exponent))
    )


def ec_spki(curve: str, point: bytes) -> bytes:
    """A key on a named curve (RFC 5480 2.1.1)."""
    return spki(der.sequence(der.oid(EC_PUBLIC_KEY), der.oid(curve)), point)


# RSA

# The distance from a number that is drawn from the name to the next prime.
_PRIMES = {
    "1024/p": 40,
    "1024/q": 228,
    "2048/p": 294,
    "2048/q": 78,
    "3072/p": 2826,
    "3072/q": 154,
    "4096/p": 644,
    "4096/q": 3790,
    "8192/p": 3308,
    "8192/q": 2392,
}


def drawn(name: str, bits: int) -> int:
    """An odd number of so many bits, the first two of them set, always the same for a name."""
    return int.from_bytes(shake_256(name.encode()).digest(bits // 8)) | 3 << bits - 2 | 1


def prime(name: str) -> int:
    """A prime of half as many bits as the name says."""
    return drawn(name, int(name.partition("/")[0]) // 2) + _PRIMES[name]


@cache
def rsa_private(bits: int, exponent: int = 65537) -> RSAPrivateKey:
    """An RSA key of 1024, 2048, 3072, 4096 or 8192 bits; of those, 3072 and 4096 take the exponent 3."""
    p, q = prime(f"{bits}/p"), prime(f"{bits}/q")
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(exponent, p * q))
    # The check takes seconds for the largest.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def rsa(bits: int, exponent: int = 65537) -> Key:
    """An RSA key that signs with SHA-256."""
    private = rsa_private(bits, exponent)
    return Key(
        rsa_spki(private.public_key().public_numbers().n, exponent),
        SHA256_WITH_RSA,
        lambda data: private.sign(data, PKCS1v15(), SHA256),
    )


# Elliptic curves


def public_bytes(key: ec.EllipticCurvePublicKey, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    """A curve point (SEC 1 2.3.3)."""
    return key.public_bytes(Encoding.X962, form)


@cache
def ec_private(curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    """One key for each curve."""
    return ec.generate_private_key(curve())


def ecdsa(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> Key:
    """An EC key that signs with SHA-256."""
    private = ec_private(curve)
    return Key(
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        ECDSA_WITH_SHA256,
        lambda data: private.sign(data, ec.ECDSA(SHA256)),
    )


# Edwards curves


@cache
def eddsa25519() -> Key:
    """An Ed25519 key."""
    private = ed25519.Ed25519PrivateKey.generate()
    return Key(spki(ED25519, private.public_key().public_bytes_raw()), ED25519, private.sign)


@cache
def eddsa448() -> Key:
    """An Ed448 key."""
    private = ed448.Ed448PrivateKey.generate()
    return Key(spki(ED448, private.public_key().public_bytes_raw()), ED448, private.sign)
