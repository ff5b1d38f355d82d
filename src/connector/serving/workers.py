"""Several worker processes on the same listening sockets, and the parent that watches over them.

The parent has neither an event loop nor a thread, so that it may fork at any time. A line, a pair of sockets, joins it
to each worker: the worker says that it listens, the parent that it should stop, and either learns from the line's end
that the other is no more.
"""

import asyncio
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from connector.serving.listeners import BoundListener
from connector.serving.loads import Loads
from connector.system import telemetry

# A worker that ends sooner than this after its start ended quickly. The first time it is started again at once, then
# after a pause, then after twice as long. After this many times nobody expects the next to be better.
QUICK_SECONDS = 5.0
PAUSE = 0.1
MOST_QUICK_ENDS = 7

# Seconds that workers have beyond the grace before they are killed.
PATIENCE = 5.0

# Seconds to finish what was asked when the parent is gone: whoever starts the server again waits for them.
ORPHAN_SECONDS = 1.0

READY, STOP, HURRY = b"r", b"s", b"h"

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class WorkersError(Exception):
    """The workers cannot be kept running."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process. ``number`` counts from 1; the replacement of a dead worker has its number."""

    number: int
    line: socket.socket

    def ready(self) -> None:
        """Tell the parent that this worker serves."""
        with suppress(OSError):
            self.line.send(READY)

    def obey(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        """Set the events as the parent says; without a parent, stop, and soon hurry."""
        loop = asyncio.get_running_loop()

        def heard() -> None:
            try:
                said = self.line.recv(16)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            stop.set()
            if HURRY in said:
                hurry.set()
            if not said:
                loop.remove_reader(self.line)
                loop.call_later(ORPHAN_SECONDS, hurry.set)

        self.line.setblocking(False)  # noqa: FBT003 - there is no keyword for it
        loop.add_reader(self.line, heard)


def work(
    workers: int,
    run: Callable[[Worker], None],
    *,
    bound: Sequence[BoundListener],
    loads: Sequence[Loads] = (),
    grace: float,
    ready: Callable[[], None],
) -> None:
    """Keep that number of workers running until SIGTERM or SIGINT comes; then let them finish, and return.

    A worker that ends is started anew. To be called where there is no other thread and no event loop.

    Args:
        workers: how many.
        run: the work of a worker, in a process of its own, until it is stopped.
        bound: the sockets that all of them serve; they listen when this returns or a worker runs.
        loads: where workers tell how many connections they have.
        grace: what the workers have to finish, in seconds. A second signal ends it at once.
        ready: called once every worker serves.

    Raises:
        ListenerError: somebody else listens there.
        WorkersError: one of them ended again and again as soon as it was started.
    """
    try:
        for one in bound:
            one.listen()
        with _heard() as signals:
            _Parent(workers, run, signals=signals, shared=_Shared(bound, loads), grace=grace, ready=ready).watch()
    finally:
        for one in bound:
            one.close()


@dataclass(slots=True)
class _Running:
    """A worker process as its parent sees it."""

    number: int
    pid: int
    line: socket.socket
    started: float
    ready: bool = False


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all workers have in common."""

    bound: Sequence[BoundListener]
    loads: Sequence[Loads]


class _Parent:
    def __init__(
        self,
        workers: int,
        run: Callable[[Worker], None],
        *,
        signals: socket.socket,
        shared: _Shared,
        grace: float,
        ready: Callable[[], None],
    ) -> None:
        self._run = run
        self._signals = signals
        self._bound = shared.bound
        self._loads = shared.loads
        self._grace = grace
        self._ready: Callable[[], None] | None = ready
        self._due = dict.fromkeys(range(1, workers + 1), 0.0)  # when each is to be started
        self._running: dict[int, _Running] = {}
        self._quick_ends = dict.fromkeys(self._due, 0)
        self._kill_at: float | None = None
        self._failure: str | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(signals, selectors.EVENT_READ)
        self._log = telemetry.logger()

    def watch(self) -> None:
        """Start workers and watch over them until all have stopped."""
        try:
            self._watch()
        finally:
            self._kill()  # of whom there is none, unless something went wrong here
            self._selector.close()
        if self._failure is not None:
            raise WorkersError(self._failure)

    def _watch(self) -> None:
        while self._running or self._due:
            self._start_due()
            heard = [key.fileobj for key, _ in self._selector.select(self._pause())]
            # First what was asked, then who ended: a signal may have gone to every process, and is no reason to start.
            if self._signals in heard:
                for number in self._signals.recv(64):
                    self._obey(signal.Signals(number))
            for worker in [one for one in self._running.values() if one.line in heard]:
                self._hear(worker)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill()

    @property
    def _stopping(self) -> bool:
        return self._kill_at is not None

    def _pause(self) -> float | None:
        times = list(self._due.values())
        if self._kill_at is not None:
            times.append(self._kill_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start_due(self) -> None:
        for number, at in list(self._due.items()):
            if at <= time.monotonic():
                del self._due[number]
                self._start(number)

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        # In the new process a signal would still go the parent's way, and count there as a second one.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = -1
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            self._log.error("worker.not_started", worker=number, reason=str(error))
            self._start_later(number)
            return
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        if pid == 0:
            ours.close()
            self._become(Worker(number, theirs), unblocked)
        theirs.close()
        self._running[number] = _Running(number, pid, ours, time.monotonic())
        self._selector.register(ours, selectors.EVENT_READ)
        self._log.info("worker.started", worker=number, pid=pid)

    def _become(self, worker: Worker, unblocked: Iterable[int]) -> None:
        """In the new process: forget what is the parent's, run, and end. Never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                # Until the event loop listens to them: who hangs up ends nobody.
                signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            self._signals.close()
            self._selector.close()
            for other in self._running.values():
                other.line.close()
            self._run(worker)
            status = 0
        except Exception as error:  # noqa: BLE001 - this is the end of the process; its parent says how it ended
            self._log.error("worker.failed", reason=str(error) or type(error).__name__, exc_info=error)
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _obey(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            for worker in self._running.values():
                if worker.ready:
                    os.kill(worker.pid, signal.SIGHUP)
        elif self._stopping:
            self._say(HURRY)
            self._kill_at = time.monotonic() + PATIENCE
        else:
            self._stop()

    def _stop(self) -> None:
        self._kill_at = time.monotonic() + self._grace + PATIENCE
        self._due.clear()
        # With the last of the workers' own the sockets are then gone, and nobody waits at them in vain.
        for one in self._bound:
            one.close()
        self._say(STOP)

    def _say(self, word: bytes) -> None:
        for worker in self._running.values():
            with suppress(OSError):  # it has ended; its line will tell
                worker.line.send(word)

    def _kill(self) -> None:
        for worker in self._running.values():
            self._log.error("worker.killed", worker=worker.number, pid=worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
        self._kill_at = time.monotonic() + PATIENCE

    def _hear(self, worker: _Running) -> None:
        try:
            said = worker.line.recv(16)
        except OSError:
            said = b""
        if not said:
            self._bury(worker)
            return
        worker.ready = True
        everybody = not self._due and all(one.ready for one in self._running.values())
        if everybody and self._ready is not None:
            ready, self._ready = self._ready, None
            ready()

    def _bury(self, worker: _Running) -> None:
        """Its line has ended, and so has the worker: nothing else closes its side."""
        self._selector.unregister(worker.line)
        worker.line.close()
        del self._running[worker.number]
        for one in self._loads:
            one.of(worker.number).leave()
        _, status = os.waitpid(worker.pid, 0)
        how = _how(os.waitstatus_to_exitcode(status))
        if self._stopping:
            self._log.info("worker.ended", worker=worker.number, pid=worker.pid, how=how)
            return
        self._log.error("worker.ended", worker=worker.number, pid=worker.pid, how=how)
        if time.monotonic() - worker.started >= QUICK_SECONDS:
            self._quick_ends[worker.number] = 0
        self._start_later(worker.number, how)

    def _start_later(self, number: int, how: str = "before it began") -> None:
        ends = self._quick_ends[number] = self._quick_ends[number] + 1
        if ends >= MOST_QUICK_ENDS:
            self._failure = (
                f"Worker {number} ended {ends} times in a row within {QUICK_SECONDS:.0f} s of its start, the last time "
                f"{how}. See the log for the reason."
            )
            self._stop()
            return
        pause = PAUSE * 2 ** (ends - 2) if ends > 1 else 0.0
        self._due[number] = time.monotonic() + pause


def _how(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with status {code}"


@contextmanager
def _heard() -> Iterator[socket.socket]:
    """Where the signals come in, as octets, one for each."""
    reading, writing = socket.socketpair()
    for one in (reading, writing):
        one.setblocking(False)  # noqa: FBT003 - there is no keyword for it
    former = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    descriptor = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in former.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()
