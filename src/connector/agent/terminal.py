"""Output for people and programs: progress and colour in a terminal, plain lines elsewhere, JSON on demand."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.agent.times import until

GREEN, RED, YELLOW = "32", "31", "33"


@dataclass(frozen=True, slots=True)
class Output:
    """Results go to standard output, everything else to standard error."""

    as_json: bool

    def progress(self, done: str) -> None:
        """Say that something was done; to people only."""
        if not self.as_json:
            print(f"{_coloured('✓', GREEN)} {done}" if _is_terminal() else done, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Say what is not as it should be, though it goes on."""
        if not self.as_json:
            print(_coloured(f"! {text}", YELLOW) if _is_terminal() else text, file=sys.stderr, flush=True)

    def result(self, result: Mapping[str, object]) -> None:
        """Print what came out: a line for each field, or one JSON object."""
        if self.as_json:
            print(json.dumps(result, default=str), flush=True)
            return
        for name, value in result.items():
            if value is not None:
                print(f"{name}: {_plain(value)}{_distance(value) if sys.stdout.isatty() else ''}", flush=True)

    def finding(self, name: str, observed: str, advice: str | None, *, is_well: bool) -> None:
        """Print what the doctor found."""
        if _is_terminal():
            mark = _coloured("✓", GREEN) if is_well else _coloured("✗", RED)
        else:
            mark = "ok  " if is_well else "BAD "
        print(f"{mark} {name}: {_plain(observed)}", flush=True)
        if advice is not None:
            print(f"     → {_plain(advice)}", flush=True)

    def failure(self, code: str, message: str, status: int) -> None:
        """Print why the command failed."""
        if self.as_json:
            print(json.dumps({"error": {"code": code, "message": message, "exit": status}}), flush=True)
        mark = _coloured("connector-agent:", RED) if _is_terminal() else "connector-agent:"
        print(f"{mark} {_plain(message)} [{code}]", file=sys.stderr, flush=True)

    def event(self, name: str, **fields: object) -> None:
        """Log one event, on one line of standard error."""
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if self.as_json:
            line = json.dumps({"at": at, "event": name, **fields}, default=str)
        else:
            shown = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())
            line = f"{at} {name} {shown}".rstrip()
        print(line, file=sys.stderr, flush=True)


def _distance(value: object) -> str:
    """For a time, how far it is from now."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return ""
    return "" if moment is None or moment.tzinfo is None else f" ({until(moment, datetime.now(UTC))})"


def _is_terminal() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _coloured(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if _is_terminal() else text


def _quoted(value: object) -> str:
    text = _plain(value)
    return json.dumps(text) if " " in text or '"' in text or not text else text


def _plain(value: object) -> str:
    """The value on one line. What is not printable is escaped: it could forge a line, or command the terminal."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(value)
    )
