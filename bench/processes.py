"""What processes cost: processor time and memory, read from /proc; and on which core they run."""

import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB_IN_MIB = 1024
SPREAD = 4  # with so many cores, everybody has one


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. With two cores the database and the second worker are beside the load generator."""

    server: int
    load: int
    database: int
    second: int
    total: int

    @property
    def apart(self) -> bool:
        """Whether two workers, the database and the load generator have a core each."""
        return self.total >= SPREAD


def cores() -> Cores:
    """The cores that this process may use, shared out."""
    free = sorted(os.sched_getaffinity(0))
    server, load = free[0], free[min(1, len(free) - 1)]
    database = free[2] if len(free) > 2 else load  # noqa: PLR2004
    second = free[3] if len(free) >= SPREAD else load
    return Cores(server, load, database, second, len(free))


@contextmanager
def pinned(*to: int) -> Iterator[None]:
    """What is started within runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(to))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, looked = [root], 0
    while looked < len(found):
        found += parents.get(found[looked], [])
        looked += 1
    return found


def spent(root: int) -> Mapping[int, float]:
    """The processor time, in seconds, of each process in the tree. Those that ended count for the root."""
    times = {}
    for pid in tree(root):
        fields = _stat(pid)
        if fields:
            ticks = int(fields[11]) + int(fields[12])
            if pid == root:
                ticks += int(fields[13]) + int(fields[14])
            times[pid] = ticks / TICKS
    return times


def working(pid: int) -> float:
    """How many seconds the core has worked to which the process is bound, for whomever; 0 if it has several."""
    bound = os.sched_getaffinity(pid)
    if len(bound) > 1:
        return 0.0
    name = f"cpu{min(bound)} "
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(name))
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, line.split()[1:])
    return (user + nice + system + irq + softirq + steal) / TICKS


def own() -> float:
    """This process's own processor time, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident(root: int) -> float:
    """The resident memory, in MiB, of the largest process in the tree."""
    return max(map(_resident, tree(root)))


def _resident(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) / KIB_IN_MIB


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
