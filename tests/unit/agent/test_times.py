"""Durations as people read and write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.agent.times import seconds, spoken, until


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (16063197, "186 days"),
        (90 * 86400 - 5, "90 days"),
    ],
)
def test_a_length_is_said_in_words(length: int, words: str) -> None:
    """The largest unit that counts at least two is used, rounded: a certificate of 90 days ends in 90 days, not 89."""
    assert spoken(timedelta(seconds=length)) == words


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40000)))
def test_a_spoken_length_is_within_a_quarter_of_the_truth(length: timedelta) -> None:
    """Rounding never says something that is far from what is meant."""
    number, unit = spoken(length).split()
    size = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}[unit.removesuffix("s")]
    assert abs(int(number) * size - length.total_seconds()) <= max(0.5, length.total_seconds() / 4)


def test_past_and_future_are_told_apart() -> None:
    """A moment before now is "ago", one after it is "in"."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert until(now + timedelta(hours=3), now) == "in 3 hours"
    assert until(now - timedelta(days=4), now) == "4 days ago"


@pytest.mark.parametrize(
    ("text", "expected"), [("4", 4), ("2.5", 2.5), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("90d", 7776000)]
)
def test_durations_are_read_as_in_the_settings(text: str, expected: float) -> None:
    """What the server's settings take for a duration, the agent's options take too; a number alone is seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-1", "10x", "m10", "1m1h", "inf", "nan", "1e3", "\u06610"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing else is taken for a duration."""
    with pytest.raises(ValueError, match="10m"):
        seconds(text)
