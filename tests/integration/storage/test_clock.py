"""The clock of a database's server, read from time to time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.storage.clock import OLD_SECONDS, SLOW_SECONDS, ServerClock

THERE = datetime(2030, 1, 1, tzinfo=UTC)


class Stopwatch:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def asking(self, found: datetime, takes: float) -> datetime:
        self.seconds += takes
        return found


def test_nobody_was_asked() -> None:
    """Until a server is asked, the time is our own."""
    clock = ServerClock()

    before = datetime.now(UTC)
    assert before <= clock() <= datetime.now(UTC)
    assert clock.is_old


@given(takes=st.floats(0, 10), passes=st.floats(0, 1e6))
def test_a_reading_is_carried_on(takes: float, passes: float) -> None:
    """What the server said holds half-way between question and answer, and goes on from there as time passes."""
    watch = Stopwatch()
    clock = ServerClock(monotonic=watch)
    clock.read(lambda: watch.asking(THERE, takes))
    watch.seconds += passes

    assert abs(clock() - THERE - timedelta(seconds=takes / 2 + passes)) < timedelta(milliseconds=1)
    assert clock().tzinfo is UTC


@pytest.mark.parametrize(("takes", "shown"), [(SLOW_SECONDS / 2, 100), (SLOW_SECONDS * 2, 0)])
def test_a_slow_answer_changes_nothing(takes: float, shown: int) -> None:
    """An answer that took long is worth less than the reading before; one that came at once replaces it."""
    watch = Stopwatch()
    clock = ServerClock(monotonic=watch)
    clock.read(lambda: THERE)
    clock.read(lambda: watch.asking(THERE + timedelta(seconds=100), takes))

    assert round((clock() - THERE).total_seconds()) == shown


def test_a_reading_grows_old() -> None:
    """After a minute the server should be asked again."""
    watch = Stopwatch()
    clock = ServerClock(monotonic=watch)
    clock.read(lambda: THERE)

    assert not clock.is_old
    watch.seconds += OLD_SECONDS
    assert clock.is_old
