"""Questions that wait at the same time share a read.

Nothing is cached: each question is answered by a read that begins after it was asked.
"""

from asyncio import Future, Task, create_task, get_running_loop
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.transaction import Store, Transaction

K = TypeVar("K")
V = TypeVar("V")

READS_AT_ONCE = 1
"""How many reads are under way at the most. More would leave fewer questions to share each."""

MOST_AT_ONCE = 500
"""How many questions share one read at the most."""


@dataclass(slots=True)
class Together(Generic[K, V]):
    """Asks the store about keys. ``find_all`` finds the values of several; unknown keys it leaves out."""

    store: Store
    find_all: Callable[[Transaction, Collection[K]], Mapping[K, V]]
    _waiting: list[tuple[K, "Future[V | None]"]] = field(default_factory=list, init=False, repr=False)
    _reading: int = field(default=0, init=False, repr=False)
    _beginning: bool = field(default=False, init=False, repr=False)
    _tasks: set[Task[None]] = field(default_factory=set, init=False, repr=False)

    async def find(self, key: K) -> V | None:
        """The value of this key; None where it is unknown.

        Raises:
            StorageUnavailable: it cannot be looked up.
        """
        found: Future[V | None] = get_running_loop().create_future()
        self._waiting.append((key, found))
        if not self._beginning and self._reading < READS_AT_ONCE:
            self._begin()
        return await found

    def _begin(self) -> None:
        self._beginning = True
        task = create_task(self._read())
        self._tasks.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """Read for those that wait, until nobody does."""
        self._beginning = False
        self._reading += 1
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._answer(batch)
        finally:
            # In the same step as the last look at those that wait: a later caller begins another read.
            self._reading -= 1

    async def _answer(self, batch: Sequence[tuple[K, "Future[V | None]"]]) -> None:
        wanted = {key for key, _ in batch}
        try:
            found = await self.store.look_up(lambda tx: self.find_all(tx, wanted))
        except BaseException as error:  # cancellation too: those that wait must not wait for ever
            for _, future in batch:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else StorageUnavailable())
            if not isinstance(error, Exception):
                raise
        else:
            for key, future in batch:
                if not future.done():  # its caller has gone away
                    future.set_result(found.get(key))
