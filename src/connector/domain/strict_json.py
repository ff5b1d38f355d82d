"""The one reader of JSON: what may come from outside, and nothing that two readers could take for different things.

Stricter than :func:`json.loads`, which also reads UTF-16 and UTF-32, halves of surrogate pairs, NaN, and the last of
several members of one name. Nothing else in this package turns octets or text from outside into JSON; ruff refuses
``json.loads`` everywhere else.
"""

import json
import re
from math import isfinite
from typing import Any, NoReturn

JSON = Any
"""None, a bool, an int, a float, a str, or a list or a dict (by str) of these."""

MAX_DEPTH = 32
"""Arrays and objects inside one another. Variables of the Director API with the deepest labels need 20."""

MAX_NUMBER = 400
"""Characters of a number. The largest double written out in full has 309 digits."""


class JSONError(ValueError):
    """The input is refused. The message is a clause that says why, and repeats nothing of the input."""


class GrammarError(JSONError):
    """The input does not follow the grammar of RFC 8259."""

    def __init__(self) -> None:
        super().__init__("it does not follow the grammar of JSON (RFC 8259)")


def read(octets: bytes, *, depth: int = MAX_DEPTH) -> JSON:
    """Return the JSON value that the octets hold: UTF-8 without a byte order mark (RFC 8259 section 8.1).

    At most ``depth`` arrays and objects may stand inside one another.

    Raises:
        JSONError: they break a rule; the exception holds nothing of them.
    """
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise JSONError("it is not UTF-8") from None
    return _read(text, depth)


def read_object(octets: bytes) -> dict[str, JSON]:
    """Return the JSON object that the octets hold; as :func:`read`.

    Raises:
        JSONError: they break a rule, or hold another value.
    """
    value = read(octets)
    if not isinstance(value, dict):
        raise JSONError("it is not an object")
    return value


def read_text(text: str, *, depth: int = MAX_DEPTH) -> JSON:
    """Return the JSON value that the text holds; as :func:`read`.

    Raises:
        JSONError: it breaks a rule.
    """
    if not is_whole(text):
        raise JSONError(_HALF)
    return _read(text, depth)


def is_whole(text: str) -> bool:
    """Whether the text holds no half of a surrogate pair, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    else:
        return True


def is_deeper(value: JSON, most: int) -> bool:
    """Whether more than ``most`` arrays and objects stand inside one another. No depth is too much for it."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, _CONTAINERS)
        ]
    return bool(level)


def mended(value: JSON) -> JSON:
    r"""Return a value that was kept before this reader, with halves of surrogate pairs written as ``\udfff``.

    So that what was kept can be shown, and its owner can put it right.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [mended(each) for each in value]
    if isinstance(value, dict):
        return {mended(name): mended(each) for name, each in value.items()}
    return value


_CONTAINERS = (list, dict)

_HALF = "it holds half of a surrogate pair"
_TWICE = "a name stands twice in one object"
_DEEP = "it is nested more than {} deep"
_NUMBER = f"a number has more than {MAX_NUMBER} characters, or is larger than a double can be"

# An escape that could be half of a pair. Whether it is one is looked at in what was read.
_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def _read(text: str, depth: int) -> JSON:
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise JSONError(_DEEP.format(depth)) from None
    except json.JSONDecodeError:  # which holds the whole text
        raise GrammarError from None
    # Both checks look at the text first: an ordinary request costs no more than that.
    if text.count("{") + text.count("[") > depth and is_deeper(value, depth):
        raise JSONError(_DEEP.format(depth))
    if "\\u" in text and _SURROGATE.search(text) and not is_whole(json.dumps(value, ensure_ascii=False)):
        raise JSONError(_HALF)
    return value


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    # RFC 8259 section 4: of two members of one name, another reader may take the other.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JSONError(_TWICE)
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER:
        raise JSONError(_NUMBER)
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits) if len(digits) <= MAX_NUMBER else float("inf")
    if not isfinite(number):
        raise JSONError(_NUMBER)
    return number


def _constant(_: str) -> NoReturn:
    raise GrammarError  # NaN and Infinity, which the grammar of RFC 8259 section 6 does not have


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
