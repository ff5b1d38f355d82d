"""What commands print in a terminal: tables, and records with their fields' names in bold."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_ANY_WIDTH = 1_000_000


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Print a row a line where the terminal is wide enough, else a field a line: an id that is cut or folded cannot be
    copied into the next command.
    """
    console = Console(highlight=False)
    table = Table(*rows[0], header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row.values()))
    needed = console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).maximum
    if needed <= console.width:
        console.print(table)
        return
    for number, row in enumerate(rows):
        if number:
            print()
        _print_record(console, {name: f" {text}" for name, text in row.items()})


def print_record(row: Mapping[str, str]) -> None:
    """Print a field a line: its name, and at once what is behind it."""
    _print_record(Console(highlight=False), row)


def _print_record(console: Console, row: Mapping[str, str]) -> None:
    width = max(map(len, row))
    for name, text in row.items():
        console.print(Text.assemble((f"{name:<{width}}", "bold"), text), soft_wrap=True)
