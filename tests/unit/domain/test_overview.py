"""The overview: from when on a certificate should have been renewed."""

from datetime import timedelta

import pytest

from connector.domain.overview import DAY, HOUR, overdue_within


@pytest.mark.parametrize(
    ("validity", "renewal_end", "within"),
    [
        (90 * DAY, 83, 15 * DAY),
        (30 * DAY, 83, 5 * DAY),
        (7 * DAY, 83, 28 * HOUR),
        (HOUR, 83, HOUR),
        (90 * DAY, 99, 21 * HOUR),
    ],
)
def test_certificate_is_overdue_after_its_renewal_window(
    validity: timedelta, renewal_end: int, within: timedelta
) -> None:
    """What is left of the validity when the renewal window closes, in whole days or hours, and never nothing."""
    assert overdue_within(validity, renewal_end=renewal_end) == within
