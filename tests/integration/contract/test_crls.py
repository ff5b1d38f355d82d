"""CRLs and what they list, over every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import NOW, certificate, digest, tenant

from connector.domain.certificates import RevocationReason
from connector.domain.crls import CRLRecord, Revocation, first
from connector.ports.certificates import CertificateFilter

DAY = timedelta(days=1)
SCOPE = b"\1" * 32
OTHER = b"\2" * 32
RECORD = CRLRecord(SCOPE, 1_795_000_000, NOW, NOW + 7 * DAY, NOW - DAY, NOW, 2)
ISSUER = certificate().issuer


def publish(stored: Stored, record: CRLRecord, octets: bytes, after: int) -> bool:
    return stored.write(lambda tx: tx.crls.publish(record, octets, after=after))


def claim(stored: Stored, record: CRLRecord, at: timedelta = timedelta()) -> bool:
    now = NOW + at
    return stored.write(lambda tx: tx.crls.claim(record, now=now, before=now - timedelta(seconds=40)))


@pytest.fixture
def published(stored: Stored) -> Stored:
    """A store in which one scope has a CRL."""
    assert claim(stored, first(SCOPE, now=NOW))
    assert publish(stored, RECORD, b"a CRL", 0)
    return stored


def test_scope_has_no_crl_until_one_is_published(stored: Stored) -> None:
    """A claim alone is not listed, and has no octets."""
    assert claim(stored, first(SCOPE, now=NOW))

    assert list(stored.read(lambda tx: tx.crls.list())) == []
    assert stored.read(lambda tx: tx.crls.octets(SCOPE, 0)) is None


def test_published_crl_is_found_as_it_was_given(published: Stored) -> None:
    """Every field and octet comes back; of another number or scope there is nothing."""
    assert list(published.read(lambda tx: tx.crls.list())) == [RECORD]
    assert published.read(lambda tx: tx.crls.octets(SCOPE, RECORD.number)) == b"a CRL"
    assert published.read(lambda tx: tx.crls.octets(SCOPE, RECORD.number + 1)) is None
    assert published.read(lambda tx: tx.crls.octets(OTHER, RECORD.number)) is None


def test_crl_replaces_the_one_that_it_follows(published: Stored) -> None:
    """One that follows another number than the newest is not published: of two that follow one, the first stays."""
    second, late = (replace(RECORD, number=RECORD.number + step, entries=step) for step in (1, 2))

    assert publish(published, second, b"second", RECORD.number)
    assert not publish(published, late, b"late", RECORD.number)
    assert list(published.read(lambda tx: tx.crls.list())) == [second]
    assert published.read(lambda tx: tx.crls.octets(SCOPE, second.number)) == b"second"


def test_one_caller_has_the_claim(published: Stored) -> None:
    """A claim is refused to others until it is old, lies in the future, or the CRL is published."""
    assert claim(published, RECORD)
    assert not claim(published, RECORD, timedelta(seconds=39))
    assert claim(published, RECORD, timedelta(seconds=41))
    assert claim(published, RECORD, timedelta(seconds=-1))
    following = replace(RECORD, number=RECORD.number + 1)
    assert publish(published, following, b"following", RECORD.number)
    assert not claim(published, RECORD, timedelta(days=1))
    assert claim(published, following)
    assert claim(published, first(OTHER, now=NOW))


def revoked(stored: Stored) -> None:
    """Five certificates: two that are listed, one that is good, one that expired, one of another issuer."""

    def furnish(tx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - a transaction
        tx.tenants.add(tenant())
        for number in (1, 2, 3):
            tx.inventory.add(certificate(number))
        tx.inventory.add(certificate(4, not_after=NOW - DAY))
        tx.inventory.add(certificate(5, issuer=digest(99)))
        for number in (1, 2, 4, 5):
            which = CertificateFilter(tenant().id, fingerprint=digest(number))
            reason = RevocationReason.KEY_COMPROMISE if number == 1 else RevocationReason.UNSPECIFIED
            tx.inventory.revoke(which, reason, now=NOW)

    stored.write(furnish)


def test_revoked_certificates_of_an_issuer_are_listed(stored: Stored) -> None:
    """Those that were valid at the given time or later, with their reasons; the end of validity is inclusive."""
    revoked(stored)
    end = certificate().not_after

    found = stored.read(lambda tx: tx.crls.revocations(ISSUER, since=NOW, after=None, most=10))
    assert list(found) == [
        Revocation(end, "1", NOW, RevocationReason.KEY_COMPROMISE),
        Revocation(end, "2", NOW, RevocationReason.UNSPECIFIED),
    ]
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=NOW)) == 2
    assert stored.read(lambda tx: tx.crls.count([ISSUER, digest(99)], since=end)) == 3
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=NOW - DAY)) == 3
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=end + timedelta(microseconds=1))) == 0
    assert stored.read(lambda tx: tx.crls.count([], since=NOW)) == 0


def test_pages_hold_each_revocation_once(stored: Stored) -> None:
    """Page after page, nothing is missing and nothing comes twice, also where many end at one time."""
    revoked(stored)
    seen, place = [], None
    while page := stored.read(
        lambda tx, place=place: tx.crls.revocations(ISSUER, since=NOW - DAY, after=place, most=1)
    ):
        seen += page
        place = (page[-1].not_after, page[-1].serial)

    assert [each.serial for each in seen] == ["4", "1", "2"]
