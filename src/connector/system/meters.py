"""Meters: what a server counts, in memory that all of its worker processes share.

Each worker adds to a row of its own, so that nobody waits for anybody; whoever is asked adds the rows up. A worker that
takes the place of a dead one goes on in its row: counters only grow. What can be counted is known when the memory is
made. So no label ever holds what a caller chose, and the memory does not grow.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from mmap import mmap
from threading import Lock

_OCTETS = 8

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds of a histogram's buckets, in seconds."""


Values = tuple[str, ...]
"""Values of a family's labels, in their order."""


class Kind(Enum):
    """What a number means: it grows; it is as of now, in each worker; or it is one of many durations."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One thing that is counted, for each of ``values``, which are values of the labels; without labels for one, ().

    A counter's name is without the suffix that it has for readers.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[Values, ...] = ((),)

    @property
    def slots(self) -> int:
        """The numbers for one value: of a histogram its buckets, the last without a bound, and the sum."""
        return len(BOUNDS) + 2 if self.kind is Kind.HISTOGRAM else 1


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram: how many took no longer than each bound and in all, and how long they took together."""

    counts: Sequence[float]
    sum: float


class Board:
    """The numbers of all workers. To be made before they are."""

    def __init__(self, families: Sequence[Family], workers: int = 1) -> None:
        """Everything is 0."""
        self.families = families
        self._workers = workers
        self._places: dict[tuple[str, Values], int] = {}
        size = 0
        for family in families:
            for value in family.values:
                self._places[family.name, value] = size
                size += family.slots
        self._size = size
        self._numbers = memoryview(mmap(-1, max(size * workers, 1) * _OCTETS)).cast("d")

    def row(self, worker: int) -> "Row":
        """The numbers of that worker, which counts from 1."""
        return Row(self._numbers[(worker - 1) * self._size : worker * self._size], self._places)

    def totals(self, family: Family) -> Mapping[Values, float]:
        """A counter's numbers, of all workers together."""
        return {value: sum(self._of_each(family, value)) for value in family.values}

    def of_workers(self, family: Family) -> Sequence[float]:
        """A number without labels, in each of the workers, in order."""
        return self._of_each(family, ())

    def durations(self, family: Family) -> Mapping[Values, Durations]:
        """A histogram's numbers, of all workers together."""
        found = {}
        for value in family.values:
            *counts, total = (sum(self._of_each(family, value, slot)) for slot in range(family.slots))
            found[value] = Durations(list(accumulate(counts)), total)
        return found

    def _of_each(self, family: Family, value: Values, slot: int = 0) -> Sequence[float]:
        place = self._places[family.name, value] + slot
        return [self._numbers[worker * self._size + place] for worker in range(self._workers)]


class Row:
    """One worker's numbers. Threads take turns: to read, add and write is not one step."""

    def __init__(self, numbers: "memoryview[float]", places: Mapping[tuple[str, Values], int]) -> None:
        self._numbers = numbers
        self._places = places
        self._lock = Lock()

    def add(self, family: Family, values: Values = (), amount: float = 1.0) -> None:
        """Count; what the family does not have is not counted."""
        place = self._places.get((family.name, values))
        if place is not None:
            with self._lock:
                self._numbers[place] += amount

    def set(self, family: Family, number: float) -> None:
        """Write how it is now."""
        self._numbers[self._places[family.name, ()]] = number

    def observe(self, family: Family, values: Values, seconds: float) -> None:
        """Count a duration."""
        place = self._places.get((family.name, values))
        if place is not None:
            with self._lock:
                self._numbers[place + bisect_left(BOUNDS, seconds)] += 1
                self._numbers[place + len(BOUNDS) + 1] += seconds


class Meters:
    """Where this process counts: nowhere, until it is told its row. So commands count nothing."""

    row: Row | None = None

    def add(self, family: Family, values: Values = (), amount: float = 1.0) -> None:
        """Count."""
        if self.row is not None:
            self.row.add(family, values, amount)

    def observe(self, family: Family, values: Values, seconds: float) -> None:
        """Count a duration."""
        if self.row is not None:
            self.row.observe(family, values, seconds)

    def set(self, family: Family, number: float) -> None:
        """Write how it is now."""
        if self.row is not None:
            self.row.set(family, number)


_METERS = Meters()


def meters() -> Meters:
    """Where the edges count. The domain and the use cases do not."""
    return _METERS
