"""Verdicts: what they are read from, and when."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from tests.support.memory.store import MemoryStore
from tests.support.records import LATER, NOW, certificate, digest, entity, tenant

from connector.domain.certificates import RevocationReason
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown
from connector.domain.refusals.storage import StorageUnavailable
from connector.domain.subjects import Narrowing
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction
from connector.usecases.issuers import Issuers, Recorded
from connector.usecases.together import READS_AT_ONCE
from connector.usecases.verdicts import Verdict, Verdicts

T = TypeVar("T")
ANYBODY = Narrowing()


@dataclass
class SlowStore(MemoryStore):
    """The store in memory, whose reads end when they are let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    reads: int = 0
    fault: Exception | None = None

    def __post_init__(self) -> None:
        MemoryStore.__init__(self)

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        found = await super().look_up(function)
        await self.go.wait()
        return found


def issuers(state: IssuerState = IssuerState.SIGNING) -> Issuers:
    made = certificate()
    return Issuers([], Recorded((IssuerRecord(made.issuer, b"", b"", state, NOW, NOW),), ()))


async def furnished(store: MemoryStore, **changes: Any) -> None:
    def furnish(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        tx.directory(tenant().id).add_entity(entity())
        for number in range(1, 9):
            tx.inventory.add(certificate(number, **changes))

    await store.transaction(furnish)


async def revoke(store: MemoryStore) -> None:
    which = CertificateFilter(tenant().id)
    await store.transaction(lambda tx: tx.inventory.revoke(which, RevocationReason.UNSPECIFIED, now=LATER))


def run(test: Callable[[SlowStore, Verdicts], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        store = SlowStore()
        await furnished(store)
        await test(store, Verdicts(store, issuers(), lambda: NOW))

    asyncio.run(main())


def test_a_verdict_is_read_after_it_was_asked_for() -> None:
    """Whoever asks while a read is under way is answered by a later one: a revocation in between is seen."""

    async def test(store: SlowStore, verdicts: Verdicts) -> None:
        early = [asyncio.create_task(verdicts.of(digest(1), ANYBODY)) for _ in range(READS_AT_ONCE + 1)]
        await asyncio.sleep(0.01)
        assert store.reads
        await revoke(store)
        late = [asyncio.create_task(verdicts.of(digest(1), ANYBODY)) for _ in range(20)]
        await asyncio.sleep(0)
        store.go.set()

        results = await asyncio.gather(*early, *late, return_exceptions=True)

        assert isinstance(results[0], Verdict)
        assert {type(each) for each in results[len(early) :]} == {CertificateRevoked}

    run(test)


def test_those_that_wait_share_a_read() -> None:
    """However many ask while a read is under way, they share the reads that follow; each gets its own answer."""

    async def test(store: SlowStore, verdicts: Verdicts) -> None:
        asked = [asyncio.create_task(verdicts.of(digest(number % 8 + 1), ANYBODY)) for number in range(200)]
        await asyncio.sleep(0.01)
        store.go.set()

        found = await asyncio.gather(*asked)

        assert [each.subject.fingerprint for each in found] == [digest(number % 8 + 1) for number in range(200)]
        assert store.reads <= READS_AT_ONCE + 1

    run(test)


def test_a_question_right_after_an_answer_is_answered() -> None:
    """Whoever asks in the very step in which the last read ends begins another; nobody waits in vain."""

    async def main() -> None:
        store = MemoryStore()
        await furnished(store)
        verdicts = Verdicts(store, issuers(), lambda: NOW)
        async with asyncio.timeout(20):
            for number in range(100):
                await asyncio.gather(*(verdicts.of(digest(1), ANYBODY) for _ in range(number % 3 + 1)))

    asyncio.run(main())


def test_a_caller_that_goes_away_leaves_the_others_their_answer() -> None:
    """A cancelled caller takes no answer away, from those of its read or of later ones."""

    async def test(store: SlowStore, verdicts: Verdicts) -> None:
        asked = [asyncio.create_task(verdicts.of(digest(1), ANYBODY)) for _ in range(10)]
        await asyncio.sleep(0.01)
        for task in asked[::2]:
            task.cancel()
        store.go.set()

        results = await asyncio.gather(*asked, return_exceptions=True)

        assert all(isinstance(each, asyncio.CancelledError) for each in results[::2])
        assert all(isinstance(each, Verdict) for each in results[1::2])
        assert isinstance(await verdicts.of(digest(1), ANYBODY), Verdict)

    run(test)


def test_a_store_that_fails_gives_no_verdict_and_heals() -> None:
    """While the store fails, everybody who waits gets its refusal; the next read is made anew."""

    async def test(store: SlowStore, verdicts: Verdicts) -> None:
        store.go.set()
        store.fault = StorageUnavailable()
        results = await asyncio.gather(*(verdicts.of(digest(1), ANYBODY) for _ in range(5)), return_exceptions=True)
        assert {type(each) for each in results} == {StorageUnavailable}

        store.fault = None
        assert isinstance(await verdicts.of(digest(1), ANYBODY), Verdict)

    run(test)


@pytest.mark.parametrize("state", list(IssuerState))
def test_a_certificate_ends_with_its_issuer(state: IssuerState) -> None:
    """A certificate whose issuer has ended is unknown, as it is in the TLS handshake."""

    async def main() -> None:
        store = MemoryStore()
        await furnished(store)
        verdicts = Verdicts(store, issuers(state), lambda: NOW)
        if state is not IssuerState.ENDED:
            assert isinstance(await verdicts.of(digest(1), ANYBODY), Verdict)
        else:
            with pytest.raises(CertificateUnknown):
                await verdicts.of(digest(1), ANYBODY)

    asyncio.run(main())


def test_a_certificate_is_good_until_its_last_moment_and_no_longer() -> None:
    """NotAfter is inclusive (RFC 5280 4.1.2.5); a revoked one is revoked after its expiry too."""

    async def main() -> None:
        store = MemoryStore()
        await furnished(store)
        moment = certificate().not_after
        assert isinstance(await Verdicts(store, issuers(), lambda: moment).of(digest(1), ANYBODY), Verdict)
        late = Verdicts(store, issuers(), lambda: moment + timedelta(microseconds=1))
        with pytest.raises(CertificateExpired):
            await late.of(digest(1), ANYBODY)
        await revoke(store)
        with pytest.raises(CertificateRevoked):
            await late.of(digest(1), ANYBODY)

    asyncio.run(main())


def test_a_certificate_without_an_owner_is_unknown() -> None:
    """A certificate whose application is gone identifies nobody, even if nobody revoked it."""

    async def main() -> None:
        store = MemoryStore()
        await store.transaction(lambda tx: tx.inventory.add(replace(certificate(), owner_id="gone")))
        with pytest.raises(CertificateUnknown):
            await Verdicts(store, issuers(), lambda: NOW).of(digest(1), ANYBODY)

    asyncio.run(main())
