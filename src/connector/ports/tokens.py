"""One-time tokens."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.tokens import OneTimeToken, TokenState

NO_TENANT = ""


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens: one tenant's, those that fit every other field that is given. Without a tenant none fits.

    ``certificates`` holds fingerprints of certificates over whose connections tokens were fetched; ``handed_over``
    asks for those that were fetched over none; ``state`` is that at ``now``, which is given with it.
    """

    tenant_id: str = NO_TENANT
    id: str | None = None
    system_auth_id: str | None = None
    owner_id: str | None = None
    certificates: Collection[bytes] | None = None
    handed_over: bool | None = None
    state: TokenState | None = None
    now: datetime | None = None


class Tokens(Protocol):
    """One-time tokens."""

    def add(self, token: OneTimeToken) -> None:
        """Record a minted token."""

    def find(self, digest: bytes) -> OneTimeToken | None:
        """The token whose secret has this SHA-256, in whatever state."""

    def list(
        self, which: TokenFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[OneTimeToken]:
        """The tokens that fit, newest first: those after that minting time and id, ``most`` at most."""

    def last_handed_over(self, tenant_id: str, system_auth_ids: Collection[str]) -> Mapping[str, OneTimeToken]:
        """The newest token of each of the tenant's system auths that was fetched over no certificate's connection."""

    def count(self, which: TokenFilter) -> int:
        """How many fit."""

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        """Spend the token in one conditional statement; of any number of callers, on any replica, one wins.

        Raises:
            TokenSpent, TokenExpired, TokenWithdrawn: the token was not there to be spent; why.
        """

    def count_refusals(self, token: OneTimeToken, number: int = 1) -> OneTimeToken:
        """Add the number to the token's refused attempts, and return the token with it."""

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        """Withdraw the tokens that fit and were neither spent nor withdrawn, and return those, newest first.

        Expired ones too: a redemption may be under way whose caller looked at the clock before they expired.
        """

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove tokens that expired before that time, in any state, the oldest first, and return the number removed.

        So many at most. Where a token was spent or withdrawn, its expiry is when it would have ended by itself: no
        token is removed sooner than it could have been used.
        """
