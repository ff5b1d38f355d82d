"""Logs: one record for each outcome, one line for each record, and no secret in any.

A record has a fixed event name and fields: ``log.info("certificate.issued", serial=..., entity=...)``. Records of
libraries come out in the same form.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from functools import cache, lru_cache
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

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
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class _Stream:
    """Where lines go. A full disk or a closed pipe loses the line, never the request that it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def configure(
    level: Level, format: Format, *, stream: TextIO | None = None, fields: Mapping[str, object] | None = None
) -> None:
    """Send every log record to ``stream``, standard error by default, with these fields. To be called before anything
    logs, and again where a process becomes another.
    """
    target = stream or sys.stderr
    is_console = format == "console" or (format == "auto" and target.isatty())
    lines = cast("TextIO", _Stream(target))
    threshold = logging.getLevelNamesMapping()[level.upper()]
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        lambda _logger, _method, event: {**(fields or {}), **event},
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        withhold_secrets,
    ]
    last: list[Processor] = [_for_terminal, _console()] if is_console else [_json]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=lines),
        cache_logger_on_first_use=False,
    )
    _configured.cache_clear()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *first, *last],
        )
    )
    # A library's debug and info records are about its own inside.
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)


def logger() -> FilteringBoundLogger:
    """The logger of the edges. The domain and the use cases have none."""
    return cast("FilteringBoundLogger", _Logger())


class _Logger:
    """Logs as was configured last. structlog's own proxy makes two objects for each record."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_configured(), name)


@cache
def _configured() -> Any:
    return structlog.get_logger().bind()


def withhold_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is a secret by its field's name or by its shape, at any depth."""
    return cast("MutableMapping[str, Any]", _clean(event, MAX_DEPTH))


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        # Most texts are too short for a token and have no mark of another secret: those are spared the search.
        is_plain = len(value) < SHORTEST_TOKEN and not _is_marked(value)
        return value if is_plain else _SECRET_TEXT.sub(WITHHELD, value)[:MAX_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and depth:
        # No mark has a line end in it, so that all texts can be looked through at once.
        is_unmarked = not _is_marked("\n".join([item for item in value.values() if type(item) is str]))
        cleaned: dict[str, Any] = {}
        for name, item in value.items():
            shown, is_secret = _field(str(name))
            is_plain = is_unmarked and type(item) is str and len(item) < SHORTEST_TOKEN
            cleaned[shown] = WITHHELD if is_secret else item if is_plain else _clean(item, depth - 1)
        return cleaned
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


# One encoder for all lines: json.dumps makes another for each call with arguments. Values that cannot be encoded are
# gone by then: withhold_secrets made texts of them.
_JSON = json.JSONEncoder(sort_keys=True)


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _JSON.encode(event)


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=False, timestamp_key="time")


def _for_terminal(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A terminal acts on control characters; JSON has its own escapes for them."""
    shown = {_escaped(name): _escaped(item) if isinstance(item, str) else item for name, item in event.items()}
    if isinstance(event.get("exception"), list):
        shown["exception"] = "\n".join(line for error in event["exception"] for line in _traceback(error))
    return shown


def _traceback(error: Mapping[str, Any]) -> list[str]:
    frames = [f"  {frame['filename']}:{frame['lineno']} {frame['name']}" for frame in error["frames"]]
    return [_escaped(line) for line in (f"{error['exc_type']}: {error['exc_value']}", *frames)]


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
