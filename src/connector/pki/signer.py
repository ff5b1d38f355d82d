"""Signers: each holds one private key and signs with it. Nothing else ever has that key in its hands."""

from collections.abc import Callable, Mapping
from typing import Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connector.pki.keys import RSA_EXPONENT
from connector.pki.signatures import IssuerAlgorithm, IssuerPrivateKey, IssuerPublicKey, sign


class SignerError(Exception):
    """The signer did not sign: it is away, refuses, or took too long. The text says what to look at, and no secret."""


class Signer(Protocol):
    """Signs with one key, which it alone holds: a file that was read, a device, a service.

    It is called from any thread, from several at a time.
    """

    @property
    def public_key(self) -> IssuerPublicKey:
        """The key under which its signatures verify. It is known without asking a device again."""

    @property
    def is_slow(self) -> bool:
        """Whether a signature may take a millisecond or more. Then it is asked in a thread, and not waited for long."""

    def sign(self, octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
        """The signature over the octets, as a certificate holds it: DER for ECDSA (RFC 3279 2.2.3), PKCS #1 for RSA.

        The caller verifies it: a signer need not be believed.

        Raises:
            SignerError: there is none, now or with this algorithm.
        """


_KINDS: Mapping[str, Callable[[], IssuerPrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa3072": lambda: rsa.generate_private_key(RSA_EXPONENT, 3072),
    "rsa4096": lambda: rsa.generate_private_key(RSA_EXPONENT, 4096),
}


class KeySigner:
    """A signer whose key is in this process, from a PEM file or newly made."""

    __slots__ = ("_key", "_public_key")

    def __init__(self, key: IssuerPrivateKey) -> None:
        """Take over the key."""
        self._key = key
        self._public_key = key.public_key()

    @classmethod
    def generate(cls, kind: str) -> Self:
        """A signer with a new key: "p256", "p384", "rsa3072" or "rsa4096".

        Raises:
            ValueError: ``kind`` is another.
        """
        if kind not in _KINDS:
            raise ValueError(f"an issuer's key is one of {', '.join(_KINDS)}")
        return cls(_KINDS[kind]())

    @classmethod
    def load(cls, pem: bytes, passphrase: bytes | None) -> Self:
        """A signer with the key in a PKCS #8 file.

        Raises:
            TypeError: it is encrypted and there is no passphrase, or the other way round.
            ValueError: it cannot be read, the passphrase is wrong, or the key is neither EC nor RSA.
        """
        try:
            key = load_pem_private_key(pem, passphrase)
        except UnsupportedAlgorithm as error:
            raise ValueError("the key's algorithm is not supported") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise UnsuitableKeyError("an issuer's key is EC or RSA")
        return cls(key)

    def encoded(self, passphrase: bytes | None) -> bytes:
        """The key as the PEM that :meth:`load` reads, encrypted where there is a passphrase."""
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    @property
    def public_key(self) -> IssuerPublicKey:
        """The key under which its signatures verify."""
        return self._public_key

    @property
    def is_slow(self) -> bool:
        """RSA's signatures take milliseconds, ECDSA's a twentieth of one."""
        return isinstance(self._key, rsa.RSAPrivateKey)

    def sign(self, octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
        """The key's signature. It raises nothing but SignerError, where OpenSSL has no such algorithm."""
        try:
            return sign(self._key, octets, algorithm)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignerError("the key cannot sign with this algorithm") from error


class UnsuitableKeyError(ValueError):
    """The file holds a key, of a kind that no issuer has."""
