import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.issuing import DAY, make_issuer, make_root_of, only
from tests.support.memory.store import MemoryStore
from tests.support.records import certificate, digest, tenant
from tests.support.signers import WRONG, issuer_with

from connector.domain.certificates import RevocationReason
from connector.domain.crls import CRLRecord, CRLSchedule, first
from connector.domain.refusals.crls import CRLUnavailable, CRLUnknown
from connector.domain.refusals.issuers import SignerUnavailable
from connector.pki.issuer import Issuer
from connector.pki.signer import Signer
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction
from connector.usecases import crl_publishing
from connector.usecases.crl_publishing import CRLPublishing
from connector.usecases.crls import PublishedCRLs, Scope, scopes
from connector.usecases.issuers import Issuers

T = TypeVar("T")

NOW = datetime.now(UTC)
SCHEDULE = CRLSchedule(7 * DAY, DAY)


@dataclass
class Replica:
    """A process: what it serves, and what makes its CRLs."""

    store: MemoryStore
    issuers: Issuers
    issuer: Issuer

    def __post_init__(self) -> None:
        self.published = PublishedCRLs(self.issuers, started=NOW.replace(microsecond=0))
        self.publishing = self.of(self.issuer.signer)

    def of(self, signer: Signer | None, started: datetime = NOW - DAY) -> CRLPublishing:
        """With this signer."""
        return CRLPublishing(self.store, self.published, {self.scope.id: lambda: signer}, SCHEDULE, SCHEDULE, started)

    @property
    def scope(self) -> Scope:
        """The issuing CA's."""
        return next(each for each in self.published.scopes.values() if each.issuers)

    def round(self) -> CRLRecord | None:
        """One round."""
        return run(self.publishing.publish(self.scope))

    def listed(self) -> list[int]:
        """The serial numbers in the CRL that it serves, which verifies."""
        run(self.published.follow(self.store))
        crl = x509.load_der_x509_crl(self.published.find(self.scope.id, now=datetime.now(UTC)).octets)
        assert crl.is_signature_valid(self.issuer.certificate.public_key())  # type: ignore[arg-type]
        return sorted(each.serial_number for each in crl)


def run(work: Awaitable[T]) -> T:
    async def main() -> T:
        return await work

    return asyncio.run(main())


def replica(store: MemoryStore | None = None, issuer: Issuer | None = None, *former: Issuer) -> Replica:
    issuer = issuer or make_issuer(now=NOW)
    return Replica(store or MemoryStore(), only(issuer, *former, now=NOW), issuer)


def furnish(store: MemoryStore, *numbers: int, issuer: bytes, **changes: datetime) -> None:
    """Certificates of this issuer."""

    def write(tx: Transaction) -> None:
        if tx.tenants.of_id(tenant().id) is None:
            tx.tenants.add(tenant())
        for number in numbers:
            tx.inventory.add(certificate(number, issuer=issuer, not_after=changes.get("not_after", NOW + DAY)))

    run(store.transaction(write))


def revoke(store: MemoryStore, *numbers: int) -> None:
    def write(tx: Transaction) -> None:
        for number in numbers:
            tx.inventory.revoke(
                CertificateFilter(tenant().id, fingerprint=digest(number)), RevocationReason.UNSPECIFIED, now=tx.now
            )

    run(store.transaction(write))


def test_revocation_is_in_the_next_crl_and_on_every_replica() -> None:
    """A round after a revocation makes a CRL that lists it, another replica serves the same octets, and where nothing
    was revoked nothing is made.
    """
    first, issuer = replica(), None
    other = replica(first.store, first.issuer)
    furnish(first.store, 1, 2, 3, issuer=first.issuer.fingerprint)
    assert first.round() is not None
    assert first.listed() == other.listed() == []
    assert first.round() is other.round() is issuer

    revoke(first.store, 1, 3)
    made = other.round()
    assert made is not None
    assert made.entries == 2
    assert first.listed() == other.listed() == [1, 3]
    assert first.round() is None
    now = datetime.now(UTC)
    assert first.published.find(first.scope.id, now=now).octets == other.published.find(first.scope.id, now=now).octets


def test_many_revocations_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fit into one page are all listed, once."""
    monkeypatch.setattr(crl_publishing, "PAGE", 7)
    one = replica()
    furnish(one.store, *range(1, 31), issuer=one.issuer.fingerprint)
    revoke(one.store, *range(1, 29))
    one.round()

    assert one.listed() == list(range(1, 29))


def test_two_replicas_make_one_crl() -> None:
    """Of two that find the same CRL due at once, one makes it."""
    first = replica()
    other = replica(first.store, first.issuer)

    async def both() -> list[CRLRecord | None]:
        return await asyncio.gather(first.publishing.publish(first.scope), other.publishing.publish(other.scope))

    made = run(both())
    assert len([each for each in made if each is not None]) == 1


def test_certificate_revoked_while_the_crl_is_made_is_in_the_one_after() -> None:
    """A revocation after the entries were read, and before the CRL is published, makes the next round make another."""
    one = replica()
    furnish(one.store, 1, 2, issuer=one.issuer.fingerprint)
    revoke(one.store, 1)
    signer = one.issuer.signer

    class Meanwhile:
        public_key, is_slow = signer.public_key, False

        def sign(self, octets: bytes, algorithm: object) -> bytes:
            revoke(one.store, 2)
            return signer.sign(octets, algorithm)  # type: ignore[arg-type]

    assert run(one.of(Meanwhile()).publish(one.scope)) is not None
    assert one.listed() == [1]
    assert one.round() is not None
    assert one.listed() == [1, 2]


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_signature_is_not_published(fault: str) -> None:
    """Whatever a signer answers, nothing is published that does not verify; the former CRL stays."""
    one = replica(None, issuer_with(WRONG[fault], now=NOW))
    good = replace(one, issuer=one.issuer)

    with pytest.raises(SignerUnavailable):
        good.round()
    with pytest.raises(CRLUnavailable):
        one.published.find(one.scope.id, now=NOW)


def test_former_crl_is_served_until_its_end_and_reported_before() -> None:
    """While the key is away, the former CRL is served until its end. That it is overdue is reported days before."""
    one = replica()
    one.round()
    away = one.of(None)

    assert run(away.publish(one.scope)) is None
    assert one.published.warnings(now=NOW + 4 * DAY) == []
    (warning,) = one.published.warnings(now=NOW + 5 * DAY)
    assert "overdue" in warning
    assert "Issuing" in warning
    assert one.published.find(one.scope.id, now=NOW + 6 * DAY).record.entries == 0
    with pytest.raises(CRLUnavailable):
        one.published.find(one.scope.id, now=NOW + 8 * DAY)
    (warning,) = one.published.warnings(now=NOW + 8 * DAY)
    assert "no longer served" in warning


def test_issuer_without_any_crl_is_reported() -> None:
    """An issuer whose key never signed a CRL is reported a minute after the start; a root that has none is not."""
    one = replica()

    assert one.published.warnings(now=NOW + timedelta(seconds=30)) == []
    (warning,) = one.published.warnings(now=NOW + timedelta(minutes=2))
    assert "no CRL of Issuing" in warning


def test_renewed_certificate_of_the_ca_has_the_same_crl() -> None:
    """Where a CA certificate was renewed with its name and key, one CRL lists what both have issued: verifiers use it
    for either.
    """
    key, under = ec.generate_private_key(ec.SECP256R1()), make_root_of(now=NOW)
    former = make_issuer(now=NOW, key=key, under=under, validity=100 * DAY)
    one = replica(None, make_issuer(now=NOW, key=key, under=under), former)
    furnish(one.store, 1, issuer=former.fingerprint)
    furnish(one.store, 2, 3, issuer=one.issuer.fingerprint)
    revoke(one.store, 1, 2)
    one.round()

    assert [each.issuers for each in one.published.scopes.values() if each.issuers] == [
        (one.issuer.fingerprint, former.fingerprint)
    ]
    assert one.listed() == [1, 2]
    assert one.scope.authority.last == one.issuer.authority.last


def test_start_replaces_the_crl_once() -> None:
    """After a start the CRL is made anew, with a higher number: the database may come from a backup."""
    one = replica()
    before = one.round()
    again = one.of(one.issuer.signer, started=NOW + timedelta(hours=1))
    after = run(again.publish(one.scope))

    assert before is not None
    assert after is not None
    assert after.number > before.number
    assert run(again.publish(one.scope)) is None


def test_start_leaves_the_key_of_the_root_alone() -> None:
    """A start does not replace the root's CRL, and does not look for the root's key, until half of the CRL is over."""
    one = replica()
    root = next(each for each in one.published.scopes.values() if not each.issuers)
    asked: list[int] = []

    def find() -> None:
        asked.append(1)

    def started(at: datetime) -> CRLPublishing:
        return CRLPublishing(one.store, one.published, {root.id: find}, SCHEDULE, SCHEDULE, at)

    run(started(NOW).publish(root))
    assert asked == [1]
    record = first(root.id, now=NOW)
    run(one.store.transaction(lambda tx: tx.crls.claim(record, now=tx.now, before=tx.now)))
    made = replace(record, number=1, next_update=NOW + 7 * DAY)
    assert run(one.store.transaction(lambda tx: tx.crls.publish(made, b"", after=0)))

    assert run(started(NOW + timedelta(hours=1)).publish(root)) is None
    assert asked == [1]


def test_lower_number_is_not_served_after_a_restore() -> None:
    """When a database is put back under a running process, the process goes on serving what it has, and the next CRL
    has a higher number than any before.
    """
    one = replica()
    furnish(one.store, 1, 2, issuer=one.issuer.fingerprint)
    one.round()
    backup = one.store._tables.copy()  # noqa: SLF001 - as a backup is taken
    for number in (1, 2):
        revoke(one.store, number)
        newest = one.round()
    assert newest is not None
    one.store._tables = backup  # noqa: SLF001 - and put back

    assert one.listed() == [1, 2]
    restored = one.round()
    assert restored is not None
    assert restored.number > newest.number


def test_scopes_are_those_of_issuers_and_roots() -> None:
    """Each issuer and each root has a scope; what is none of them is unknown."""
    one = replica(None, make_issuer(now=NOW), make_issuer(now=NOW, common_name="Former"))

    found = scopes(one.issuers.records)
    assert sorted(each.title for each in found.values()) == ["Former", "Issuing", "Root", "Root"]
    with pytest.raises(CRLUnknown):
        one.published.find(bytes(32), now=NOW)
