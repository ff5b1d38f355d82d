import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from tests.support.issuing import DAY, make_issuer, make_root_of, only
from tests.support.memory.store import MemoryStore
from tests.support.ocsp import UNKNOWN, by_library
from tests.support.records import certificate, digest, tenant
from tests.support.signers import WRONG, issuer_with

from connector.domain.certificates import RevocationReason, TrustAnchor
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.refusals.ocsp import OCSPIssuerUnknown, OCSPRequestMalformed
from connector.domain.refusals.storage import StorageUnavailable
from connector.pki.issuer import Issuer
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction
from connector.usecases.issuers import Issuers, Recorded
from connector.usecases.ocsp import OCSP, Responders

T = TypeVar("T")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
GOOD, REVOKED, UNRECORDED = 1, 2, 3


class FaultyStore(MemoryStore):
    """The store in memory, whose look-ups fail while it has a fault."""

    fault: Exception | None = None

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        if self.fault is not None:
            raise self.fault
        return await super().look_up(function)


@dataclass
class Site:
    """A responder with its store, and a clock that can be set."""

    issuers: Issuers
    issuer: Issuer
    now: datetime = NOW
    store: FaultyStore = field(default_factory=FaultyStore)

    def __post_init__(self) -> None:
        self.responders = Responders(self.issuers, lambda: self.now, token_bytes)
        self.ocsp = OCSP(self.store, self.responders, lambda: self.now, timedelta(minutes=5))

    async def refresh(self) -> int:
        """Make the responders that are due; how many."""
        due = self.responders.due
        for scope in due:
            await self.responders.make(scope)
        return len(due)

    async def ask(self, serial: int, issuer: x509.Certificate | None = None) -> ocsp.OCSPResponse:
        """The answer about a certificate; its signature verifies under the issuer's."""
        of = issuer or self.issuer.certificate
        response = ocsp.load_der_ocsp_response((await self.ocsp.answer(by_library(of, serial))).octets)
        (signer,) = response.certificates
        signer.verify_directly_issued_by(of)
        return response


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def site(issuer: Issuer | None = None, *former: Issuer) -> Site:
    issuer = issuer or make_issuer(now=NOW)
    return Site(only(issuer, *former, now=NOW), issuer)


async def furnish(one: Site, issuer: bytes | None = None) -> None:
    """A good certificate of the issuer, and a revoked one."""

    def write(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        for number in (GOOD, REVOKED):
            tx.inventory.add(certificate(number, issuer=issuer or one.issuer.fingerprint))
        which = CertificateFilter(tenant().id, fingerprint=digest(REVOKED))
        tx.inventory.revoke(which, RevocationReason.SUPERSEDED, now=NOW - DAY)

    await one.store.transaction(write)


def test_each_certificate_has_its_status() -> None:
    """Recorded is good, revoked is revoked with its time and reason; what was never planned is unknown, never good."""

    async def test() -> None:
        one = site()
        await furnish(one)
        await one.refresh()

        good, revoked, unknown = [await one.ask(serial) for serial in (GOOD, REVOKED, UNRECORDED)]

        assert good.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert revoked.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert revoked.revocation_reason is x509.ReasonFlags.superseded
        assert revoked.revocation_time_utc == NOW - DAY
        assert unknown.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
        assert good.next_update_utc == NOW + timedelta(minutes=5)

    run(test)


def test_certificate_of_another_issuer_with_the_number_is_unknown() -> None:
    """A serial number that another issuer gave says nothing of this one's certificates."""

    async def test() -> None:
        one = site()
        await furnish(one, issuer=digest(99))
        await one.refresh()

        assert (await one.ask(GOOD)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
        assert (await one.ask(REVOKED)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN

    run(test)


def test_revocation_is_seen_by_the_next_question() -> None:
    """Nothing is kept between a revocation and the next question."""

    async def test() -> None:
        one = site()
        await furnish(one)
        await one.refresh()
        assert (await one.ask(GOOD)).certificate_status is ocsp.OCSPCertStatus.GOOD
        which = CertificateFilter(tenant().id, fingerprint=digest(GOOD))
        await one.store.transaction(
            lambda tx: tx.inventory.revoke(which, RevocationReason.KEY_COMPROMISE, now=NOW + DAY)
        )

        revoked = await one.ask(GOOD)

        assert revoked.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert revoked.revocation_time_utc == NOW

    run(test)


def test_answer_lasts_only_where_others_may_be_given_it() -> None:
    """What answers a nonce, or is about a certificate that may be recorded a moment later, is for who asked."""

    async def test() -> None:
        one = site()
        await furnish(one)
        await one.refresh()
        about = one.issuer.certificate
        lasting = [await one.ocsp.answer(by_library(about, serial)) for serial in (GOOD, REVOKED, UNRECORDED)]
        once = await one.ocsp.answer(by_library(about, GOOD, nonce=b"nonce"))

        assert [each.is_lasting for each in lasting] == [True, True, False]
        assert not once.is_lasting

    run(test)


@pytest.mark.parametrize("name", UNKNOWN)
def test_nobody_speaks_for_another_issuer(name: str) -> None:
    """Requests about issuers that are none of ours are refused; nothing is said of their certificates."""

    async def test() -> None:
        one = site()
        await one.refresh()
        with pytest.raises(OCSPIssuerUnknown):
            await one.ocsp.answer(UNKNOWN[name])

    run(test)


def test_nobody_speaks_for_a_root_or_an_issuer_whose_key_is_elsewhere() -> None:
    """The root has no responder here, and neither has an issuer that another process signs for."""

    async def test() -> None:
        former = make_issuer(now=NOW, common_name="Former")
        one = site(None, former)
        await furnish(one, issuer=former.fingerprint)
        assert await one.refresh() == 1
        for of in (one.issuer.root, former.certificate):
            with pytest.raises(OCSPIssuerUnknown):
                await one.ask(GOOD, of)

    run(test)


def test_former_issuer_is_spoken_for() -> None:
    """Each issuer whose key is here has a responder of its own, whether or not it still signs or has ended."""

    async def test() -> None:
        former = make_issuer(now=NOW, common_name="Former")
        current = make_issuer(now=NOW)
        records = [
            IssuerRecord(each.fingerprint, each.der, each.root_fingerprint, state, NOW, NOW)
            for each, state in ((current, IssuerState.SIGNING), (former, IssuerState.ENDED))
        ]
        roots = [TrustAnchor(each.root_fingerprint, each.root_der, NOW) for each in (current, former)]
        one = Site(Issuers([current, former], Recorded(tuple(records), tuple(roots))), current)
        await furnish(one, issuer=former.fingerprint)
        assert await one.refresh() == 2

        assert (await one.ask(REVOKED, former.certificate)).certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert (await one.ask(REVOKED)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN

    run(test)


def test_renewed_ca_certificate_answers_for_both() -> None:
    """Where a CA certificate was renewed with its name and key, requests mean what either has issued."""

    async def test() -> None:
        under = make_root_of(now=NOW)
        former = make_issuer(now=NOW, under=under, validity=100 * DAY)
        renewed = make_issuer(now=NOW, under=under, key=former.signer._key)  # type: ignore[attr-defined]  # noqa: SLF001 - the same key
        one = Site(only(renewed, former, now=NOW), renewed)
        await furnish(one, issuer=former.fingerprint)
        assert await one.refresh() == 1

        assert (await one.ask(REVOKED, former.certificate)).certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert (await one.ask(REVOKED)).certificate_status is ocsp.OCSPCertStatus.REVOKED

    run(test)


def test_responder_is_replaced_in_time_and_answers_no_longer_than_it_is_valid() -> None:
    """After half of its validity another takes its place; while none can be made, it answers until its end."""

    async def test() -> None:
        one = site()
        await furnish(one)
        with pytest.raises(SignerUnavailable):
            await one.ask(GOOD)
        assert await one.refresh() == 1
        assert await one.refresh() == 0
        first = (await one.ask(GOOD)).responder_key_hash
        one.now = NOW + timedelta(hours=47, minutes=58)
        last = await one.ask(GOOD)
        assert last.responder_key_hash == first
        assert last.next_update_utc == NOW + 2 * DAY
        one.now = NOW + timedelta(hours=48, seconds=1)
        with pytest.raises(SignerUnavailable):
            await one.ask(GOOD)
        assert await one.refresh() == 1
        assert (await one.ask(GOOD)).responder_key_hash != first

    run(test)


@pytest.mark.parametrize("fault", WRONG)
def test_responder_that_the_issuer_did_not_certify_does_not_answer(fault: str) -> None:
    """Whatever a signer answers, nobody answers under a certificate that is not exactly the planned one."""

    async def test() -> None:
        one = site(issuer_with(WRONG[fault], now=NOW))
        with pytest.raises(SignerUnavailable):
            await one.refresh()
        with pytest.raises(SignerUnavailable):
            await one.ask(GOOD)

    run(test)


def test_nothing_is_answered_that_cannot_be_read() -> None:
    """While the storage is unavailable nothing is said of any certificate; a request that cannot be read is refused."""

    async def test() -> None:
        one = site()
        await one.refresh()
        one.store.fault = StorageUnavailable()
        with pytest.raises(StorageUnavailable):
            await one.ask(GOOD)
        with pytest.raises(OCSPRequestMalformed):
            await one.ocsp.answer(b"")

    run(test)
