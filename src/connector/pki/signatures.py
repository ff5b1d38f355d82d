"""Signature algorithms: which are accepted, and which an issuer uses.

An algorithm is recognized by its whole AlgorithmIdentifier, octet for octet, so that no parameter is left unread.
"""

from collections.abc import Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connector.pki import der
from connector.pki.keys import PublicKey

IssuerPrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
IssuerPublicKey = RSAPublicKey | EllipticCurvePublicKey


class AlgorithmError(ValueError):
    """Signatures by this algorithm, with this key, prove nothing here."""


class IssuerAlgorithm(NamedTuple):
    """How an issuer signs: the digest, and the AlgorithmIdentifier (its DER)."""

    digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    encoded: bytes


def _identifier(dotted: str, *parameters: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(dotted)), *parameters)


def _rsa(dotted: str, digest: hashes.HashAlgorithm) -> dict[bytes, hashes.HashAlgorithm]:
    # RFC 4055 5: the parameters are NULL, and must be accepted when they are absent.
    return {_identifier(dotted, _NULL): digest, _identifier(dotted): digest}


_NULL = der.encode(der.NULL)
_SHA256_WITH_RSA = "1.2.840.113549.1.1.11"
_SHA2_WITH_RSA: Mapping[bytes, hashes.HashAlgorithm] = {
    **_rsa(_SHA256_WITH_RSA, hashes.SHA256()),
    **_rsa("1.2.840.113549.1.1.12", hashes.SHA384()),
    **_rsa("1.2.840.113549.1.1.13", hashes.SHA512()),
}
_ANY_WITH_RSA: Mapping[bytes, hashes.HashAlgorithm] = {
    **_SHA2_WITH_RSA,
    **_rsa("1.2.840.113549.1.1.5", hashes.SHA1()),  # noqa: S303 - the caller asks for it, for proof of possession
}
# RFC 5758 3.2: there are no parameters.
_ECDSA_WITH_SHA256 = _identifier("1.2.840.10045.4.3.2")
_ECDSA_WITH_SHA384 = _identifier("1.2.840.10045.4.3.3")
_ECDSA_WITH_SHA512 = _identifier("1.2.840.10045.4.3.4")
_ECDSA_WITH_SHA2: Mapping[bytes, ECDSA] = {
    _ECDSA_WITH_SHA256: ECDSA(hashes.SHA256()),
    _ECDSA_WITH_SHA384: ECDSA(hashes.SHA384()),
    _ECDSA_WITH_SHA512: ECDSA(hashes.SHA512()),
}
_ED25519 = _identifier("1.3.101.112")

_BY_CURVE: Mapping[str, IssuerAlgorithm] = {
    "secp256r1": IssuerAlgorithm(hashes.SHA256(), _ECDSA_WITH_SHA256),
    "secp384r1": IssuerAlgorithm(hashes.SHA384(), _ECDSA_WITH_SHA384),
    "secp521r1": IssuerAlgorithm(hashes.SHA512(), _ECDSA_WITH_SHA512),
}
_BY_RSA = IssuerAlgorithm(hashes.SHA256(), _identifier(_SHA256_WITH_RSA, _NULL))


def verify(public_key: PublicKey, *, algorithm: bytes, signature: bytes, signed: bytes, sha1: bool = False) -> None:
    """Return if ``signature`` over ``signed`` is the key's, by an accepted algorithm: SHA-2, or SHA-1 of RSA on demand.

    Raises:
        AlgorithmError: ``algorithm`` (its DER) is not accepted for this key.
        InvalidSignature: the signature does not fit.
    """
    try:
        if isinstance(public_key, EllipticCurvePublicKey):
            public_key.verify(signature, signed, _ECDSA_WITH_SHA2[algorithm])
        elif isinstance(public_key, RSAPublicKey):
            digest = (_ANY_WITH_RSA if sha1 else _SHA2_WITH_RSA)[algorithm]
            public_key.verify(signature, signed, PKCS1v15(), digest)
        elif algorithm == _ED25519:
            public_key.verify(signature, signed)
        else:
            raise AlgorithmError
    except KeyError as error:
        raise AlgorithmError from error


def verify_sha256(public_key: object, *, signature: bytes, signed: bytes) -> None:
    """Return if ``signature`` over ``signed`` is that of a client's key, with SHA-256 (PKCS #1 v1.5, ECDSA) or Ed25519.

    Raises:
        AlgorithmError: no client of ours has such a key.
        InvalidSignature: the signature does not fit.
    """
    if isinstance(public_key, RSAPublicKey):
        verify(public_key, algorithm=_BY_RSA.encoded, signature=signature, signed=signed)
    elif isinstance(public_key, EllipticCurvePublicKey):
        verify(public_key, algorithm=_ECDSA_WITH_SHA256, signature=signature, signed=signed)
    elif isinstance(public_key, Ed25519PublicKey):
        verify(public_key, algorithm=_ED25519, signature=signature, signed=signed)
    else:
        raise AlgorithmError


def sign(key: IssuerPrivateKey, octets: bytes, algorithm: IssuerAlgorithm) -> bytes:
    """The key's signature.

    Raises:
        ValueError: the algorithm is for another type of key.
    """
    by_rsa = algorithm.encoded == _BY_RSA.encoded
    if isinstance(key, RSAPrivateKey) and by_rsa:
        return key.sign(octets, PKCS1v15(), algorithm.digest)
    if isinstance(key, EllipticCurvePrivateKey) and not by_rsa:
        return key.sign(octets, ECDSA(algorithm.digest))
    raise ValueError("the algorithm is for another type of key")


def encoded_key(public_key: IssuerPublicKey) -> bytes:
    """The key's SubjectPublicKeyInfo (its DER)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issuer_algorithm(public_key: IssuerPublicKey) -> IssuerAlgorithm:
    """The algorithm of an issuer with this key: of its own strength, and SHA-256 at least.

    Raises:
        ValueError: no issuer of ours has a key of this curve.
    """
    if isinstance(public_key, RSAPublicKey):
        return _BY_RSA
    algorithm = _BY_CURVE.get(public_key.curve.name)
    if algorithm is None:
        raise ValueError("an issuer's key is RSA, P-256, P-384 or P-521")
    return algorithm
