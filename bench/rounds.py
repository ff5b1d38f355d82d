"""How it is measured: contestants take turns in short rounds, so that a machine that drifts does so for all of them.

A figure is the median of its rounds. Then each contestant is loaded once more at half the rate that it reached.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from bench import processes
from bench.lanes import Lane
from bench.load import Timing, closed, paced

SHORTEST = 20
HALF = 0.5
WARM_UP = 4  # operations of each client

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: operations in a round, rounds, clients, the most seconds at half load."""

    operations: int
    rounds: int
    clients: int
    half_load_seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """One turn. Busy are shares of one core; ``largest_share`` is the busiest process's part of the server's.

    ``others_busy`` is what programs that are no part of the benchmark took of the server's core.
    """

    per_second: float
    cpu_ms: float
    database_cpu_ms: float | None = None
    server_busy: float = 1.0
    load_busy: float | None = None
    others_busy: float = 0.0
    largest_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: medians of the rounds, latencies at half load, MiB of the largest process."""

    what: str
    on: str
    per_second: float
    cpu_ms: float
    database_cpu_ms: float | None
    server_busy: float
    load_busy: float | None
    others_busy: float
    p50_ms: float | None
    p99_ms: float | None
    half_load_busy: float | None
    memory_mib: float | None
    rounds: Sequence[Round]

    @property
    def on_one_core(self) -> float:
        """Operations a second that the server's processor time allows for, whoever was the limit."""
        return 1000 / self.cpu_ms


@dataclass(frozen=True, slots=True)
class Half:
    """What half load looked like: the latencies, and how busy the server was."""

    timing: Timing
    server_busy: float


class Contestant(Protocol):
    """One operation on one server."""

    @property
    def what(self) -> str:
        """The operation."""

    @property
    def on(self) -> str:
        """The server."""

    async def warm(self, plan: Plan) -> None:
        """Have everything loaded that is loaded once."""

    async def round(self, plan: Plan) -> Round:
        """As fast as it goes."""

    async def at_half(self, plan: Plan, per_second: float) -> Half | None:
        """At half that rate, if there are latencies to measure."""

    def memory(self) -> float | None:
        """MiB, if that says anything."""


async def measure(contestants: Sequence[Contestant], plan: Plan, say: Say) -> list[Row]:
    """Measure those that do the same, in turns."""
    for each in contestants:
        await each.warm(plan)
    rounds: list[list[Round]] = [[] for _ in contestants]
    for number in range(plan.rounds):
        turns = list(zip(contestants, rounds, strict=True))
        for each, done in turns if number % 2 == 0 else reversed(turns):
            say(f"{each.what}: {each.on}, round {number + 1} of {plan.rounds}")
            done.append(await each.round(plan))
    rows = []
    for each, done in zip(contestants, rounds, strict=True):
        say(f"{each.what}: {each.on}, at half load")
        half = await each.at_half(plan, median(one.per_second for one in done))
        rows.append(_row(each, done, half))
    return rows


def _row(contestant: Contestant, rounds: Sequence[Round], half: Half | None) -> Row:
    def middle(name: str) -> float:
        return float(median(getattr(each, name) for each in rounds))

    return Row(
        what=contestant.what,
        on=contestant.on,
        per_second=middle("per_second"),
        cpu_ms=middle("cpu_ms"),
        database_cpu_ms=None if rounds[0].database_cpu_ms is None else middle("database_cpu_ms"),
        server_busy=middle("server_busy"),
        load_busy=None if rounds[0].load_busy is None else middle("load_busy"),
        others_busy=middle("others_busy"),
        p50_ms=None if half is None else half.timing.p50,
        p99_ms=None if half is None else half.timing.p99,
        half_load_busy=None if half is None else half.server_busy,
        memory_mib=contestant.memory(),
        rounds=rounds,
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A contestant that the load generator loads."""

    lane: Lane

    @property
    def what(self) -> str:
        """The lane's operation."""
        return self.lane.what

    @property
    def on(self) -> str:
        """The lane's server."""
        return self.lane.on

    async def warm(self, plan: Plan) -> None:
        """A few operations of each client."""
        await take_turn(self.lane, plan.clients * WARM_UP, plan.clients)

    async def round(self, plan: Plan) -> Round:
        """As many clients as there are, each with its next operation as soon as the former is answered."""
        return await take_turn(self.lane, plan.operations, plan.clients)

    async def at_half(self, plan: Plan, per_second: float) -> Half:
        """Evenly, and not waiting for answers."""
        rate = per_second * HALF
        count = min(plan.operations * plan.rounds, int(rate * plan.half_load_seconds))
        items = await self.lane.prepare(max(SHORTEST, count))
        opened = await self.lane.open(plan.clients)
        try:
            before = sum(processes.spent(self.lane.pid).values())
            timing = await paced(items, opened, self.lane.do, rate)
            cpu = sum(processes.spent(self.lane.pid).values()) - before
        finally:
            self.lane.close(opened)
        return Half(timing, cpu / timing.seconds)

    def memory(self) -> float:
        """What the largest of the server's processes has resident."""
        return processes.resident(self.lane.pid)


async def take_turn(lane: Lane, operations: int, clients: int) -> Round:
    """So many operations as fast as they go, with the processor time that they took everywhere."""
    items = await lane.prepare(operations)
    opened = await lane.open(clients)
    try:
        before, database, load, core = _spent(lane)
        timing = await closed(items, opened, lane.do)
        after, database_after, load_after, core_after = _spent(lane)
    finally:
        lane.close(opened)
    shares = [seconds - before.get(pid, 0.0) for pid, seconds in after.items()]
    cpu = max(sum(shares), 1 / processes.TICKS)
    return Round(
        per_second=timing.per_second,
        cpu_ms=cpu / timing.operations * 1000,
        database_cpu_ms=None if lane.database_pid is None else (database_after - database) / timing.operations * 1000,
        server_busy=cpu / timing.seconds,
        load_busy=(load_after - load) / timing.seconds,
        others_busy=max(0.0, core_after - core - cpu) / timing.seconds if core else 0.0,
        largest_share=max(shares) / cpu,
    )


def _spent(lane: Lane) -> tuple[Mapping[int, float], float, float, float]:
    """Seconds so far: of each of the server's processes, of the database, of the load generator, of the core."""
    database = 0.0 if lane.database_pid is None else sum(processes.spent(lane.database_pid).values())
    return processes.spent(lane.pid), database, processes.own(), processes.working(lane.pid)
