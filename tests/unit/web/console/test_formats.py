"""How times, lengths of time, numbers and sizes are written."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.web.console.formats import ago, exact, grouped, size, spoken

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (90 * DAY - SECOND, "in 90 days"),
        (DAY, "in 1 day"),
        (90 * SECOND, "in 2 minutes"),
        (timedelta(0), "just now"),
        (-59 * SECOND, "59 seconds ago"),
        (-2 * DAY + SECOND, "1 day ago"),
    ],
)
def test_times_ahead_are_rounded_and_times_past_are_whole(at: timedelta, text: str) -> None:
    """A certificate that was issued for 90 days just now ends in 90 days, not in 89."""
    assert ago(NOW + at, NOW) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [(90 * DAY, "90 days"), (DAY, "1 day"), (28 * timedelta(hours=1), "28 hours"), (61 * SECOND, "61 seconds")],
)
def test_lengths_are_told_exactly(length: timedelta, text: str) -> None:
    """In the largest unit of which the length is a whole number."""
    assert spoken(length) == text


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (4 << 20, "4.0 MiB")]
)
def test_sizes_are_told_in_binary_units(octets: int, text: str) -> None:
    """In the largest unit that the size fills."""
    assert size(octets) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1\u202f000"), (1_234_567, "1\u202f234\u202f567")]
)
def test_numbers_are_grouped_everywhere_alike(number: int, text: str) -> None:
    """Digits are in groups of three, which no line break separates."""
    assert grouped(number) == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2026-01-01 00:00:00 UTC"),
        ("Europe/Berlin", "2026-01-01 01:00:00 CET"),
        ("America/New_York", "2025-12-31 19:00:00 EST"),
    ],
)
def test_times_say_their_zone(zone: str, text: str) -> None:
    """A time is written in the reader's zone, and says which one that is."""
    assert exact(NOW, NOW.astimezone(ZoneInfo(zone))) == text
