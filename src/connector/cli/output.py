"""The output of commands: tables and colour in a terminal, tab-separated lines elsewhere, JSON on demand."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, object]

ANY_WIDTH = 1_000_000


class Verbatim(str):
    """Text that we made ourselves, such as PEM: its line ends are meant, and are printed."""

    __slots__ = ()


class Output:
    """Prints rows in the form that the reader wants."""

    def __init__(self, *, as_json: bool) -> None:
        """Print JSON, or else a table in a terminal and plain lines into anything else."""
        self._as_json = as_json
        self._console = Console(highlight=False)

    def show(self, result: Row | Sequence[Row] | Verbatim, *, nothing: str) -> None:
        """Print one thing, a field a line, or a list; where it is empty, ``nothing`` says what to do about it.

        Text that is verbatim is printed as it is.
        """
        if self._as_json:
            print(json.dumps(result))
        elif isinstance(result, Verbatim):
            print(result, end="")
        elif isinstance(result, Mapping):
            self._record(result)
        elif not result:
            print(nothing, file=sys.stderr)
        elif self._console.is_terminal:
            self._table(result)
        else:
            for row in result:
                print("\t".join(_plain(value) for value in row.values()))

    def _table(self, rows: Sequence[Row]) -> None:
        table = Table(*rows[0], header_style="bold", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(_plain(value)) for value in row.values()))
        needed = self._console.measure(table, options=self._console.options.update(max_width=ANY_WIDTH)).maximum
        if needed <= self._console.width:
            self._console.print(table)
            return
        # An id that is cut or folded cannot be copied into the next command.
        for number, row in enumerate(rows):
            if number:
                print()
            self._record(row)

    def _record(self, row: Row) -> None:
        width = max(len(name) for name in row)
        for name, value in row.items():
            text = ("\n" if isinstance(value, Verbatim) else " ") + _plain(value)
            if self._console.is_terminal:
                self._console.print(Text.assemble((f"{name:<{width}}", "bold"), text), soft_wrap=True)
            else:
                print(f"{name}:{text}")


def _label(value: object) -> str:
    """A label's value: a text as it is, anything else as JSON."""
    return _plain(value) if isinstance(value, str) else _plain(json.dumps(value, ensure_ascii=False))


def _plain(value: object) -> str:
    """The value on one line. What is not printable is escaped: it could forge a row, or command the terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(key)}={_label(each)}" for key, each in value.items()) or "-"
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "-"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(value)
    )
