"""The keys of a JWK Set (RFC 7517) that can verify signatures, and the verifying."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

VerificationKey = RSAKey | ECKey | OKPKey

MAX_KEYS = 100
CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519",)}
# Less is forgeable; more makes each verification dear.
RSA_BITS = range(2048, 8193)
# RFC 7515 header parameters and JWK members may be long names; a header is still no place for documents.
MAX_HEADER = 4096
# The parameters of a key; its certificates and anything else that is published with it are ignored.
_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")


class _Signatures(jws.JWSRegistry):
    """The configured algorithms alone, whatever the library recommends."""

    max_header_length = MAX_HEADER

    # The library's own warns on each token that RFC 9864 has deprecated the name "EdDSA", which issuers still write.
    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError("not configured")
        return self.algorithms[name]


def read_keys(entries: Sequence[object]) -> tuple[VerificationKey, ...]:
    """The public keys for signatures among the entries. What is anything else, or no key at all, is left out."""
    keys = (_read_key(entry) for entry in entries[:MAX_KEYS] if isinstance(entry, dict))
    return tuple(key for key in keys if key is not None)


def fits(key: VerificationKey, algorithm: str, *, algorithms: Sequence[str]) -> bool:
    """Whether the key is one for signatures of that algorithm."""
    try:
        _Signatures(algorithms=algorithms).get_alg(algorithm).check_key(key)
    except JoseError:
        return False
    return True


def is_signed(text: str, key: VerificationKey, *, algorithms: Sequence[str]) -> bool:
    """Whether the JWS in its compact form (RFC 7515 7.1) is signed by the key, with one of the algorithms."""
    registry = _Signatures(algorithms=algorithms, strict_check_header=False)
    try:
        jws.deserialize_compact(text, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _read_key(entry: Mapping[str, object]) -> VerificationKey | None:
    # A private key that is published is no longer its owner's alone.
    if entry.get("use", "sig") != "sig" or "d" in entry or not _may_verify(entry.get("key_ops", ["verify"])):
        return None
    members: dict[str, Any] = {name: entry[name] for name in _MEMBERS if name in entry}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    try:
        return _import(members)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError, UnsupportedAlgorithm):
        return None


def _import(members: dict[str, Any]) -> VerificationKey | None:
    kty = members["kty"]
    if kty == "RSA":
        return _read_rsa(members)
    if kty not in CURVES or members["crv"] not in CURVES[kty]:
        return None
    return ECKey.import_key(members) if kty == "EC" else OKPKey.import_key(members)


def _read_rsa(members: dict[str, Any]) -> RSAKey | None:
    modulus = int.from_bytes(urlsafe_b64decode(members["n"].encode("ascii")), "big")
    return RSAKey.import_key(members) if modulus.bit_length() in RSA_BITS else None


def _may_verify(operations: object) -> bool:
    return isinstance(operations, list) and "verify" in operations
