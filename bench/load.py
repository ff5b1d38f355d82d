"""Two ways to load a server: as fast as it answers, and at a pace that does not wait for it."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
C = TypeVar("C")

Do = Callable[[C, T], Awaitable[object]]

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Timing:
    """What a phase took: operations a second, milliseconds of latency (median, 99th of a hundred)."""

    operations: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds


async def closed(items: Sequence[T], connections: Sequence[C], do: Do[C, T]) -> Timing:
    """Do all items, each connection taking the next one as soon as it is free: what the server can do."""
    latencies: list[float] = []
    waiting = iter(items)

    async def work(connection: C) -> None:
        for item in waiting:
            started = time.perf_counter()
            await do(connection, item)
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(work(connection) for connection in connections))
    return _timing(latencies, time.perf_counter() - started)


async def paced(items: Sequence[T], connections: Sequence[C], do: Do[C, T], per_second: float) -> Timing:
    """Do the items at fixed times, whether or not the server has answered the former ones: what its clients see.

    Each latency counts from the time at which the item was due. If the server or the load generator was late, that
    is in it.
    """
    pace = _Pace(items, do, per_second, deque(connections))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await pace.run()
    return _timing(pace.latencies, time.perf_counter() - pace.started)


@dataclass(slots=True)
class _Pace(Generic[C, T]):
    """The state of one paced phase."""

    items: Sequence[T]
    do: Do[C, T]
    per_second: float
    idle: deque[C]
    latencies: list[float] = field(default_factory=list)
    late: deque[int] = field(default_factory=deque)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    started: float = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        stopped = threading.Event()
        self.started = time.perf_counter() + 0.01

        def finished(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            if done.done() or task.cancelled():
                return
            if (error := task.exception()) is not None:
                done.set_exception(error)
            elif len(self.latencies) == len(self.items):
                done.set_result(None)

        def launch(number: int) -> None:
            if not self.idle:
                self.late.append(number)
                return
            task = loop.create_task(self._work(self.idle.popleft(), number))
            self.tasks.add(task)
            task.add_done_callback(finished)

        def remind() -> None:
            # A thread, because the event loop's own timers go by whole milliseconds.
            for number in range(len(self.items)):
                time.sleep(max(0.0, self._due(number) - time.perf_counter()))
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(launch, number)

        reminder = threading.Thread(target=remind)
        reminder.start()
        try:
            await done
        finally:
            stopped.set()
            await asyncio.to_thread(reminder.join)

    async def _work(self, connection: C, number: int) -> None:
        while True:
            await self.do(connection, self.items[number])
            self.latencies.append(time.perf_counter() - self._due(number))
            if not self.late:
                break
            number = self.late.popleft()
        self.idle.append(connection)

    def _due(self, number: int) -> float:
        return self.started + number / self.per_second


def _timing(latencies: list[float], seconds: float) -> Timing:
    latencies.sort()
    return Timing(
        operations=len(latencies),
        seconds=seconds,
        p50=latencies[len(latencies) // 2] * 1000,
        p99=latencies[len(latencies) * 99 // 100] * 1000,
    )
