"""Making CRLs: of all processes on one database one claims to make the next, and the number says which one stands.

The entries are read in pages, without one view over all of them. That is enough: a revocation is never undone, and
one that comes between two pages is either listed, or not counted among the entries; then the next round makes another.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.domain.crls import CRLRecord, CRLSchedule, Entries, Place, first, is_time, successor
from connector.pki.crl import CRLPlan
from connector.pki.signer import Signer
from connector.ports.transaction import Store, Transaction
from connector.usecases.crls import PublishedCRLs, Scope
from connector.usecases.signing import Signing

PAGE = 10_000
"""Entries that one read gives."""

CLAIMED = timedelta(seconds=40)
"""When another process may take over from one that claimed and did not publish."""

FindSigner = Callable[[], Signer | None]
"""The signer of a scope; None while its key is not here."""


@dataclass(frozen=True, slots=True)
class _Due:
    """The record of the CRL to replace, and whether the schedule is the reason."""

    record: CRLRecord
    is_scheduled: bool


@dataclass(frozen=True, slots=True)
class CRLPublishing:
    """Publishes the CRLs of the scopes whose keys this process can use.

    ``started`` is the time of the start. An issuing CA's CRL from before is replaced once: the database may have been
    restored, so that its CRL has a lower number than the newest one that somebody has seen. A root's is not: it lists
    nothing that could be lost, and a start should not read the root's key.
    """

    store: Store
    published: PublishedCRLs
    signers: Mapping[bytes, FindSigner]
    schedule: CRLSchedule
    root_schedule: CRLSchedule
    started: datetime
    signing: Signing = field(default_factory=Signing)
    _renewed: set[bytes] = field(default_factory=set, init=False, repr=False)

    async def publish(self, scope: Scope) -> CRLRecord | None:
        """Make the scope's next CRL if it is time, or if something was revoked; returns its record.

        Raises:
            SignerUnavailable: the signer is away. The former CRL stays.
            StorageUnavailable: the database cannot be used.
        """
        find_signer = self.signers.get(scope.id)
        due = await self.store.read(lambda tx: self._due(tx, scope)) if find_signer is not None else None
        if find_signer is None or due is None or (signer := find_signer()) is None:
            return None
        now = await self.store.transaction(lambda tx: _claim(tx, due.record))
        if now is None:
            return None
        schedule, last = self._schedule(scope), scope.authority.last
        above = self.published.number(scope.id)
        record = successor(due.record, schedule, now=now, last=last, is_scheduled=due.is_scheduled, above=above)
        return await self._make(scope, record, signer, after=due.record.number)

    def _schedule(self, scope: Scope) -> CRLSchedule:
        return self.schedule if scope.issuers else self.root_schedule

    def _due(self, tx: Transaction, scope: Scope) -> _Due | None:
        last = scope.authority.last
        if not scope.authority.first <= tx.now < last:
            return None
        record = next((each for each in tx.crls.list() if each.scope == scope.id), None) or first(scope.id, now=tx.now)
        if is_time(record, self._schedule(scope), now=tx.now, last=last):
            return _Due(record, is_scheduled=True)
        is_restored = record.number < self.published.number(scope.id)
        is_of_another_start = record.this_update < self.started and scope.id not in self._renewed
        if (
            is_restored
            or (scope.issuers and is_of_another_start)
            or tx.crls.count(scope.issuers, since=record.since) != record.entries
        ):
            return _Due(record, is_scheduled=False)
        return None

    async def _make(self, scope: Scope, record: CRLRecord, signer: Signer, *, after: int) -> CRLRecord | None:
        pages = [page async for page in self._pages(scope, record)]
        record = record.with_entries(sum(page.number for page in pages))
        plan = CRLPlan(scope.authority, record.number, record.this_update, record.next_update)
        octets = await self.signing.sign_crl(plan, [page.octets for page in pages], signer)
        if not await self.store.transaction(lambda tx: tx.crls.publish(record, octets, after=after), alone=False):
            return None
        self._renewed.add(scope.id)
        await self.published.take(record, octets)
        return record

    async def _pages(self, scope: Scope, record: CRLRecord) -> AsyncIterator[Entries]:
        for issuer in scope.issuers:
            place: Place | None = None
            while True:
                page = await self._page(issuer, record, place)
                yield page
                place = page.last
                if place is None:
                    break

    async def _page(self, issuer: bytes, record: CRLRecord, after: Place | None) -> Entries:
        # A view: the questions of requests have a reader of their own, and do not wait behind a page.
        return await self.store.read(
            lambda tx: tx.crls.entries(issuer, since=record.since, until=record.this_update, after=after, most=PAGE)
        )


def _claim(tx: Transaction, record: CRLRecord) -> datetime | None:
    """The time of the claim, if it succeeds."""
    return tx.now if tx.crls.claim(record, now=tx.now, before=tx.now - CLAIMED) else None
