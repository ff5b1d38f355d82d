"""Turns among the processes that write to one SQLite file.

SQLite lets whoever comes at the right moment write. A writer that finds the file locked sleeps, ever longer, and
meanwhile the one that has just written writes again: of two processes that are both busy one waited two seconds. So
each asks for the next turn before it asks for the file, and whoever has the turn is the only one to ask.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

# Seconds between two looks whether the turn is free, and those after which it goes on without: turns make waiting
# fair, and SQLite's own lock makes writing right.
LOOK_SECONDS = 0.0003
PATIENCE_SECONDS = 0.25


class Turn:
    """Held around the beginning of a transaction that writes. One thread uses it."""

    def __init__(self, path: Path) -> None:
        """The file is made when it is first wanted; it ends with the process that holds it, however that ends."""
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        """Wait for the turn, but not for ever."""
        with suppress(OSError):  # a disk that is full or read-only
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(self._path, flags, 0o600)
            end = time.monotonic() + PATIENCE_SECONDS
            while not self._taken() and time.monotonic() < end:
                time.sleep(LOOK_SECONDS)

    def __exit__(self, *_: object) -> None:
        """Let the next have it."""
        if self._descriptor is not None:
            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _taken(self) -> bool:
        if self._descriptor is None:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
