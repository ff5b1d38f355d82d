"""One-time tokens: mint, digest, expiry, the redeem rule."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple
from uuid import UUID

from connector.errors import Refusal, TokenExpired, TokenSpent, TokenUnknown, TokenWithdrawn

SECRET_OCTETS = 64
# 64 octets in base64 with padding; a longer text is no token of ours, and is not even hashed.
SECRET_CHARACTERS = 88


class TokenType(StrEnum):
    """Whom a token lets in, by the names of the Director API's OneTimeTokenType."""

    APPLICATION = "Application"
    RUNTIME = "Runtime"


class TokenState(StrEnum):
    """minted → spent, expired or withdrawn; nothing leads back."""

    MINTED = "minted"
    SPENT = "spent"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """How long each type of token lives, and after how many refused attempts one is withdrawn."""

    lifetimes: Mapping[TokenType, timedelta]
    renewal_lifetime: timedelta
    refusals: int


@dataclass(frozen=True, slots=True)
class Secret:
    """The text of a one-time token, shown once by the operation that minted it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """What is kept of a token. ``id`` is public and may be logged; of the secret there is only the SHA-256.

    ``certificate`` is the fingerprint of the certificate over whose connection the token was fetched, if it was: such
    a token ends when that certificate is revoked.
    """

    id: str
    digest: bytes = field(repr=False)
    type: TokenType
    system_auth_id: str
    owner_id: str
    tenant_id: str
    minted_by: str
    minted_at: datetime
    expires_at: datetime
    spent_at: datetime | None = None
    withdrawn_at: datetime | None = None
    refusals: int = 0
    certificate: bytes | None = None

    def state(self, *, now: datetime) -> TokenState:
        """The state at ``now``. A token that was spent or withdrawn in time stays so after its expiry."""
        if self.spent_at is not None:
            return TokenState.SPENT
        if self.withdrawn_at is not None:
            return TokenState.WITHDRAWN
        return TokenState.EXPIRED if now >= self.expires_at else TokenState.MINTED


class Minted(NamedTuple):
    """A new token: the secret, which nobody can ask for again, and what is kept of it."""

    secret: Secret
    token: OneTimeToken


_REFUSALS: Mapping[TokenState, type[Refusal]] = {
    TokenState.SPENT: TokenSpent,
    TokenState.EXPIRED: TokenExpired,
    TokenState.WITHDRAWN: TokenWithdrawn,
}


def mint(
    random: bytes,
    *,
    id: UUID,
    type: TokenType,
    system_auth_id: str,
    owner_id: str,
    tenant_id: str,
    minted_by: str,
    now: datetime,
    lifetime: timedelta,
    certificate: bytes | None = None,
) -> Minted:
    """A new token from 64 random octets.

    Raises:
        ValueError: ``random`` is not 64 octets.
    """
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a token takes {SECRET_OCTETS} random octets")
    secret = Secret(urlsafe_b64encode(random).decode("ascii"))
    token = OneTimeToken(
        id=str(id),
        digest=digest(secret.text),
        type=type,
        system_auth_id=system_auth_id,
        owner_id=owner_id,
        tenant_id=tenant_id,
        minted_by=minted_by,
        minted_at=now,
        expires_at=now + lifetime,
        certificate=certificate,
    )
    return Minted(secret, token)


def digest(text: str) -> bytes:
    """The SHA-256 by which a presented token is looked up.

    Raises:
        TokenUnknown: the text cannot be a token of ours. There is no other spelling of one (no blanks, no other
            alphabet), so that a token cannot be presented twice under two names.
    """
    if len(text) != SECRET_CHARACTERS or not text.isascii():
        raise TokenUnknown
    return sha256(text.encode("ascii")).digest()


def check(token: OneTimeToken | None, presented: bytes, *, now: datetime) -> OneTimeToken:
    """The token, if it may still be redeemed with the presented digest.

    Raises:
        TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn: why it may not.
    """
    if token is None or not compare_digest(token.digest, presented):
        raise TokenUnknown
    state = token.state(now=now)
    if state is not TokenState.MINTED:
        raise _REFUSALS[state]
    return token
