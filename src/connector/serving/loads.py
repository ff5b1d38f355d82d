"""How many connections each worker process has, in memory that all of them see.

The kernel wakes every worker when somebody comes, and the same one of those that are idle is always the first. Without
this it would get nearly every connection (docs/decisions/0016-workers.md).
"""

from mmap import mmap

_OCTETS = 4
_MOST = 2**32 - 1


class Loads:
    """One listener's connections in each worker. To be made before the workers are.

    A number is written by its own worker and read by all. What is read may be a moment old: nothing but which worker
    accepts next hangs on it.
    """

    def __init__(self, workers: int) -> None:
        """No worker is there yet."""
        self._counts = memoryview(mmap(-1, workers * _OCTETS)).cast("I")
        for number in range(1, workers + 1):
            self.of(number).leave()

    def of(self, number: int) -> "Load":
        """The load of that worker."""
        return Load(self._counts, number - 1)


class Load:
    """One worker's view of the loads."""

    def __init__(self, counts: "memoryview[int]", index: int) -> None:
        self._counts = counts
        self._index = index

    def tell(self, connections: int) -> None:
        """Record the number of this worker's connections."""
        self._counts[self._index] = connections

    def leave(self) -> None:
        """This worker is not there, or accepts no more: nobody is to wait for it."""
        self._counts[self._index] = _MOST

    @property
    def is_least(self) -> bool:
        """Whether no other worker has fewer."""
        return self._counts[self._index] <= min(self._counts)
