"""What the use cases need from outside; each promise is in a docstring.

A use case is a plain function over a :class:`Transaction`; a :class:`Store` runs it and commits before its caller gets
the result. The function may be run again after a conflict, so it holds no side effect but the transaction.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from connector.audit import Action, Event
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.inventory import Certificate, CertificateState, RevocationReason, Standing, TrustAnchor
from connector.labels import LabelFilter
from connector.principals import ApiKey, Caller
from connector.tokens import OneTimeToken, TokenState

T = TypeVar("T")

Clock = Callable[[], datetime]
"""The time now, UTC-aware."""

Random = Callable[[int], bytes]
"""So many octets from the system's secure source."""

MakeID = Callable[[], UUID]
"""A new UUID, which nobody has made before."""


class Tenants(Protocol):
    """The tenants."""

    def add(self, tenant: Tenant) -> None:
        """Record a tenant. Raises NotUniqueName when the external id is taken; of two at once, one wins."""

    def find(self, external_id: str) -> Tenant | None:
        """The tenant that a Tenant header names."""

    def of_id(self, id: str) -> Tenant | None:
        """The tenant of that internal id."""

    def list(
        self, *, within: frozenset[str] | None = None, after: str | None = None, most: int | None = None
    ) -> Sequence[Tenant]:
        """The tenants by external id: those of ``within`` if it is given, those after ``after``, so many at most."""

    def count(self, *, within: frozenset[str] | None = None) -> int:
        """How many there are."""


class Directory(Protocol):
    """One tenant's entities and system auths. Another tenant's are as unknown as those that never were."""

    def add_entity(self, entity: Entity) -> None:
        """Record an entity. Raises NotUniqueName when the tenant has one of that kind and name; one of two wins."""

    def update_entity(self, entity: Entity) -> None:
        """Record what has changed of it. Raises NotUniqueName as add_entity does, ObjectNotFound when it is gone."""

    def entity(self, kind: EntityKind, id: str) -> Entity | None:
        """The entity of that kind and id."""

    def entity_named(self, kind: EntityKind, name: str) -> Entity | None:
        """The entity of that kind and name."""

    def entities(
        self,
        kind: EntityKind,
        filters: Sequence[LabelFilter] = (),
        *,
        after: str | None = None,
        most: int | None = None,
    ) -> Sequence[Entity]:
        """The entities of that kind that fit every filter, by name: those after that name, so many at most."""

    def count_entities(self, kind: EntityKind, filters: Sequence[LabelFilter] = ()) -> int:
        """How many fit."""

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """The names of the entities of these ids, where there are such."""

    def remove_entity(self, entity: Entity) -> bool:
        """Remove the entity and its system auths. False when it was gone already.

        Raises ObjectInUse when applications name it as their integration system.
        """

    def add_system_auth(self, auth: SystemAuth) -> None:
        """Record a system auth. Raises ObjectNotFound when its owner is gone."""

    def system_auth(self, id: str) -> SystemAuth | None:
        """The system auth of that id."""

    def system_auths(self, owner_ids: Collection[str]) -> Sequence[SystemAuth]:
        """The system auths of these entities, oldest first."""

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        """Remove the system auth. False when it was gone already."""


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
