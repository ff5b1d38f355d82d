"""Days as date fields send them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.domain.refusals.objects import InvalidData
from connector.web.console.lists import days_of

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-27", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("1970-01-01", 24)]
)
def test_day_is_the_readers(day: str, hours: int) -> None:
    """A day begins and ends at midnight where the reader is, and has 23 or 25 hours when the clocks change there."""
    first, end = days_of({"from": day, "until": day}, BERLIN)
    assert first is not None
    assert end is not None
    assert first.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") == f"{day} 00:00"
    assert end - first == timedelta(hours=hours)


def test_days_are_utc_without_a_zone() -> None:
    """Where the browser says no zone, days are UTC; a field that is empty limits nothing."""
    assert days_of({"from": "2026-11-27", "until": ""}, UTC) == (datetime(2026, 11, 27, tzinfo=UTC), None)


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "1969-12-31", "2026-02-30", "27.11.2026", "x" * 100])
@pytest.mark.parametrize("name", ["from", "until"])
def test_what_is_no_date_is_refused(name: str, text: str) -> None:
    """Another form, a day that there is not, and years at whose ends no clock goes on."""
    with pytest.raises(InvalidData, match="use a date such as"):
        days_of({name: text}, BERLIN)
