"""Callers without a credential are refused at once a few times, and then as fast as a pace allows."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from connector.web.throttle import MOST_SOURCES, network

A_SECOND = 50
AT_ONCE = 10
"""Refusals of one address that no pace holds back, in each process."""
LONGEST_SECONDS = 2.0


@dataclass(slots=True)
class Patience:
    """The pace of refusals for each address.

    A refusal costs half a millisecond, and whoever gets it may ask again at once: eight connections that do nothing
    else would take a third of what others could have signed. A wait costs nothing. An honest caller without a
    credential is refused once. ``a_second`` is this process's share of all workers' pace.
    """

    a_second: int = A_SECOND
    clock: Callable[[], float] = monotonic
    most: int = MOST_SOURCES
    _due: OrderedDict[str, float] = field(default_factory=OrderedDict)

    async def wait(self, source: str | None) -> None:
        """Wait until this address is to be refused once more, two seconds at most."""
        seconds = self.reserve(source)
        if seconds > 0:
            await asyncio.sleep(seconds)

    def reserve(self, source: str | None) -> float:
        """Take the next place in the pace of this address; in how many seconds it comes."""
        key, now, pause = network(source), self.clock(), 1 / self.a_second
        due = max(self._due.get(key, 0.0), now - AT_ONCE * pause) + pause
        self._due[key] = due = min(due, now + LONGEST_SECONDS)
        self._due.move_to_end(key)
        if len(self._due) > self.most:
            self._due.popitem(last=False)
        return due - now
