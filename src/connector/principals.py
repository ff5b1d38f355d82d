"""Who calls: the bearer of a one-time token or an API key, the holder of a certificate, or nobody."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

from connector.errors import KeyUnknown

KEY_OCTETS = 32
KEY_PREFIX = "connector-admin-"


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody: no credential was presented."""


@dataclass(frozen=True, slots=True)
class TokenBearer:
    """Somebody who presented a text as a one-time token. Whether it is one is decided by the operation."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who proved in the TLS handshake to hold the key of a certificate, known by its fingerprint.

    Whether that certificate is ours, and still good, is decided by the operation in the inventory.
    """

    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class KeyBearer:
    """Somebody who presented a text as an API key. Whether it is one is decided by the operation."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who presented a known API key. ``name`` is the key's, for the audit."""

    name: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of an administrator's key."""

    id: str
    name: str
    digest: bytes = field(repr=False)
    created_at: datetime


Principal = Anonymous | TokenBearer | KeyBearer | Holder
"""Who calls, as far as the connection and the headers tell."""


def make_key(random: bytes, *, id: UUID, name: str, now: datetime) -> tuple[str, ApiKey]:
    """A new key from 32 random octets: the text to hand over, and what is kept of it.

    Raises:
        ValueError: ``random`` is not 32 octets.
    """
    if len(random) != KEY_OCTETS:
        raise ValueError(f"a key takes {KEY_OCTETS} random octets")
    text = KEY_PREFIX + urlsafe_b64encode(random).decode("ascii").rstrip("=")
    return text, ApiKey(str(id), name, digest(text), now)


def digest(text: str) -> bytes:
    """The SHA-256 by which a presented key is looked up."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def check(key: ApiKey | None, presented: bytes) -> Administrator:
    """The administrator whose key has the presented digest.

    Raises:
        KeyUnknown: there is none.
    """
    if key is None or not compare_digest(key.digest, presented):
        raise KeyUnknown
    return Administrator(key.name)
