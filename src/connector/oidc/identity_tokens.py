"""Identity tokens as JWTs signed with ES256 (RFC 7518 3.4), by keys that this process holds."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from connector.domain.identity_tokens import TokenKey
from connector.oidc.compact import json_part
from connector.oidc.jwks import is_signed

ALGORITHM = "ES256"
TYPE = "at+jwt"
"""RFC 9068 2.1: not to be mistaken for an ID token."""

MOST_CHARACTERS = 4096


class JWTSigner:
    """Signs with keys from files. Nothing else has them in its hands."""

    def __init__(self) -> None:
        """No key is held yet."""
        self._keys: dict[str, ECKey] = {}

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the keys that are held."""
        return frozenset(self._keys)

    def hold(self, pem: bytes, passphrase: bytes | None) -> tuple[str, bytes]:
        """Hold the key in a PKCS #8 file; its id (RFC 7638) and the DER of its public part.

        Raises:
            ValueError: it cannot be read, not with this passphrase, or is not a P-256 key.
        """
        try:
            key = ECKey.import_key(pem, password=passphrase)
        except (TypeError, ValueError, JoseError) as error:
            raise ValueError("a key of identity tokens cannot be read: the passphrase is wrong, or the file") from error
        if key.curve_name != "P-256":
            raise ValueError("a key of identity tokens is not a P-256 key")
        id_, spki = _public(key)
        self._keys[id_] = key
        return id_, spki

    def drop(self, key_id: str) -> None:
        """Hold this key no more."""
        self._keys.pop(key_id, None)

    def sign(self, key_id: str, claims: Mapping[str, object]) -> str:
        """The JWT. Raises KeyError where the key is not held."""
        header = {"alg": ALGORITHM, "kid": key_id, "typ": TYPE}
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
        return jws.serialize_compact(header, payload, self._keys[key_id], algorithms=[ALGORITHM])

    def key_id(self, text: str) -> str | None:
        """The id of the key that a JWT of ours says it is signed with; None where it is none."""
        header = json_part(text.partition(".")[0]) if len(text) <= MOST_CHARACTERS else None
        found = None if header is None or header.get("typ") != TYPE else header.get("kid")
        return found if isinstance(found, str) else None

    def verified(self, text: str, key: TokenKey) -> Mapping[str, object] | None:
        """The claims, if the key has signed the JWT; its times are not looked at."""
        if not is_signed(text, _imported(key), algorithms=(ALGORITHM,)):
            return None
        return json_part(text.split(".")[1])


def new_key(passphrase: bytes | None) -> bytes:
    """A new key, as the PEM of its file."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def jwks(keys: Sequence[TokenKey]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The JWK Set (RFC 7517 5)."""
    return {
        "keys": [
            {**_imported(key).as_dict(private=False), "kid": key.id, "use": "sig", "alg": ALGORITHM} for key in keys
        ]
    }


def _imported(key: TokenKey) -> ECKey:
    return ECKey.import_key(cast("ec.EllipticCurvePublicKey", load_der_public_key(key.spki)))


def _public(key: ECKey) -> tuple[str, bytes]:
    return key.thumbprint(), key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
