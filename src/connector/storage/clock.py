"""The time by which all replicas on one database go."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

# The age at which the clock is read again: however inaccurate two clocks are, in a minute they differ by milliseconds.
OLD_SECONDS = 60.0
# A slower answer is less exact than the reading that it would replace.
SLOW_SECONDS = 0.25


@dataclass(slots=True)
class ServerClock:
    """The clock of a database's server as it was read last, carried on by one of ours that nobody sets.

    A token ends at the same moment on every replica, whatever their own clocks say, and none of them jumps. While no
    server was asked, it is our own clock: on SQLite always. Processes that are forked may go on with it.
    """

    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)
    _read: tuple[datetime, float] | None = field(default=None, init=False)

    def __call__(self) -> datetime:
        """The time, UTC-aware."""
        if self._read is None:
            return datetime.now(UTC)
        found, then = self._read
        return found + timedelta(seconds=self.monotonic() - then)

    @property
    def is_old(self) -> bool:
        """Whether the server should be asked again."""
        return self._read is None or self.monotonic() - self._read[1] >= OLD_SECONDS

    def read(self, ask: Callable[[], datetime]) -> None:
        """Ask the server. It is taken to have read its clock half-way between question and answer."""
        asked = self.monotonic()
        found = ask()
        answered = self.monotonic()
        if self._read is None or answered - asked <= SLOW_SECONDS:
            self._read = found.astimezone(UTC), (asked + answered) / 2
