"""One-time tokens: mint, digest, expiry, the redeem rule."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from connector.domain.directory import EntityKind, Identity
from connector.domain.origins import Origin
from connector.domain.refusals import Refusal
from connector.domain.refusals.csr import CSRKeyNotBound
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.tokens import TokenExpired, TokenSourceRefused, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.domain.secrets import Secret

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
    """How long each type of token lives unless a mint says otherwise, how long at most, and after how many refused
    attempts one is withdrawn.
    """

    lifetimes: Mapping[TokenType, timedelta]
    longest: Mapping[TokenType, timedelta]
    renewal_lifetime: timedelta
    refusals: int


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms under which a token is handed over; none, unless they are given.

    ``source`` is the network (CIDR) from which alone it may be redeemed, ``key`` the SHA-256 of the SPKI of the one
    key for which it gives a certificate. ``seconds`` is how long it lives, where that differs from the policy; a token
    that follows under the same terms lives as the policy says.
    """

    source: str | None = None
    key: bytes | None = None
    seconds: int | None = None


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """The record of a token. ``id`` is public and may be logged; the secret is kept only as its SHA-256.

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
    source: str | None = None
    key: bytes | None = None

    @property
    def identity(self) -> Identity:
        """Whom it stands for."""
        return Identity(self.tenant_id, self.owner_id, EntityKind(self.type), self.system_auth_id)

    @property
    def actor(self) -> str:
        """How the audit names the bearer."""
        return f"token:{self.id}"

    @property
    def terms(self) -> Terms:
        """The terms for the token that follows this one."""
        return Terms(self.source, self.key)

    def state(self, *, now: datetime) -> TokenState:
        """The state at ``now``. A token that was spent or withdrawn in time stays so after its expiry."""
        if self.spent_at is not None:
            return TokenState.SPENT
        if self.withdrawn_at is not None:
            return TokenState.WITHDRAWN
        return TokenState.EXPIRED if now >= self.expires_at else TokenState.MINTED


class Minted(NamedTuple):
    """A new token: the secret, which is shown this once, and the record."""

    secret: Secret
    token: OneTimeToken


_REFUSALS: Mapping[TokenState, type[Refusal]] = {
    TokenState.SPENT: TokenSpent,
    TokenState.EXPIRED: TokenExpired,
    TokenState.WITHDRAWN: TokenWithdrawn,
}


def mint(
    random: bytes,
    origin: Origin,
    identity: Identity,
    *,
    lifetime: timedelta,
    certificate: bytes | None = None,
    terms: Terms = NO_TERMS,
) -> Minted:
    """A new token from 64 random octets. Its lifetime is an argument: the one in the terms was checked before.

    Raises:
        ValueError: ``random`` is not 64 octets.
    """
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a token takes {SECRET_OCTETS} random octets")
    secret = Secret(urlsafe_b64encode(random).decode("ascii"))
    token = OneTimeToken(
        id=str(origin.id),
        digest=digest(secret.text),
        type=TokenType(identity.kind),
        system_auth_id=identity.system_auth_id,
        owner_id=identity.owner_id,
        tenant_id=identity.tenant_id,
        minted_by=origin.by,
        minted_at=origin.at,
        expires_at=origin.at + lifetime,
        certificate=certificate,
        source=terms.source,
        key=terms.key,
    )
    return Minted(secret, token)


def read_terms(source_network: str | None, key_sha256: str | None, seconds: int | None = None) -> Terms:
    """The terms that an administrator gave: a network such as 192.0.2.0/24, a SHA-256 of the SPKI in hexadecimal, a
    lifetime.

    Raises:
        InvalidData: one of them cannot be read.
    """
    try:
        source = None if source_network is None else str(_network(source_network))
    except ValueError as error:
        raise InvalidData(
            "Invalid data sourceNetwork: use an address or a network, such as 192.0.2.0/24 or 2001:db8::/32, with no "
            "bits set after the prefix."
        ) from error
    try:
        key = None if key_sha256 is None else bytes.fromhex(key_sha256.replace(":", ""))
    except ValueError:
        key = b""
    if key is not None and len(key) != sha256().digest_size:
        raise InvalidData("Invalid data keySHA256: use the SHA-256 of the public key's DER, 64 hexadecimal digits.")
    return Terms(source, key, seconds)


def _network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(text)  # sources are compared as IPv4 addresses, so that nobody could come from there
    return network


def lifetime(policy: TokenPolicy, type: TokenType, terms: Terms) -> timedelta:
    """How long a token of that type lives: as its terms say, or else the policy.

    Raises:
        InvalidData: it is less than a second, or more than the policy allows.
    """
    if terms.seconds is None:
        return policy.lifetimes[type]
    most = policy.longest[type]
    if not 1 <= terms.seconds <= most.total_seconds():
        raise InvalidData(f"Invalid data lifetimeSeconds: use 1 to {int(most.total_seconds())}.")
    return timedelta(seconds=terms.seconds)


def check_source(token: OneTimeToken, source: str | None) -> None:
    """Return if the token may be redeemed from this address.

    Raises:
        TokenSourceRefused: it is bound to a network that does not hold the address.
    """
    if token.source is None:
        return
    try:
        address = ip_address(source or "")
    except ValueError as error:
        raise TokenSourceRefused from error
    address = getattr(address, "ipv4_mapped", None) or address  # what a socket for both families shows of IPv4
    if address not in ip_network(token.source):
        raise TokenSourceRefused


def check_key(token: OneTimeToken, key: bytes) -> None:
    """Return if the token gives a certificate for the key with this SHA-256.

    Raises:
        CSRKeyNotBound: it is bound to another key.
    """
    if token.key is not None and not compare_digest(token.key, key):
        raise CSRKeyNotBound


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
