"""Dear answers: of one principal one after another, and of all one at a time.

An answer is made by one thread's work in any case; to make two at once brings nobody anything, and takes twice the
memory.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from connector.domain.refusals.quotas import RateLimited
from connector.domain.refusals.requests import Overloaded

RETRY_SECONDS = 2
PATIENCE_SECONDS = 10.0
"""So long a request waits for those before it."""

SWITCH_SECONDS = 0.00005
"""So long a thread may keep the interpreter while a dear answer is made.

Its rows become objects in a thread, which lets go of the interpreter at each row and takes it again. CPython asks the
holder to let go only if nobody else had a turn in this time; the event loop has one every few tenths of a millisecond,
so with 0.5 ms a third thread, which asks who calls, waited a quarter of a second. At all times it would cost signing a
tenth of its speed.
"""


@dataclass(slots=True)
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: int = 0


@dataclass(slots=True)
class DearAnswers:
    """The turns of dear answers. A limited number of requests of one principal may wait."""

    waiting: int = 16
    patience: float = PATIENCE_SECONDS
    _lines: dict[Hashable, _Line] = field(default_factory=dict)
    _made: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def turn(self, principal: Hashable) -> Callable[[], None]:
        """Wait for this principal's turn. Call what is returned when the answer was made and taken.

        Raises:
            RateLimited: those before it took too long, or too many wait already.
        """
        line = self._lines.setdefault(principal, _Line())
        if line.callers > self.waiting:
            raise self._refusal
        line.callers += 1
        try:
            await self._acquired(line.lock, self._refusal)
        except BaseException:
            self._leave(principal, line)
            raise
        return partial(self._end, principal, line)

    def _end(self, principal: Hashable, line: _Line) -> None:
        line.lock.release()
        self._leave(principal, line)

    def _leave(self, principal: Hashable, line: _Line) -> None:
        line.callers -= 1
        if not line.callers:
            del self._lines[principal]

    @asynccontextmanager
    async def made(self) -> AsyncIterator[None]:
        """The turn among all principals, while the answer is made. It does not wait for the peer.

        Raises:
            Overloaded: the others took too long.
        """
        await self._acquired(self._made, Overloaded("Too many large answers are being made. Send the request again."))
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            yield
        finally:
            sys.setswitchinterval(usual)
            self._made.release()

    async def _acquired(self, lock: asyncio.Lock, refusal: Exception) -> None:
        if not lock.locked():
            await lock.acquire()
            return
        try:
            async with asyncio.timeout(self.patience):
                await lock.acquire()
        except TimeoutError as error:
            raise refusal from error

    @property
    def _refusal(self) -> RateLimited:
        reason = "Too many large answers are being made for this caller at once"
        return RateLimited("graphql.waiting", self.waiting, reason, retry_after=RETRY_SECONDS)
