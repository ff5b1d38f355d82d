"""A transaction, the store that runs it, and what a use case needs besides: time, randomness, ids."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from connector.ports.administrators import Administrators, Sessions, SignInLinks
from connector.ports.audit import Audit
from connector.ports.catalogue import Catalogue
from connector.ports.certificates import Inventory, TrustAnchors
from connector.ports.clients import Clients
from connector.ports.crls import CRLs
from connector.ports.directory import Directory, Tenants
from connector.ports.formations import Formations
from connector.ports.identity_tokens import TokenKeyRecords
from connector.ports.imports import Imports
from connector.ports.issuers import IssuerRecords
from connector.ports.keys import ApiKeys
from connector.ports.ocsp import Statuses
from connector.ports.permissions import Permissions
from connector.ports.quotas import Usage
from connector.ports.sightings import SightingRecords
from connector.ports.subjects import Subjects
from connector.ports.tokens import Tokens

T = TypeVar("T")


Clock = Callable[[], datetime]
"""The time now, UTC-aware."""


Random = Callable[[int], bytes]
"""So many octets from the system's secure source."""


class Transaction(Protocol):
    """All that one transaction can read and write, and its moment."""

    @property
    def now(self) -> datetime:
        """The moment of this attempt: the same for as long as the function runs, another when it runs again."""

    def new_id(self) -> UUID:
        """A new UUID, which was never made before."""

    def random(self, octets: int, /) -> bytes:
        """That number of octets from the system's secure source."""

    @property
    def tenants(self) -> Tenants:
        """The tenants."""

    def directory(self, tenant_id: str) -> Directory:
        """The registrations of that tenant."""

    def formations(self, tenant_id: str) -> Formations:
        """That tenant's formations."""

    def catalogue(self, tenant_id: str) -> Catalogue:
        """The services that that tenant's applications have published."""

    @property
    def tokens(self) -> Tokens:
        """One-time tokens."""

    @property
    def inventory(self) -> Inventory:
        """Issued certificates."""

    @property
    def subjects(self) -> Subjects:
        """Certificates and their owners, as gateways ask about them."""

    @property
    def sightings(self) -> SightingRecords:
        """When certificates were last seen."""

    @property
    def audit(self) -> Audit:
        """The events."""

    @property
    def keys(self) -> ApiKeys:
        """API keys."""

    @property
    def clients(self) -> Clients:
        """OAuth 2.0 clients and their access tokens."""

    @property
    def permissions(self) -> Permissions:
        """Where integration systems may act besides their own tenant."""

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

    @property
    def issuers(self) -> IssuerRecords:
        """The issuers under those roots."""

    @property
    def crls(self) -> CRLs:
        """Certificate revocation lists."""

    @property
    def statuses(self) -> Statuses:
        """Certificates, as OCSP asks about them."""

    @property
    def imports(self) -> Imports:
        """The records taken over from another installation."""

    @property
    def token_keys(self) -> TokenKeyRecords:
        """The public keys of identity tokens."""

    @property
    def usage(self) -> Usage:
        """Counts of what quotas limit."""


class Store(Protocol):
    """Runs functions in transactions.

    Every method raises StorageUnavailable, or one of its kinds, when the database cannot do it; then nothing of the
    function's work is recorded. Any exception of the function rolls its own transaction back and reaches the caller.
    """

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        """Run the function in one transaction, commit, and return its result once the commit is on disk.

        No other transaction runs meanwhile, on any replica. Where ``alone`` is false, others that are not alone may:
        then the function has to be right whatever they commit between two of its statements. It is, if all that it
        relies on is in the condition of a write or held by a constraint. Work that ends the good standing of more than
        one record, or writes what it has read, runs alone.
        """

    async def read(self, function: Callable[[Transaction], T], *, single: bool = False) -> T:
        """Run the function on one consistent view of all that was committed before this call; it writes nothing.

        With ``single`` the function asks one question, which costs less where a view has to be made first.
        """

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        """Run the function as :meth:`read` does with ``single``, at the least cost. It reads a few rows, by their keys.

        Where much is written, :meth:`read` is better: those that wait for their answers together write together.
        """

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        """Run the function as :meth:`transaction` does that is not alone, but in no two processes at once.

        None, at once and without running it, while a call with this name runs anywhere, on any replica.
        """

    async def probe(self) -> None:
        """Return if a transaction can be written and committed now, else raise StorageUnavailable."""

    async def close(self) -> None:
        """Finish what was begun and release everything. Later calls raise StorageUnavailable."""
