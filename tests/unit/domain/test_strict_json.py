"""The one reader of JSON, held to a reference written from RFC 8259 alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support import reference_json

from connector.domain.strict_json import (
    MAX_DEPTH,
    MAX_NUMBER,
    GrammarError,
    JSONError,
    is_deeper,
    is_whole,
    mended,
    read,
    read_object,
    read_text,
)

HALF = "\udfff"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)

FRAGMENTS = st.sampled_from(
    [
        *rb'{ } [ ] : , " \ "a" "a": "b": {"a":1 {} [] null true false nul 0 1 -1 01 1. .5 1.5 1e5 1E+5 1e - +'.split(),
        *rb"1e999 -1e999 1e-999 NaN Infinity -Infinity Infinit".split(),
        *rb"\" \\ \/ \b \n \u0000 \u00e9 \ud83d \ude00 \uD83D\uDE00 \udfff \uDFFF \x \u12".split(),
        *(b" ", b"\t", b"\r\n", b"\v", b"\0", b"\x1f", b"\x7f", b"\xa0", b"\xc2\xa0", b"\xef\xbb\xbf", "é😀".encode()),
        *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\xff", b"\xfe\xff"),
        *(b"9" * MAX_NUMBER, b"9" * (MAX_NUMBER + 1), b"0." + b"1" * (MAX_NUMBER - 2), b"0." + b"1" * (MAX_NUMBER - 1)),
        *(b"[" * MAX_DEPTH, b"]" * MAX_DEPTH, b'{"a":' * (MAX_DEPTH - 1), b"}" * (MAX_DEPTH - 1), b"[" * 5000),
    ]
)


def verdict(reader: Callable[[bytes], Any], octets: bytes) -> str:
    """What a reader makes of the octets: the value with its types, or that it is refused."""
    try:
        return repr(reader(octets))
    except (JSONError, reference_json.RefusedError):
        return "refused"


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A JSON text as some writer could have written it, in any encoding, perhaps with one fragment put into it."""
    indent, ascii_alone = draw(st.sampled_from([None, 1])), draw(st.booleans())
    text = json.dumps(draw(VALUES), indent=indent, ensure_ascii=ascii_alone)
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "utf-16-be", "utf-32", "utf-8-sig"]))
    octets = text.encode(encoding, "surrogatepass")
    if draw(st.booleans()):
        at = draw(st.integers(0, len(octets)))
        octets = octets[:at] + draw(FRAGMENTS) + octets[at + draw(st.integers(0, 3)) :]
    return octets


@settings(max_examples=1500)
@given(octets=written() | st.lists(FRAGMENTS, max_size=12).map(b"".join) | st.binary(max_size=24))
@example(octets=b'{"a":"\xed\xbf\xbf"}')
@example(octets=b'"\\ud83d\\ude00"')
@example(octets=b'"\\\\ud83d"')
@example(octets=b"[" * 33 + b"]" * 33)
@example(octets=b"[" * 32 + b"]" * 32)
@example(octets=b"[" * 32 + b"1" + b"]" * 32)
@example(octets=b'{"a":1,"\\u0061":2}')
def test_octets_are_read_as_the_strict_reference_reads_them(octets: bytes) -> None:
    """Of any octets, the reader accepts what the reference accepts, as the same value of the same types."""
    assert verdict(read, octets) == verdict(reference_json.read, octets)


@given(value=VALUES)
def test_what_was_written_is_read_back(value: Any) -> None:
    """Every value without halves of surrogate pairs comes back from UTF-8 as it was, from octets and from text."""
    text = json.dumps(value)

    assert repr(read(text.encode())) == repr(read_text(text)) == repr(value)


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "grammar"),
        ('{"a": 1}'.encode("utf-32-be"), "grammar"),
        (b'\xef\xbb\xbf{"a": 1}', "grammar"),
        (b'{"a": "\xed\xbf\xbf"}', "not UTF-8"),
        (rb'{"a": "\udfff"}', "half of a surrogate pair"),
        (rb'{"\uD83D": 1}', "half of a surrogate pair"),
        (rb'["\ude00\ud83d"]', "half of a surrogate pair"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "a name stands twice"),
        (b"[NaN]", "grammar"),
        (b"-Infinity", "grammar"),
        (b"1e999", "a number has more than"),
        (b"9" * (MAX_NUMBER + 1), "a number has more than"),
        (b"9" * 10_000, "a number has more than"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested more than"),
        (b"[" * 200_000 + b"]" * 200_000, "nested more than"),
        (b'{"a":' * 200_000, "nested more than"),
        (b"", "grammar"),
        (b"{} {}", "grammar"),
    ],
)
def test_each_rule_says_why_and_repeats_nothing(octets: bytes, says: str) -> None:
    """A refusal names the rule; neither its text nor what it was raised from holds the input."""
    with pytest.raises(JSONError, match=says) as caught:
        read(octets)

    assert isinstance(caught.value, GrammarError) == (says == "grammar")
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 100


def test_only_an_object_is_read_as_one() -> None:
    """Where an object is needed, any other value is refused."""
    assert read_object(b'{"a": [1]}') == {"a": [1]}
    for other in (b"[]", b"null", b'"{}"', b"1"):
        with pytest.raises(JSONError, match="not an object"):
            read_object(other)


def test_text_with_half_of_a_pair_is_refused() -> None:
    """Text that could not have come from UTF-8 is refused, as its escape is."""
    for text in (f'"{HALF}"', '"\\udfff"'):
        with pytest.raises(JSONError, match="half of a surrogate pair"):
            read_text(text)


def test_depth_counts_arrays_and_objects() -> None:
    """Depth is the number of arrays and objects inside one another, and measuring it never recurses."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    assert not is_deeper(1, 0)
    assert is_deeper([], 0)
    assert not is_deeper([1, {"a": 1}], 2)
    assert is_deeper([1, {"a": [1]}], 2)
    assert is_deeper(deep, 99_999)
    assert not is_deeper(deep, 100_000)


@given(value=st.recursive(st.integers() | st.text(st.characters()), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_mended_value_can_be_written_and_a_whole_one_is_untouched(value: Any) -> None:
    """What was kept with halves of surrogate pairs can be written after mending; everything else stays as it was."""
    before = json.dumps(value, ensure_ascii=False)
    after = json.dumps(mended(value), ensure_ascii=False)

    assert is_whole(after)
    assert not is_whole(before) or before == after


def test_mending_shows_the_half_that_was_kept() -> None:
    """Half of a surrogate pair is shown by its escape, in names and in values, so that it can be found and replaced."""
    assert mended({"a": f"x{HALF}", HALF: [HALF, "é😀", 1]}) == {"a": r"x\udfff", r"\udfff": [r"\udfff", "é😀", 1]}
