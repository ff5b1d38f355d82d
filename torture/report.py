"""What came of the checks: kept in a file, shown as a table, pasted into the page."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BEGIN, END = "<!-- torture: begin -->", "<!-- torture: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """One check on one database."""

    check: str
    what: str
    database: str
    seconds: float
    counts: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None

    @property
    def told(self) -> str:
        """The counts, or what went wrong, in a line."""
        if self.failure is not None:
            return f"FAILED: {self.failure}"
        return ", ".join(f"{name} {_number(count)}" for name, count in self.counts.items())


def _number(value: Any) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def machine() -> str:
    """Where it ran."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def save(path: Path, results: Sequence[Result]) -> None:
    """Keep the results. Each has the place of the former one of its check and database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


def kept(path: Path) -> list[Result]:
    """The results that were kept."""
    return [Result(**one) for one in json.loads(path.read_text())] if path.exists() else []


def merged(former: Sequence[Result], newer: Sequence[Result], order: Sequence[tuple[str, str, str]]) -> list[Result]:
    """Every check's newest result, in the order of the plan."""
    by_name = {(each.check, each.what, each.database): each for each in (*former, *newer)}
    return [by_name[name] for name in order if name in by_name]


def show(results: Sequence[Result], width: int | None) -> None:
    """Print a table for people."""
    table = Table("check", "what", "database", "seconds", "counts", show_lines=True)
    for one in results:
        table.add_row(one.check, one.what, one.database, f"{one.seconds:.0f}", one.told)
    Console(width=width).print(table)


def markdown(results: Sequence[Result]) -> str:
    """The table for the page."""
    lines = [
        f"{machine()}; {sum(one.seconds for one in results) / 60:.0f} minutes.",
        "",
        "| check | what was done | database | counts |",
        "|---|---|---|---|",
        *(f"| {one.check} | {one.what} | {one.database} | {one.told} |" for one in results),
    ]
    return "\n".join(lines)


def paste(page: Path, results: Sequence[Result]) -> None:
    """Put the table between its two marks on the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}")
