"""Labels: names with JSON values that administrators hang on applications, runtimes and integration systems."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from connector.domain.refusals.objects import InvalidData
from connector.domain.strict_json import JSON, JSONError, is_deeper, is_whole, read_text

Labels = Mapping[str, JSON]

MOST_LABELS = 100
MAX_KEY = 256
MAX_VALUE = 16 * 1024
MAX_TOGETHER = 128 * 1024
MOST_ELEMENTS = 250
MAX_DEPTH = 16
MOST_FILTERS = 10

_PREFIX = "mp-"

_KEY = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._\-/]*[A-Za-z0-9_])?")
# The two forms of SQL/JSON path by which clients of the original look for a value, alone or in a list.
# The JSON reader takes the white space around the value: two patterns for it side by side would take cubic time.
_PATH = re.compile(r"\$\[\*\]\s*\?\s*\(\s*@\s*==(?P<value>.+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """Those that have a label ``key``; with ``term``, the digest of a value, those whose label holds that value."""

    key: str
    term: bytes | None = None


def check(labels: Labels) -> Labels:
    """The labels, if each may be kept, and all of them together.

    Raises:
        InvalidData: a key or a value breaks a rule, or there are too many.
    """
    if len(labels) > MOST_LABELS:
        raise InvalidData(f"Invalid data labels: use at most {MOST_LABELS} of them.")
    if sum(_check_one(key, value) for key, value in labels.items()) > MAX_TOGETHER:
        raise InvalidData(f"Invalid data labels: use at most {MAX_TOGETHER} characters of JSON for all of them.")
    return labels


def canonical(value: JSON) -> str:
    """The one text of a JSON value, in ASCII: keys sorted, no white space, whole numbers without a fraction."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def terms(value: JSON) -> frozenset[bytes]:
    """The digests by which a label is found: of its value, and where that is a list, of its elements."""
    values = [value, *value] if isinstance(value, list) else [value]
    return frozenset(_digest(each) for each in values)


def read_filters(given: Sequence[tuple[str, str | None]]) -> Sequence[LabelFilter]:
    """The filters of a list, each a key and a query or None.

    Raises:
        InvalidData: there are too many, or one cannot be read.
    """
    if len(given) > MOST_FILTERS:
        raise InvalidData(f"Invalid data filter: use at most {MOST_FILTERS} labels.")
    return [read_filter(key, query) for key, query in given]


def read_filter(key: str, query: str | None) -> LabelFilter:
    """The filter of the Director API: a key alone, or with a JSON value or ``$[*] ? (@ == <JSON value>)``.

    Raises:
        InvalidData: the key or the query cannot be read.
    """
    _check_key(key)
    if query is None:
        return LabelFilter(key)
    if len(query) > MAX_VALUE:
        raise InvalidData(f"Invalid data filter.query: use at most {MAX_VALUE} characters.")
    path = _PATH.fullmatch(query.strip())
    try:
        value = read_text(path["value"] if path else query)
    except JSONError as error:
        raise InvalidData(
            'Invalid data filter.query: use a JSON value such as "blue" in its quotes, or $[*] ? (@ == "blue").'
        ) from error
    if is_deeper(value, MAX_DEPTH):
        raise InvalidData(f"Invalid data filter.query: use a JSON value that is nested at most {MAX_DEPTH} deep.")
    return LabelFilter(key, _digest(value))


def normalized(name: str) -> str:
    """The name by which an application is known in URLs: ``mp-`` and lower-case letters, digits and single dashes.

    A name without a Latin letter or a digit would leave ``mp-`` alone, the same for all such names. It gets the first
    octets of the name's SHA-256 in hexadecimal, so that they differ.
    """
    plain = _dashed(name)
    if name == plain and name.startswith(_PREFIX):
        return name
    return _PREFIX + (plain or sha256(name.encode()).hexdigest()[:8])


def _dashed(name: str) -> str:
    return re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "-", name.lower())).rstrip("-")


def _check_one(key: str, value: JSON) -> int:
    _check_key(key)
    if is_deeper(value, MAX_DEPTH):
        raise InvalidData(f"Invalid data labels.{key}: use a JSON value that is nested at most {MAX_DEPTH} deep.")
    try:
        size = len(canonical(value))
    except ValueError as error:
        raise InvalidData(f"Invalid data labels.{key}: use a JSON value of finite numbers.") from error
    if not is_whole(json.dumps(value, ensure_ascii=False)):
        raise InvalidData(f"Invalid data labels.{key}: use whole characters, no half of a surrogate pair.")
    if size > MAX_VALUE:
        raise InvalidData(f"Invalid data labels.{key}: use at most {MAX_VALUE} characters of JSON.")
    if isinstance(value, list) and len(value) > MOST_ELEMENTS:
        raise InvalidData(f"Invalid data labels.{key}: use at most {MOST_ELEMENTS} elements.")
    return size


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise InvalidData(
            "Invalid data label key: use 1 to 256 ASCII letters, digits, dots, dashes, underscores and slashes, with "
            "a letter, digit or underscore at each end."
        )


def _plain(value: JSON) -> JSON:
    """The value with whole floats as integers: JSON knows one kind of number (RFC 8259 section 6)."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _digest(value: JSON) -> bytes:
    return sha256(canonical(value).encode()).digest()
