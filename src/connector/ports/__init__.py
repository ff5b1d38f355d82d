"""What the use cases need from outside; each promise is in a docstring.

A use case is a plain function over a :class:`Transaction`; a :class:`Store` runs it and commits before its caller gets
the result. The function may be run again after a conflict, so it holds no side effect but the transaction.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from connector.audit import Action, Event, Recorded
from connector.inventory import Certificate, CertificateState, RevocationReason, Standing, TrustAnchor
from connector.overview import CertificateTally
from connector.ports.console import (
    Administrators,
    Daily,
    EntityFilter,
    EventFilter,
    Passwords,
    Sessions,
    SignInLinks,
    SignsIn,
)
from connector.ports.directories import Directory, Tenants
from connector.principals import ApiKey, Caller
from connector.tokens import OneTimeToken, TokenState

__all__ = [
    "ApiKeys",
    "Audit",
    "Bearers",
    "CertificateFilter",
    "Clock",
    "Directory",
    "EntityFilter",
    "EventFilter",
    "Inventory",
    "MakeID",
    "Passwords",
    "Random",
    "SignsIn",
    "Store",
    "Tenants",
    "TokenFilter",
    "Tokens",
    "Transaction",
    "TrustAnchors",
]

T = TypeVar("T")

Clock = Callable[[], datetime]
"""The time now, UTC-aware."""

Random = Callable[[int], bytes]
"""So many octets from the system's secure source."""

MakeID = Callable[[], UUID]
"""A new UUID, which nobody has made before."""


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens: one tenant's, those that fit every other field that is given.

    ``certificates`` holds fingerprints of certificates over whose connections tokens were fetched; ``handed_over``
    asks for those that were fetched over none; ``state`` is that at ``now``, which is given with it.
    """

    tenant_id: str
    id: str | None = None
    system_auth_id: str | None = None
    system_auth_ids: Collection[str] | None = None
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
        """The tokens that fit, newest first: those after that minting time and id, so many at most."""

    def count(self, which: TokenFilter) -> int:
        """How many fit."""

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        """Spend the token in one conditional statement; of any number of callers, on any replica, one wins.

        Raises:
            TokenSpent, TokenExpired, TokenWithdrawn: the token was not there to be spent; why.
        """

    def count_refusals(self, token: OneTimeToken, number: int = 1) -> OneTimeToken:
        """Add so many to the token's refused attempts, and return it as it is then."""

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        """Withdraw the tokens that fit and were neither spent nor withdrawn, and return those, newest first.

        Expired ones too: a redemption may be under way whose caller looked at the clock before they expired.
        """

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove tokens that expired before that time, in whatever state, those that expired first; how many it were.

        So many at most. Where a token was spent or withdrawn, its expiry is when it would have ended by itself: no
        token is removed sooner than it could have been used.
        """


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates: one tenant's, those that fit every other field that is given.

    ``expires_from`` and ``expires_to`` are inclusive ends for ``not_after``; ``text`` is the beginning of a serial
    number or fingerprint in lower-case hexadecimal, a system auth's id, or a part of the owner's name; ``state`` is
    that at ``now``, which is given with it; ``lapsed`` asks for those that were renewed after an expiry, or not.
    """

    tenant_id: str
    serial: str | None = None
    fingerprint: bytes | None = None
    system_auth_id: str | None = None
    owner_id: str | None = None
    state: CertificateState | None = None
    now: datetime | None = None
    expires_from: datetime | None = None
    expires_to: datetime | None = None
    text: str | None = None
    lapsed: bool | None = None


class Inventory(Protocol):
    """Issued certificates."""

    def add(self, certificate: Certificate) -> None:
        """Record an issued certificate. Its fingerprint, and its serial number under its issuer, are unique.

        Raises StepTaken when there is one of the same step; of two at once, one wins.
        """

    def find(self, fingerprint: bytes) -> Certificate | None:
        """The certificate with this fingerprint, in whatever state: one indexed read, never cached."""

    def of_step(self, step: bytes) -> Certificate | None:
        """The certificate that this step brought, in whatever state."""

    def of_serial(self, serial: str) -> Sequence[Certificate]:
        """The certificates of any tenant with this serial number, one for each issuer that gave it; newest first."""

    def list(
        self, which: CertificateFilter, *, after: tuple[datetime, bytes] | None = None, most: int | None = None
    ) -> Sequence[Certificate]:
        """The certificates that fit, newest first: those after that time of issue and fingerprint, so many at most."""

    def count(self, which: CertificateFilter) -> int:
        """How many fit."""

    def standings(self, tenant_id: str, owner_ids: Collection[str], *, now: datetime) -> Mapping[str, Standing]:
        """How these owners stand; those that never had a certificate are left out."""

    def tally(self, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
        """How many of the tenant's there are in each state; expiring are those issued that end by ``soon``."""

    def expiring_by_day(self, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
        """How many that are neither revoked nor superseded end on each of so many days; days without are left out."""

    def certified(self, tenant_id: str, system_auth_ids: Collection[str]) -> frozenset[str]:
        """Those of the system auths under which a certificate was ever issued."""

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        """Mark the certificate as superseded, unless it is already."""

    def ask_renewal(self, which: CertificateFilter, *, now: datetime) -> Sequence[Certificate]:
        """Note that the holders of the certificates that fit are asked to renew; return those, newest first.

        The first time stays; those that were asked before are not returned.
        """

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        """Revoke the certificates that fit and are not revoked, and return those as they are then, newest first.

        The first revocation's time and reason stay; of two at once, one record is made.
        """


class Audit(Protocol):
    """The events, append-only: there is nothing here that changes or removes one."""

    def append(self, *events: Event) -> None:
        """Record the events, in their order."""

    def list(self, *, action: Action | None = None, limit: int = 1000) -> Sequence[Event]:
        """The newest events of that action, or of all, newest first."""

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        """The events that fit, newest first: those after that time and number, so many at most."""

    def later(self, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        """The events about that owner with a greater number, oldest first, so many at most."""

    def daily(self, tenant_id: str, *, since: datetime) -> Daily:
        """How often what happened to the tenant on each day, by days since then, and by action."""


class ApiKeys(Protocol):
    """API keys."""

    def add(self, key: ApiKey) -> None:
        """Record a key. Raises NotUniqueName when there is one of that name for that tenant, or for all."""

    def find(self, digest: bytes) -> ApiKey | None:
        """The key whose text has this SHA-256, in whatever state."""

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        after: tuple[datetime, str] | None = None,
        most: int | None = None,
    ) -> Sequence[ApiKey]:
        """The keys for the tenants of these external ids, or all; newest first, those after that time and id."""

    def count(self, *, within: frozenset[str] | None = None) -> int:
        """How many there are."""

    def revoke(self, id: str, *, within: frozenset[str] | None, now: datetime) -> ApiKey | None:
        """Revoke the key, unless it is revoked; return it as it is then, None where there is none among those."""

    def any(self) -> bool:
        """Whether there is any key."""


class TrustAnchors(Protocol):
    """The roots under which certificates are issued. All replicas have the same."""

    def add(self, anchor: TrustAnchor) -> None:
        """Record a root. Raises NotUniqueName when it is there."""

    def list(self) -> Sequence[TrustAnchor]:
        """The roots, by fingerprint."""


class Transaction(Protocol):
    """All that one transaction can read and write."""

    @property
    def tenants(self) -> Tenants:
        """The tenants."""

    def directory(self, tenant_id: str) -> Directory:
        """What that tenant has registered."""

    @property
    def tokens(self) -> Tokens:
        """One-time tokens."""

    @property
    def inventory(self) -> Inventory:
        """Issued certificates."""

    @property
    def audit(self) -> Audit:
        """The events."""

    @property
    def keys(self) -> ApiKeys:
        """API keys."""

    @property
    def administrators(self) -> Administrators:
        """Those who sign in with a password."""

    @property
    def links(self) -> SignInLinks:
        """The links by which passwords are set."""

    @property
    def sessions(self) -> Sessions:
        """The sessions of the console."""

    @property
    def anchors(self) -> TrustAnchors:
        """The roots under which certificates are issued."""


class Store(Protocol):
    """Runs functions in transactions.

    Every method raises StorageUnavailable, or one of its kinds, when the database cannot do it; then nothing of the
    function's work is recorded. Any exception of the function rolls its own transaction back and reaches the caller.
    """

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        """Run the function in one transaction, commit, and return its result once the commit is on disk.

        No other transaction runs meanwhile, on any replica. Where ``alone`` is false, others that are not alone may:
        then the function has to be right whatever they commit between two of its statements. It is, if all that it
        relies on is in the condition of a write or held by a constraint. What ends the good standing of more than one
        record, or writes what it has read, runs alone.
        """

    async def read(self, function: Callable[[Transaction], T], *, single: bool = False) -> T:
        """Run the function on one consistent view of all that was committed before this call; it writes nothing.

        With ``single`` the function asks one question, which costs less where a view has to be made first.
        """

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        """Run the function as :meth:`transaction` does that is not alone, but in no two processes at once.

        None, at once and without running it, while a call with this name runs anywhere, on any replica.
        """

    async def probe(self) -> None:
        """Return if a transaction can be written and committed now, else raise StorageUnavailable."""

    async def close(self) -> None:
        """Finish what was begun and release everything. Later calls raise StorageUnavailable."""


class Bearers(Protocol):
    """Knows the bearers of tokens that somebody else issued: an OpenID Connect issuer."""

    async def caller(self, text: str) -> Caller:
        """Who calls with this token. Raises JWTRefused: nobody does; the message says why, without the token."""

    def ailing(self) -> str | None:
        """What is wrong with the source of trust, in a sentence for people; None when nothing is."""
