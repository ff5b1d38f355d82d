"""The output of commands: tables and colour in a terminal, tab-separated lines elsewhere, JSON on demand."""

import json
import sys
from collections.abc import Mapping, Sequence

Row = Mapping[str, object]


class Verbatim(str):
    """Text that we made ourselves, such as PEM: its line ends are meant, and are printed."""

    __slots__ = ()


class Output:
    """Prints rows in the form that the reader wants."""

    def __init__(self, *, as_json: bool) -> None:
        """Print JSON, or else a table in a terminal and plain lines into anything else."""
        self._as_json = as_json

    def show(self, result: Row | Sequence[Row] | Verbatim, *, nothing: str) -> None:
        """Print one thing, a field a line, or a list; where it is empty, ``nothing`` says what to do about it.

        Text that is verbatim is printed as it is.
        """
        if self._as_json:
            print(json.dumps(result))
        elif isinstance(result, Verbatim):
            print(result, end="")
        elif not result:
            print(nothing, file=sys.stderr)
        elif sys.stdout.isatty():
            _show_in_terminal(result)
        elif isinstance(result, Mapping):
            for name, text in _fields(result).items():
                print(f"{name}:{text}")
        else:
            for row in result:
                print("\t".join(_plain(value) for value in row.values()))


def _show_in_terminal(result: Row | Sequence[Row]) -> None:
    from connector.cli import terminal  # noqa: PLC0415 - what a script reads needs no library for terminals

    if isinstance(result, Mapping):
        terminal.print_record(_fields(result))
    else:
        terminal.print_table([{name: _plain(value) for name, value in row.items()} for row in result])


def _fields(row: Row) -> Mapping[str, str]:
    """What is behind the names where each field has a line. Verbatim text has lines of its own."""
    return {name: ("\n" if isinstance(value, Verbatim) else " ") + _plain(value) for name, value in row.items()}


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
