"""What only time shows: memory over many enrollments, and how long a start takes where much is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench import processes
from bench.lanes import Signing
from bench.load import closed
from bench.rounds import Say
from bench.server import Server

CHUNK = 2500
STARTS = 5


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident MiB of the server after so many enrollments, in order."""

    samples: Sequence[tuple[int, float]]

    @property
    def enrollments(self) -> int:
        """How many there were."""
        return self.samples[-1][0]

    @property
    def most(self) -> float:
        """The largest sample."""
        return max(mib for _, mib in self.samples)

    @property
    def growth(self) -> float:
        """The last quarter's median over the second quarter's: the first is warming up."""
        sizes, quarter = [mib for _, mib in self.samples], max(1, len(self.samples) // 4)
        return median(sizes[-quarter:]) / median(sizes[quarter : 2 * quarter] or sizes[:1])


async def memory(lane: Signing, enrollments: int, clients: int, say: Say) -> Memory:
    """Enroll so many, in chunks whose inputs are made in between."""
    samples, done = [(0, processes.resident(lane.pid))], 0
    while done < enrollments:
        items = await lane.prepare(min(CHUNK, enrollments - done))
        opened = await lane.open(clients)
        try:
            await closed(items, opened, lane.do)
        finally:
            lane.close(opened)
        done += len(items)
        samples.append((done, processes.resident(lane.pid)))
        say(f"memory: {samples[-1][1]:.0f} MiB after {done} of {enrollments} enrollments")
    return Memory(samples)


def start(server: Server, say: Say) -> Sequence[float]:
    """Stop and start a server a few times: seconds from the exec to ready."""
    seconds = []
    for number in range(STARTS):
        server.stop()
        server.start()
        seconds.append(server.start_seconds)
        say(f"start {number + 1} of {STARTS}: {server.start_seconds:.2f} s")
    return seconds
