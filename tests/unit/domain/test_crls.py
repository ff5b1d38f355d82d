from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connector.domain.crls import BEGINNING, CRLRecord, CRLSchedule, first, is_time, successor

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHEDULE = CRLSchedule(validity=168 * HOUR, interval=24 * HOUR)
LAST = NOW + 10_000 * HOUR
SCOPE = bytes(32)


def following(record: CRLRecord, now: datetime, *, is_scheduled: bool = True, last: datetime = LAST) -> CRLRecord:
    return successor(record, SCHEDULE, now=now, last=last, is_scheduled=is_scheduled)


def test_scope_without_a_crl_gets_one_at_once() -> None:
    """The first CRL is due at once, and lists whatever was ever revoked."""
    record = first(SCOPE, now=NOW)

    assert is_time(record, SCHEDULE, now=NOW, last=LAST)
    assert following(record, NOW).since == BEGINNING


def test_crl_is_due_after_its_interval_and_before_half_of_its_validity() -> None:
    """It is replaced after the interval, even if others were made in between; never later than half of the validity."""
    record = following(first(SCOPE, now=NOW), NOW)
    between = following(record, NOW + 20 * HOUR, is_scheduled=False)
    rare = CRLSchedule(validity=10 * HOUR, interval=9 * HOUR)
    short = successor(record, rare, now=NOW, last=LAST, is_scheduled=True)

    assert not is_time(record, SCHEDULE, now=NOW + 23 * HOUR, last=LAST)
    assert is_time(record, SCHEDULE, now=NOW + 24 * HOUR, last=LAST)
    assert is_time(between, SCHEDULE, now=NOW + 24 * HOUR, last=LAST)
    assert not is_time(short, rare, now=NOW + 4 * HOUR, last=LAST)
    assert is_time(short, rare, now=NOW + 5 * HOUR, last=LAST)


def test_crl_ends_with_its_issuer() -> None:
    """No CRL is valid for longer than its issuer; towards the end there is one for each interval, not more and more."""
    last = NOW + 2 * HOUR
    record = following(first(SCOPE, now=NOW), NOW, last=last)

    assert record.next_update == last
    assert not is_time(record, SCHEDULE, now=NOW + HOUR + HOUR / 2, last=last)


def test_crl_from_the_future_is_replaced() -> None:
    """When a clock that was ahead is set back, the CRL that nobody accepts is replaced; the new one lists all."""
    ahead = NOW + 9000 * HOUR
    record = following(following(first(SCOPE, now=NOW), ahead), ahead + 24 * HOUR)
    assert record.since == ahead

    assert is_time(record, SCHEDULE, now=NOW, last=LAST)
    again = following(record, NOW)
    assert again.since == BEGINNING
    assert again.scheduled_at == NOW
    assert again.number == record.number + 1


@given(
    steps=st.lists(st.tuples(st.integers(1, 400_000), st.booleans()), min_size=1, max_size=40),
    expiry=st.integers(0, 4_000_000),
)
def test_expired_certificate_leaves_after_a_scheduled_crl_has_listed_it(
    steps: list[tuple[int, bool]], expiry: int
) -> None:
    """RFC 5280 3.3: a certificate that expired is still listed by the next scheduled CRL after its expiry, and by all
    before that; after the scheduled one behind that it is gone. Numbers only grow.
    """
    not_after = NOW + timedelta(seconds=expiry)
    record, now = following(first(SCOPE, now=NOW), NOW), NOW
    was_listed_after_expiry, scheduled_without = False, 0
    for seconds, is_scheduled in steps:
        now += timedelta(seconds=seconds)
        following_one = following(record, now, is_scheduled=is_scheduled)
        assert following_one.number > record.number
        record = following_one
        is_listed = not_after >= record.since
        assert is_listed or was_listed_after_expiry
        if now > not_after and is_scheduled:
            was_listed_after_expiry = was_listed_after_expiry or is_listed
            scheduled_without += 1
        assert not is_listed or scheduled_without <= 1 or now <= not_after


def test_number_grows_where_the_newest_crl_is_unknown() -> None:
    """A restored database does not know the newest CRLs. The number is the time, so the next one is higher."""
    restored = following(first(SCOPE, now=NOW), NOW)
    lost = restored
    for hour in range(1, 100):
        lost = following(lost, NOW + hour * HOUR, is_scheduled=False)

    assert following(restored, NOW + 100 * HOUR).number > lost.number


def test_crl_is_overdue_well_before_its_end() -> None:
    """What should have been replaced is reported while verifiers still accept it."""
    record = following(first(SCOPE, now=NOW), NOW)

    assert not record.is_overdue(now=NOW + 84 * HOUR)
    assert record.is_overdue(now=NOW + 101 * HOUR)
    assert record.is_fresh(now=NOW + 168 * HOUR)
    assert not record.is_fresh(now=NOW + 169 * HOUR)
