"""The one lane in which new documents are judged: off the event loop, one at a time, each in its turn."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, thread_time
from typing import TypeVar

from connector.domain.refusals.requests import Overloaded

T = TypeVar("T")

WAITING = 64
WAITING_OF_SOURCE = 16
WAITING_OF_PRINCIPAL = 4
WAITING_OF_STRANGERS = 8

REST = 19
"""After a document of a caller without a credential, no other of this kind is judged for this many times as long: such
documents get a twentieth of the lane.
"""

BUSY = (
    "Too many new GraphQL documents wait to be judged, so this one was not. Send it again in a moment; use variables, "
    "so that the text stays the same: a document that is known does not wait."
)


@dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a document is judged: an address, and who calls from there; None is a stranger."""

    source: str
    principal: str | None


@dataclass(slots=True)
class Lane:
    """Runs what it is given in a thread, one at a time.

    Each address has its line, and the lines have their turns; a limited number may wait in all, of one address, and of
    one principal, who may come from many addresses.
    """

    clock: Callable[[], float] = monotonic
    _lines: OrderedDict[tuple[str, bool], deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)
    _places: Counter[tuple[str, str]] = field(default_factory=Counter)
    _is_taken: bool = False
    _rested_at: float = 0.0
    _is_timed: bool = False

    async def run(self, payer: Payer, work: Callable[[], T]) -> T:
        """The result of the work.

        Raises:
            Overloaded: the lane is full, or the payer has as many waiting as a payer may.
        """
        places = _places(payer)
        if any(self._places[place] >= most for place, most in places.items()):
            raise Overloaded(BUSY)
        self._places.update(places.keys())
        try:
            await self._turn(payer)
            return await self._done(payer, work)
        finally:
            for place in places:
                self._places[place] -= 1
                if not self._places[place]:
                    del self._places[place]

    async def _turn(self, payer: Payer) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault((payer.source, payer.principal is None), deque()).append(turn)
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given to somebody who has gone
                self._free()
            raise

    async def _done(self, payer: Payer, work: Callable[[], T]) -> T:
        """Do the work. If the caller goes away meanwhile, the lane is taken until the work is done."""
        working = asyncio.ensure_future(asyncio.to_thread(_timed, work))

        def ended(task: "asyncio.Future[tuple[float, T | Exception]]") -> None:
            if payer.principal is None and not task.cancelled():
                self._rested_at = self.clock() + REST * task.result()[0]
            self._free()

        working.add_done_callback(ended)
        result = (await asyncio.shield(working))[1]
        if isinstance(result, Exception):
            raise result
        return result

    def _free(self) -> None:
        self._is_taken = False
        self._next()

    def _next(self) -> None:
        """Give the lane to the first of the next line, if it is free."""
        if self._is_taken:
            return
        wait = self._rested_at - self.clock()
        for line in list(self._lines):
            is_stranger = line[1]
            if is_stranger and wait > 0:
                continue
            waiting = self._lines[line]
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    self._is_taken = True
                    turn.set_result(None)
                    break
            self._lines.move_to_end(line)
            if not waiting:
                del self._lines[line]
            if self._is_taken:
                return
        if self._lines and not self._is_timed:  # strangers alone, before their time
            self._is_timed = True
            asyncio.get_running_loop().call_later(wait, self._rested)

    def _rested(self) -> None:
        self._is_timed = False
        self._next()


def _places(payer: Payer) -> dict[tuple[str, str], int]:
    """The room that one waiting caller takes, and how much of each there is."""
    if payer.principal is None:
        return {("strangers", ""): WAITING_OF_STRANGERS, ("stranger", payer.source): WAITING_OF_STRANGERS // 2}
    return {
        ("all", ""): WAITING,
        ("source", payer.source): WAITING_OF_SOURCE,
        ("principal", payer.principal): WAITING_OF_PRINCIPAL,
    }


def _timed(work: Callable[[], T]) -> tuple[float, T | Exception]:
    """The work's result, or what it raised, and the processor's seconds that it took."""
    started = thread_time()
    try:
        result: T | Exception = work()
    except Exception as error:  # noqa: BLE001 - raised where the caller waits
        result = error
    return thread_time() - started, result
