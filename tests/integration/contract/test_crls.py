"""CRLs and what they list, over every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.contract.conftest import Stored
from tests.support.records import NOW, certificate, digest, tenant

from connector.domain.certificates import RevocationReason
from connector.domain.crls import CRLRecord, Entries, Revocation, first
from connector.pki.crl import entries
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction

DAY = timedelta(days=1)
SCOPE = b"\1" * 32
OTHER = b"\2" * 32
RECORD = CRLRecord(SCOPE, 1_795_000_000, NOW, NOW + 7 * DAY, NOW - DAY, NOW, 2)
ISSUER = certificate().issuer
# Of records that examples of one test share a store with.
_NUMBERS = count(1_000_000)


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


def listed(stored: Stored, since: datetime, *, until: datetime = NOW, most: int = 10) -> tuple[list[bytes], int]:
    """The pages of a CRL of this issuer, and how many entries they have."""
    pages, number, place = [], 0, None
    while True:
        page = stored.read(
            lambda tx, place=place: tx.crls.entries(ISSUER, since=since, until=until, after=place, most=most)
        )
        pages.append(page.octets)
        number += page.number
        place = page.last
        if place is None:
            return pages, number


def encoded(*revocations: Revocation, until: datetime = NOW) -> bytes:
    return entries(revocations, until=until)


def test_revoked_certificates_of_an_issuer_are_listed(stored: Stored) -> None:
    """Those that were valid at the given time or later, with their reasons; the end of validity is inclusive."""
    revoked(stored)
    end = certificate().not_after

    assert listed(stored, NOW) == (
        [
            encoded(
                Revocation(end, "1", NOW, RevocationReason.KEY_COMPROMISE),
                Revocation(end, "2", NOW, RevocationReason.UNSPECIFIED),
            )
        ],
        2,
    )
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=NOW)) == 2
    assert stored.read(lambda tx: tx.crls.count([ISSUER, digest(99)], since=end)) == 3
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=NOW - DAY)) == 3
    assert stored.read(lambda tx: tx.crls.count([ISSUER], since=end + timedelta(microseconds=1))) == 0
    assert stored.read(lambda tx: tx.crls.count([], since=NOW)) == 0


def test_pages_hold_each_revocation_once(stored: Stored) -> None:
    """Page after page, nothing is missing and nothing comes twice, also where many end at one time."""
    revoked(stored)
    reasons = {"4": None, "1": RevocationReason.KEY_COMPROMISE, "2": None}
    single = [encoded(Revocation(NOW, serial, NOW, reason)) for serial, reason in reasons.items()]

    assert listed(stored, NOW - DAY, most=1) == ([*single, b""], 3)
    assert listed(stored, NOW - DAY, most=2) == ([b"".join(single[:2]), single[2]], 3)
    assert listed(stored, NOW - DAY, most=3) == ([b"".join(single), b""], 3)


USUAL = st.integers(1 << 156, (1 << 159) - 1)
revocations = st.builds(
    Revocation,
    st.integers(0, 3).map(lambda days: NOW + days * DAY),
    (USUAL | st.integers(1, (1 << 159) - 1)).map(lambda number: f"{number:x}"),
    st.datetimes(datetime(1970, 1, 1), datetime(2055, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC is given
    st.none() | st.sampled_from(RevocationReason),
)


@given(
    found=st.lists(revocations, max_size=12, unique_by=lambda each: each.serial),
    until=st.just(NOW) | st.just(datetime(2054, 6, 1, 12, tzinfo=UTC)),
    most=st.integers(1, 13),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_database_writes_the_octets_that_the_encoder_writes(
    stored: Stored, found: list[Revocation], until: datetime, most: int
) -> None:
    """For any serial numbers, times and reasons, in any pages, the octets are those of the encoder for the same values
    in order, whose own octets are those of the library (tests/unit/pki/test_crl.py).
    """
    issuer = digest(next(_NUMBERS))

    def furnish(tx: Transaction) -> None:
        for not_after, serial, revoked_at, reason in found:
            made = certificate(
                next(_NUMBERS),
                serial=serial,
                issuer=issuer,
                not_after=not_after,
                revoked_at=revoked_at,
                revocation_reason=reason,
            )
            tx.inventory.add(made)

    stored.write(furnish)
    octets, number, place = b"", 0, None
    while True:
        page = stored.read(
            lambda tx, place=place: tx.crls.entries(issuer, since=NOW, until=until, after=place, most=most)
        )
        octets, number, place = octets + page.octets, number + page.number, page.last
        assert page.number <= most
        if place is None:
            break

    assert octets == entries(sorted(found), until=until)
    assert number == len(found)


@pytest.mark.parametrize(
    "serial",
    ["0", f"{'0' * 39}1", f"{'g' * 40}", f"3{' ' * 38}3", f"8{'0' * 39}", f"{'3' * 42}", f"-{'3' * 39}", "é" * 40],
)
def test_serial_number_that_no_certificate_has_is_listed_exactly_or_not_at_all(stored: Stored, serial: str) -> None:
    """A record whose serial number was damaged stops the CRL; one that only has zeros before it is the number."""
    damaged = certificate(1, serial=serial, revoked_at=NOW, revocation_reason=RevocationReason.UNSPECIFIED)
    stored.write(lambda tx: tx.inventory.add(damaged))

    def read() -> Entries:
        return stored.read(lambda tx: tx.crls.entries(damaged.issuer, since=NOW, until=NOW, after=None, most=10))

    if serial.endswith("01"):
        assert read().octets == encoded(Revocation(NOW, "1", NOW, None))
        return
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        read()
