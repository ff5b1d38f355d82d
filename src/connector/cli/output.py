"""What commands print: tables and colour in a terminal, tab-separated lines elsewhere, JSON on demand."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Row = Mapping[str, object]


class Output:
    """Prints rows in the form that the reader wants."""

    def __init__(self, *, as_json: bool) -> None:
        """Print JSON, or else a table in a terminal and plain lines into anything else."""
        self._as_json = as_json
        self._console = Console(highlight=False)

    def rows(self, rows: Sequence[Row], *, nothing: str) -> None:
        """Print a list; where it is empty, ``nothing`` says what to do about it."""
        if self._as_json:
            print(json.dumps([dict(row) for row in rows]))
        elif not rows:
            print(nothing, file=sys.stderr)
        elif self._console.is_terminal:
            table = Table(*rows[0], header_style="bold", box=None, pad_edge=False)
            for row in rows:
                table.add_row(*(escape(_plain(value)) for value in row.values()))
            self._console.print(table)
        else:
            for row in rows:
                print("\t".join(_plain(value) for value in row.values()))

    def one(self, row: Row) -> None:
        """Print one thing, a field a line."""
        if self._as_json:
            print(json.dumps(dict(row)))
            return
        width = max(len(name) for name in row)
        for name, value in row.items():
            label = f"[bold]{name:<{width}}[/]" if self._console.is_terminal else f"{name}:"
            self._console.print(f"{label} {escape(_plain(value))}", soft_wrap=True)


def _plain(value: object) -> str:
    return "-" if value is None else str(value)
