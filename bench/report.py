"""What a run found: a table for people, JSON for programs, and the section of docs/performance.md."""

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.status import Status
from rich.table import Table

from bench.processes import Cores
from bench.rounds import Row
from bench.suite import Found
from bench.targets import Target, targets, warnings

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN = "<!-- What follows is written by `python -m bench --markdown`. -->"
END = "<!-- What was written ends here. -->"
WIDTH = 160
MARKS = {True: "pass", False: "FAIL", None: ""}
HEADINGS = (
    "operation",
    "on",
    "per second",
    "CPU ms",
    "on one core",
    "database CPU ms",
    "p50 ms",
    "p99 ms",
    "MiB",
    "server busy",
    "at half",
    "load busy",
)


@dataclass(slots=True)
class Progress:
    """Says what is going on: one changing line in a terminal, else a line each."""

    started: float = field(default_factory=time.monotonic)
    status: Status | None = None

    def __enter__(self) -> Self:
        """Begin."""
        console = Console(stderr=True)
        if console.is_terminal:
            self.status = console.status("starting")
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End."""
        if self.status is not None:
            self.status.stop()

    def __call__(self, text: str) -> None:
        """Say it."""
        line = f"{time.monotonic() - self.started:4.0f} s  {text}"
        if self.status is not None:
            self.status.update(line)
        else:
            print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Report:
    """A run's findings, ready to be shown."""

    found: Found
    cores: Cores
    file_system: str
    certificates: int
    seconds: float

    @property
    def targets(self) -> list[Target]:
        """What was to be reached, and whether it was."""
        return list(targets(self.found, self.cores))

    def machine(self) -> str:
        """Where and when it ran."""
        return (
            f"{datetime.now(UTC):%d %B %Y}, {platform.machine()}, {_processor()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, data on {self.file_system}; {self.certificates} certificates in "
            f"a full inventory; the run took {self.seconds / 60:.0f} minutes"
        )

    def json(self) -> dict[str, Any]:
        """Everything, each round of it."""
        memory = self.found.memory
        return {
            "machine": self.machine(),
            "rows": [asdict(row) for row in self.found.rows],
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
            "memory": None if memory is None else memory.samples,
            "crl": None if self.found.crl is None else asdict(self.found.crl),
            "starts": list(self.found.starts),
            "warnings": list(warnings(self.found)),
        }

    def show(self) -> None:
        """Print the tables."""
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        console.print(self.machine())
        if self.found.rows:
            console.print(_table(HEADINGS, map(_cells, self.found.rows), right_from=2))
        console.print(_table(("target", "value", "bound", "", ""), map(_verdict, self.targets), right_from=len(MARKS)))
        for line in (*self._lasting(), *warnings(self.found)):
            console.print(line)

    def write(self) -> None:
        """Put the tables between the marks in docs/performance.md."""
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        lines = [BEGIN, "", f"One run: {self.machine()}.", ""]
        lines += _markdown(("target", "value", "bound", "", ""), map(_verdict, self.targets))
        lines += ["", *_markdown(HEADINGS, map(_cells, self.found.rows))]
        for line in (*self._lasting(), *warnings(self.found)):
            lines += ["", line]
        PAGE.write_text(before + "\n".join([*lines, "", END]) + after)

    def _lasting(self) -> Iterator[str]:
        memory = self.found.memory
        if memory is not None:
            step = max(1, (len(memory.samples) - 1) // 10)
            told = ", ".join(f"{mib:.0f} after {done}" for done, mib in memory.samples[::step])
            yield f"Memory in MiB: {told}."
        if self.found.starts:
            yield f"Seconds from exec to ready: {', '.join(f'{each:.2f}' for each in self.found.starts)}."


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        row.on,
        f"{row.per_second:.0f}",
        f"{row.cpu_ms:.2f}",
        f"{row.on_one_core:.0f}",
        _number(row.database_cpu_ms, ".2f"),
        _number(row.p50_ms, ".1f"),
        _number(row.p99_ms, ".1f"),
        _number(row.memory_mib, ".0f"),
        f"{row.server_busy:.0%}",
        _number(row.half_load_busy, ".0%"),
        _number(row.load_busy, ".0%"),
    )


def _verdict(target: Target) -> tuple[str, ...]:
    bound = "" if target.least is None else f"≥ {target.least:g}"
    bound = f"≤ {target.most:g}" if target.most is not None else bound
    return target.what, f"{target.value:.2f}", bound, MARKS[target.met], target.note


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)


def _table(headings: Sequence[str], lines: Iterator[tuple[str, ...]], *, right_from: int) -> Table:
    table = Table()
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place >= right_from else "left")
    for line in lines:
        table.add_row(*line)
    return table


def _markdown(headings: Sequence[str], lines: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "processor unknown"


def file_system(directory: Path) -> str:
    """On what kind of file system the directory is: that of the longest mount point above it."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    above = [(len(where), kind) for _, where, kind, *_ in mounts if directory.resolve().is_relative_to(where)]
    return max(above)[1]
