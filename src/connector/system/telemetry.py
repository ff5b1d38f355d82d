"""Logs: one record for each outcome, one line for each record, and no secret in any.

A record has a fixed event name and fields: ``log.info("certificate.issued", serial=..., entity=...)``. Records of
libraries come out in the same form.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic_core import PydanticSerializationError, to_json

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

WITHHELD = "(withheld)"
MAX_DEPTH = 8
MAX_TEXT = 8192

# The last word of a field's name: `token`, `admin_key` and `Connector-Token` are secrets, `token_id` is not.
_SECRET_WORDS = {"token", "secret", "key", "authorization", "password", "passphrase", "cookie", "csr"}
_WORD_BREAK = re.compile(r"[^a-z0-9]+")
# The shapes of secrets, wherever a library may quote them: a one-time token, an API key, a JWT, a private key.
_SECRET_TEXT = re.compile(
    r"(?<![\w\-])[\w\-]{86}(?:=|%(?:25){0,3}3[Dd]){2}"
    r"|(?<=[?&]token=)[^&#\s\"'<>]+"
    r"|connector-key-[\w\-]+"
    r"|(?<![\w\-])eyJ[\w\-]+\.[\w\-]+\.[\w\-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.ASCII | re.DOTALL,
)
SHORTEST_TOKEN = 88
_PLAIN = {str, bool, int, float}
# Every record begins with these.
_FIRST = {"time": "", "level": "", "event": ""}
_LEVELS: Mapping[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_EXCEPTION = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_CONSOLE = structlog.dev.ConsoleRenderer(colors=False, timestamp_key="time")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class _Stream:
    """Where lines go. A full disk or a closed pipe loses the line, never the request that it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        """Each line was flushed as it was written."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """Makes lines of records, and writes those of the threshold's level and above. Every record has these fields."""

    stream: _Stream
    threshold: int
    render: Callable[[MutableMapping[str, Any]], str]
    fields: Mapping[str, object]

    def add(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        if _LEVELS[level] >= self.threshold:
            self.stream.write(self.line(level, {"event": event, **fields}) + "\n")

    def line(self, level: str, record: Mapping[str, object]) -> str:
        time = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
        whole: MutableMapping[str, Any] = {**_FIRST, **self.fields, **record, "time": time, "level": level}
        if "exc_info" in whole:
            whole = _EXCEPTION(None, level, whole)
        return self.render(withhold_secrets(whole))


class Logger:
    """Writes records as was configured last: an event's name, and its fields.

    structlog's loggers take as long again as the line itself does, and an enrollment has several. So of structlog only
    the parts that render are used.
    """

    lines: _Lines | None = None

    def debug(self, event: str, **fields: object) -> None:
        """Log what matters to whoever looks for a fault in the program."""
        self._add("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Log what has happened."""
        self._add("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log what somebody should look at."""
        self._add("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Log a failure. The field ``exc_info`` is an exception, or true for the one that is being handled."""
        self._add("error", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """Log a failure, and the exception that is being handled."""
        self._add("error", event, {**fields, "exc_info": True})

    def _add(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        (self.lines or _lines("info", "auto", sys.stderr, {})).add(level, event, fields)


_LOGGER = Logger()


def logger() -> Logger:
    """The logger of the edges. The domain and the use cases have none."""
    return _LOGGER


def configure(
    level: Level, format: Format, *, stream: TextIO | None = None, fields: Mapping[str, object] | None = None
) -> None:
    """Send every log record to ``stream``, standard error by default, with these fields. To be called before anything
    logs, and again where a process becomes another.
    """
    lines = _LOGGER.lines = _lines(level, format, stream or sys.stderr, fields or {})
    handler = logging.StreamHandler(cast("TextIO", lines.stream))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _logger, name, record: lines.line(name, record),
            ],
        )
    )
    # A library's debug and info records are about its own inside.
    logging.basicConfig(handlers=[handler], level=max(lines.threshold, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)


def _lines(level: Level, format: Format, stream: TextIO, fields: Mapping[str, object]) -> _Lines:
    is_console = format == "console" or (format == "auto" and stream.isatty())
    return _Lines(_Stream(stream), _LEVELS[level], _text if is_console else _json, fields)


def withhold_secrets(record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is a secret by its field's name or by its shape, at any depth."""
    if _is_plain(record):
        return record
    return cast("MutableMapping[str, Any]", _clean(record, MAX_DEPTH))


def _is_plain(record: Mapping[str, Any]) -> bool:
    """Whether :func:`_clean` would change nothing. So it is with nearly all records, and is found out at once."""
    if not _are_names_plain(tuple(record)):
        return False
    texts = [item for item in record.values() if type(item) is str]
    if len(texts) < len(record) and not all(item is None or type(item) in _PLAIN for item in record.values()):
        return False
    # No mark has a line end in it, so that all texts can be looked through together.
    return max(map(len, texts), default=0) < SHORTEST_TOKEN and not _is_marked("\n".join(texts))


@lru_cache(maxsize=256)
def _are_names_plain(names: tuple[str, ...]) -> bool:
    return all(_field(name) == (name, False) for name in names)


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        # Most texts are too short for a token and have no mark of another secret: those are spared the search.
        is_plain = len(value) < SHORTEST_TOKEN and not _is_marked(value)
        return value if is_plain else _SECRET_TEXT.sub(WITHHELD, value)[:MAX_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and depth:
        fields = ((_field(str(name)), item) for name, item in value.items())
        return {shown: WITHHELD if is_secret else _clean(item, depth - 1) for (shown, is_secret), item in fields}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray) and depth:
        return [_clean(item, depth - 1) for item in value]
    return _clean(repr(value), 0)


def _is_marked(text: str) -> bool:
    """Whether something in it may be a secret of another shape than a one-time token."""
    return "eyJ" in text or "token=" in text or "connector-key-" in text or "PRIVATE KEY-----" in text


@lru_cache(maxsize=1024)
def _field(name: str) -> tuple[str, bool]:
    """The name as it may be shown, and whether its value is a secret."""
    words = [word for word in _WORD_BREAK.split(name.lower()) if word]
    return _clean(name, 0), bool(words) and words[-1] in _SECRET_WORDS


def _logger_name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event


def _json(record: MutableMapping[str, Any]) -> str:
    """The record in ASCII. Values that are not of JSON are gone by then: withhold_secrets made texts of them."""
    try:
        # It takes a third of json's time, but refuses halves of surrogate pairs, and does not escape DEL.
        line = to_json(record, ensure_ascii=True).decode()
    except PydanticSerializationError:
        return json.dumps(record)
    return line.replace("\x7f", "\\u007f")


def _text(record: MutableMapping[str, Any]) -> str:
    """The record for a terminal. That acts on control characters; JSON has its own escapes for them."""
    shown = {_escaped(name): _escaped(item) if isinstance(item, str) else item for name, item in record.items()}
    if isinstance(record.get("exception"), list):
        shown["exception"] = "\n".join(line for error in record["exception"] for line in _traceback(error))
    return str(_CONSOLE(None, "", shown))


def _traceback(error: Mapping[str, Any]) -> list[str]:
    frames = [f"  {frame['filename']}:{frame['lineno']} {frame['name']}" for frame in error["frames"]]
    return [_escaped(line) for line in (f"{error['exc_type']}: {error['exc_value']}", *frames)]


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
