"""Staying: until a signal ends it, with waits that systemd hears of."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from connector.agent.notify import notify, watchdog_seconds

SHORTEST_WAIT = 1.0


@dataclass(slots=True)
class Stay:
    """Goes on until SIGTERM or SIGINT; SIGHUP ends the wait that it meets."""

    is_over: bool = False
    _wake: threading.Event = field(default_factory=threading.Event)

    def run(self, cycle: Callable[[], float], event: Callable[..., None], directory: Path) -> None:
        """Do the cycle again and again, each time after the seconds that it returns, until stopped."""
        event("agent.started", directory=str(directory))
        while not self.is_over:
            self._wait(cycle())
        notify("STOPPING=1")
        event("agent.stopped")

    def begin(self) -> None:
        """Heed the signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        signal.signal(signal.SIGHUP, lambda *_: self._wake.set())

    def _wait(self, seconds: float) -> None:
        """Wait, and say meanwhile that we are alive."""
        end = time.monotonic() + max(seconds, SHORTEST_WAIT)
        beat = watchdog_seconds()
        while (left := end - time.monotonic()) > 0 and not self._wake.wait(min(left, beat or left)):
            notify("WATCHDOG=1")
        notify("WATCHDOG=1")
        if self._wake.is_set():
            self._wake.clear()

    def _end(self) -> None:
        self.is_over = True
        self._wake.set()
