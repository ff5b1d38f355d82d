"""Threads that run waiting functions in batches, one transaction for each batch.

A caller on an event loop puts a job into a queue and waits. A worker takes all that wait, up to a limit, runs them, and
wakes their callers after the commit, with one call into each loop: what a batch costs once, its jobs share.
"""

from asyncio import AbstractEventLoop, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, Generic, TypeVar, cast

from connector.domain.audit import Circumstances, Event
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.audit import CIRCUMSTANCES
from connector.storage.transaction import SqlTransaction

T = TypeVar("T")

Tell = Callable[[Event], None]
"""Gets each event that was recorded, after its commit."""


def silent(_: Event) -> None:
    """Tell nobody."""


class Job(Generic[T]):
    """A function that waits for its transaction, then its outcome: an error, or a result and the recorded events."""

    __slots__ = ("circumstances", "error", "events", "function", "future", "loop", "result")

    def __init__(self, function: Callable[[SqlTransaction], T]) -> None:
        self.function = function
        self.loop = get_running_loop()
        self.future: Any = self.loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.circumstances: Circumstances | None = CIRCUMSTANCES.get()
        self.events: Sequence[Event] = ()

    async def outcome(self) -> T:
        """The function's result once it is committed, or whatever it or the database raised."""
        await self.future
        # The future only wakes: it could not carry a StopIteration, and would warn of errors that nobody fetched.
        return self.found()

    def found(self) -> T:
        """The function's result, or whatever it or the database raised. The job has run."""
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


class Queue:
    """Jobs in the order in which they came, up to a limit.

    A worker is woken once for all jobs of one round of the event loop: a round ends before the worker could have begun
    anyway, since the loop holds the interpreter's lock, and to ring for each job costs more than the job's statements.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: deque[Job[Any]] = deque()
        self._changed = Condition()
        self._ringing: set[AbstractEventLoop] = set()
        self._closed = False

    def put(self, job: Job[Any]) -> None:
        """Add a job.

        Raises:
            StorageUnavailable: too many wait already, or the queue is closed.
        """
        with self._changed:
            if self._closed or len(self._jobs) >= self._limit:
                raise StorageUnavailable
            self._jobs.append(job)
        if job.loop not in self._ringing:
            self._ringing.add(job.loop)
            job.loop.call_soon(self._ring, job.loop)

    def _ring(self, loop: AbstractEventLoop) -> None:
        self._ringing.discard(loop)
        with self._changed:
            self._changed.notify()

    def take(self, most: int) -> Sequence[Job[Any]]:
        """Wait for jobs, and take up to that number; none when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            taken = [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]
            if self._jobs:
                self._changed.notify()  # the others are for the next worker
            return taken

    def close(self) -> None:
        """Take no more jobs. Those that wait are still run."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Worker(Thread):
    """Takes batches out of a queue, until it is closed and empty.

    ``run`` gives every job of a batch its result or its error, and raises nothing; ``end`` is called at the end.
    ``tell`` gets the events of a batch before its callers are woken. The thread is a daemon: acknowledged writes are on
    disk already, so a process may end without asking it.
    """

    def __init__(
        self,
        name: str,
        queue: Queue,
        batch: int,
        *,
        run: Callable[[Sequence[Job[Any]]], None],
        end: Callable[[], None],
        tell: Tell = silent,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._queue = queue
        self._batch = batch
        self._run = run
        self._end = end
        self._tell = tell
        self.start()

    def run(self) -> None:
        """Work until there is no more to do."""
        while batch := self._queue.take(self._batch):
            # A caller that has gone away meanwhile wants nothing done.
            self._run([job for job in batch if not job.future.cancelled()])
            for event in (event for job in batch if job.error is None for event in job.events):
                with suppress(Exception):  # a log that fails must not end the thread that writes
                    self._tell(event)
            _wake(batch)
        self._end()


def _wake(batch: Sequence[Job[Any]]) -> None:
    by_loop: dict[AbstractEventLoop, list[Job[Any]]] = {}
    for job in batch:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and with it everybody who waited there
            loop.call_soon_threadsafe(_set, jobs)


def _set(jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_result(None)
