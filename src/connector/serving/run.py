"""Serving all listeners in one event loop, until stopped."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from connector.serving.descriptors import fit, raise_limit
from connector.serving.listeners import Listener, Serving
from connector.serving.memory import Memory

# Seconds between two looks at every connection's times; how late one of them may be noticed.
TICK = 0.5
DRAIN_TICK = 0.05

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    listeners: Sequence[Listener],
    *,
    grace: float = 10.0,
    memory: Memory | None = None,
    ready: Callable[[], None],
    stop: asyncio.Event,
    hurry: asyncio.Event | None = None,
) -> None:
    """Serve until ``stop`` is set or SIGTERM or SIGINT comes; then finish what was asked, and return.

    Where the system allows fewer open files than the listeners' limits need, the limits are lowered.

    Args:
        grace: the most seconds that finishing takes. A second signal ends it at once.
        memory: what all their connections may hold.
        ready: called once every listener listens.
        stop: set by somebody else, or by the first signal.
        hurry: if given, it alone ends the grace, and no second signal does: one may come from each of several sides.

    Raises:
        ListenerError: one of them cannot listen, or there are too few open files; none is left listening or bound.
    """
    hurried = hurry or asyncio.Event()
    memory = memory or Memory()
    serving: list[Serving] = []
    try:
        limits = fit([listener.limits for listener in listeners], raise_limit())
        for listener, limit in zip(listeners, limits, strict=True):
            serving.append(Serving(replace(listener, limits=limit), memory))
        async with _stopped_by_signals(stop, hurried if hurry is None else None):
            for one in serving:
                one.tick()
                one.start()
            ready()
            while not stop.is_set():
                await _wait(stop, TICK)
                for one in serving:
                    one.tick()
                memory.tidy(asyncio.get_running_loop().time())
            await _drain(serving, grace, hurried)
    finally:
        for one in serving:
            await one.abort()
        for listener in listeners:
            listener.bound.close()


async def _drain(serving: Sequence[Serving], grace: float, hurry: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + grace
    while True:
        drained = [one.drain() for one in serving]
        if all(drained) or loop.time() >= end or hurry.is_set():
            return
        await _wait(hurry, DRAIN_TICK)
        for one in serving:
            one.tick()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


@asynccontextmanager
async def _stopped_by_signals(stop: asyncio.Event, second: asyncio.Event | None) -> AsyncIterator[None]:
    def received() -> None:
        if stop.is_set() and second is not None:
            second.set()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
