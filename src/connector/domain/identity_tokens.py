"""Identity tokens: short JWTs (RFC 7519) that say who the holder of a certificate is, for others than this server.

A token is bound to the certificate (RFC 8705 section 3). Nothing is recorded of it; what is, is the public part of each
key that signs. A key is published before it signs, so that verifiers who keep the published keys for a while know it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.domain.refusals.clients import AudienceRefused, OAuthRequestInvalid
from connector.domain.subjects import Owner

LONGEST_LIFETIME = timedelta(hours=1)
PERIOD = timedelta(days=30)
"""How long a key is the newest."""
KEPT = 3 * PERIOD
"""How long the record of a key is kept."""
LEAD = timedelta(days=1)
"""How long a key is published before it signs, where there is an older one."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The public part of a key that signs tokens. The id is its thumbprint (RFC 7638), ``spki`` its DER."""

    id: str
    spki: bytes = field(repr=False)
    published_at: datetime
    removed_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When it signs no more. Its successor has signed for a day then."""
        return self.published_at + PERIOD + 2 * LEAD

    def can_sign(self, now: datetime) -> bool:
        """Whether tokens may be signed with it."""
        return self.removed_at is None and now < self.ends_at

    def is_published(self, now: datetime) -> bool:
        """Whether there may be tokens of it that have not expired."""
        return self.removed_at is None and now < self.ends_at + LONGEST_LIFETIME


def signing_key(keys: Collection[TokenKey], now: datetime) -> TokenKey | None:
    """The key to sign with: the newest that verifiers have had time to fetch, or else the oldest."""
    able = [key for key in keys if key.can_sign(now)]
    ripe = [key for key in able if key.published_at + LEAD <= now]
    if ripe:
        return max(ripe, key=lambda key: key.published_at)
    return min(able, key=lambda key: key.published_at, default=None)


def is_next_due(keys: Collection[TokenKey], now: datetime) -> bool:
    """Whether the next key is to be made and published."""
    return all(key.published_at + PERIOD <= now for key in keys if key.can_sign(now))


@dataclass(frozen=True, slots=True)
class Audience:
    """Somebody whom tokens may be for, and the external ids of the tenants whose systems get them; None for all."""

    name: str
    tenants: frozenset[str] | None = None


def check_audience(wanted: str | None, audiences: Sequence[Audience], tenant: str) -> str:
    """The audience that was asked for, if this tenant's systems may have tokens for it.

    Raises:
        OAuthRequestInvalid: none was asked for.
        AudienceRefused: they may not, or nobody may.
    """
    if not wanted:
        raise OAuthRequestInvalid("The parameter audience is missing. Name whoever is to accept the token.")
    for audience in audiences:
        if audience.name == wanted and (audience.tenants is None or tenant in audience.tenants):
            return wanted
    raise AudienceRefused


def claims_of(owner: Owner, subject: str | None) -> Mapping[str, object]:
    """What a token says of its holder. ``subject`` is the SPIFFE id; without one, the subject is kind and id."""
    kind = owner.kind.value
    return {
        "sub": subject or f"{kind.lower()}:{owner.id}",
        "client_id": owner.system_auth_id,
        "tenant": owner.tenant,
        "kind": kind,
        "id": owner.id,
        "name": owner.name,
    }
