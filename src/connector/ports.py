"""What the use cases need from outside; each promise is in a docstring.

A use case is a plain function over a :class:`Transaction`; a :class:`Store` runs it and commits before its caller gets
the result. The function may be run again after a conflict, so it holds no side effect but the transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from connector.audit import Action, Event
from connector.directory import Entity, EntityKind, SystemAuth, Tenant
from connector.inventory import Certificate, RevocationReason
from connector.principals import ApiKey
from connector.tokens import OneTimeToken

T = TypeVar("T")

Clock = Callable[[], datetime]
"""The time now, UTC-aware."""

Random = Callable[[int], bytes]
"""So many octets from the system's secure source."""

MakeID = Callable[[], UUID]
"""A new random UUID (RFC 9562 5.4)."""


class Directory(Protocol):
    """Tenants, entities, system auths."""

    def add_tenant(self, tenant: Tenant) -> None:
        """Record a tenant. Raises NotUniqueName when the external id is taken; of two at once, one wins."""

    def tenant(self, external_id: str) -> Tenant | None:
        """The tenant that a Tenant header names."""

    def tenants(self) -> Sequence[Tenant]:
        """All tenants, by external id."""

    def add_entity(self, entity: Entity) -> None:
        """Record an entity. Raises NotUniqueName when the tenant has one of that kind and name; one of two wins."""

    def entity(self, tenant_id: str, kind: EntityKind, id: str) -> Entity | None:
        """The tenant's entity of that kind and id; another tenant's is as unknown as one that never was."""

    def entity_named(self, tenant_id: str, kind: EntityKind, name: str) -> Entity | None:
        """The tenant's entity of that kind and name."""

    def entities(self, tenant_id: str, kind: EntityKind) -> Sequence[Entity]:
        """The tenant's entities of that kind, by name."""

    def remove_entity(self, entity: Entity) -> bool:
        """Remove the entity and its system auths. False when it was gone already."""

    def add_system_auth(self, auth: SystemAuth) -> None:
        """Record a system auth. Raises ObjectNotFound when its owner is gone."""

    def system_auth(self, tenant_id: str, id: str) -> SystemAuth | None:
        """The tenant's system auth of that id."""

    def system_auths(self, owner_id: str) -> Sequence[SystemAuth]:
        """The entity's system auths, oldest first."""

    def remove_system_auth(self, auth: SystemAuth) -> bool:
        """Remove the system auth. False when it was gone already."""


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens: those that fit every field that is given."""

    id: str | None = None
    system_auth_id: str | None = None
    owner_id: str | None = None
    tenant_id: str | None = None
    certificate: bytes | None = None


class Tokens(Protocol):
    """One-time tokens."""

    def add(self, token: OneTimeToken) -> None:
        """Record a minted token."""

    def find(self, digest: bytes) -> OneTimeToken | None:
        """The token whose secret has this SHA-256, in whatever state."""

    def list(self, which: TokenFilter) -> Sequence[OneTimeToken]:
        """The tokens that fit, newest first."""

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        """Spend the token in one conditional statement; of any number of callers, on any replica, one wins.

        Raises:
            TokenSpent, TokenExpired, TokenWithdrawn: the token was not there to be spent; why.
        """

    def count_refusal(self, token: OneTimeToken) -> OneTimeToken:
        """Add one to the token's refused attempts, and return it as it is then."""

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        """Withdraw the tokens that fit and were neither spent nor withdrawn, and return those.

        Expired ones too: a redemption may be under way whose caller looked at the clock before they expired. An empty
        filter raises ValueError.
        """


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates: those that fit every field that is given."""

    serial: str | None = None
    fingerprint: bytes | None = None
    system_auth_id: str | None = None
    owner_id: str | None = None
    tenant_id: str | None = None


class Inventory(Protocol):
    """Issued certificates."""

    def add(self, certificate: Certificate) -> None:
        """Record an issued certificate. Its fingerprint, and its serial number under its issuer, are unique."""

    def find(self, fingerprint: bytes) -> Certificate | None:
        """The certificate with this fingerprint, in whatever state: one indexed read, never cached."""

    def list(self, which: CertificateFilter) -> Sequence[Certificate]:
        """The certificates that fit, newest first."""

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        """Mark the certificate as superseded, unless it is already."""

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        """Revoke the certificates that fit and are not revoked, and return those as they are then.

        The first revocation's time and reason stay; of two at once, one record is made. An empty filter raises
        ValueError.
        """


class Audit(Protocol):
    """The events, append-only: there is nothing here that changes or removes one."""

    def append(self, *events: Event) -> None:
        """Record the events, in their order."""

    def list(self, *, action: Action | None = None, limit: int = 1000) -> Sequence[Event]:
        """The newest events of that action, or of all, newest first."""


class ApiKeys(Protocol):
    """Administrators' keys."""

    def add(self, key: ApiKey) -> None:
        """Record a key."""

    def find(self, digest: bytes) -> ApiKey | None:
        """The key whose text has this SHA-256."""

    def any(self) -> bool:
        """Whether there is any key."""


class Transaction(Protocol):
    """All that one transaction can read and write."""

    @property
    def directory(self) -> Directory:
        """Tenants, entities, system auths."""

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
        """Administrators' keys."""


class Store(Protocol):
    """Runs functions in transactions.

    Every method raises StorageUnavailable, or one of its kinds, when the database cannot do it; then nothing of the
    function's work is recorded. Any exception of the function rolls its own transaction back and reaches the caller.
    """

    async def transaction(self, function: Callable[[Transaction], T]) -> T:
        """Run the function in one transaction, commit, and return its result once the commit is on disk."""

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run the function on one consistent view of all that was committed before this call; it writes nothing."""

    async def probe(self) -> None:
        """Return if a transaction can be written and committed now, else raise StorageUnavailable."""

    async def close(self) -> None:
        """Finish what was begun and release everything. Later calls raise StorageUnavailable."""
