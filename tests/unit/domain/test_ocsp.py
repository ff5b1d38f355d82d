from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.ocsp import Period, is_responder_due, period

NOW = datetime(2026, 11, 27, 12, 0, 0, 654321, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST, LAST = NOW - DAY, NOW + DAY


def test_answer_holds_for_its_validity_and_no_longer_than_its_responder() -> None:
    """An answer begins now, in whole seconds, and ends before the certificate of its responder does."""
    begin = NOW.replace(microsecond=0)

    assert period(now=NOW, validity=5 * MINUTE, last=LAST) == Period(begin, begin + 5 * MINUTE)
    assert period(now=NOW, validity=5 * MINUTE, last=NOW + MINUTE) == Period(begin, NOW + MINUTE)


@pytest.mark.parametrize(
    ("after", "end", "due"),
    [
        (timedelta(hours=23), 10 * DAY, False),
        (timedelta(hours=24), 10 * DAY, True),
        (timedelta(hours=47), timedelta(hours=48), False),
        (timedelta(hours=-1), 10 * DAY, True),
    ],
)
def test_responder_is_replaced_after_half_of_its_time(after: timedelta, end: timedelta, *, due: bool) -> None:
    """It is due after half of its validity, unless it ends with its issuer; and when it is from the future."""
    assert is_responder_due(FIRST, LAST, end=FIRST + end, now=FIRST + after) is due
