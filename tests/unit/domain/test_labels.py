"""Labels: what may be kept, how it is found, and the names that applications have in URLs."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import labels
from connector.domain.labels import LabelFilter
from connector.domain.refusals.objects import InvalidData

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def nested(depth: int, innermost: Any = 1) -> Any:
    """A value inside so many lists and objects, in turn."""
    value = innermost
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


def spelled(value: Any) -> Any:
    """The same JSON value as another program would have it: whole numbers as floats, names in the other order."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, dict):
        return {name: spelled(value[name]) for name in reversed(value)}
    return value


@given(JSON)
def test_a_value_has_one_text(value: Any) -> None:
    """However a value is spelled, its text is one: printable ASCII that reads back as the same value, and stays so."""
    text = labels.canonical(value)

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value
    assert labels.canonical(json.loads(text)) == text
    assert labels.canonical(spelled(value)) == text


@given(JSON, JSON)
def test_two_values_have_two_texts(one: Any, other: Any) -> None:
    """Values that differ have different texts: true is not 1, nor "1", though in Python some of these are equal."""
    same = labels.canonical(one) == labels.canonical(other)

    assert same == (repr(_typed(one)) == repr(_typed(other)))


def _typed(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_typed(each) for each in value]
    if isinstance(value, dict):
        return {name: _typed(value[name]) for name in sorted(value)}
    return value


@given(JSON)
def test_a_label_is_found_by_its_value_and_by_its_elements(value: Any) -> None:
    """Both forms of a query find a label with the value itself, and a list by each of its elements."""
    for each in [value, *value] if isinstance(value, list) else [value]:
        for query in (json.dumps(each), f"$[*] ? (@ == {json.dumps(each)} )"):
            which = labels.read_filter("key", query)
            assert which.term in labels.terms(value)
    assert len(labels.terms(value)) <= 1 + (len(value) if isinstance(value, list) else 0)


@given(JSON)
def test_an_object_is_not_found_by_what_is_in_it(value: Any) -> None:
    """What lies deeper than a list's elements finds nothing, unless it is itself such a value."""
    assert labels.terms({"a": value}) == {labels.read_filter("k", json.dumps({"a": value})).term}


@given(st.text(max_size=60), st.none() | st.text(max_size=80) | st.text("$[*]?(@=\"'){}0123 nulltre,:", max_size=40))
def test_any_filter_is_read_or_refused(key: str, query: str | None) -> None:
    """Whatever is sent as a filter is read or refused as invalid data."""
    try:
        which = labels.read_filter(key, query)
    except InvalidData:
        return
    assert which.key == key
    assert (which.term is None) == (query is None)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('"blue"', "blue"),
        ('$[*] ? (@ == "blue")', "blue"),
        ('$[*]?(@=="blue")', "blue"),
        (' $[*]  ? ( @ == "blue" ) ', "blue"),
        ('$[*] ? (@ == "a) ? (b")', "a) ? (b"),
        ("1", 1),
        ("1.0", 1),
        ("1e2", 100),
        (" null ", None),
        ('{"b": 1, "a": [2]}', {"a": [2], "b": 1}),
    ],
)
def test_queries(query: str, value: Any) -> None:
    """A query is a JSON value, or the original's path with one."""
    assert labels.read_filter("key", query) == LabelFilter("key", *labels.terms(value))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "blue",
        "'blue'",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "[1",
        "$[*]",
        "$[*] ? (@ == blue)",
        '$[*] ? (@ != "blue")',
        '$.a ? (@ == "blue")',
        "$[*] ? (@ == )",
        "[" * 10_000,
        "9" * 5000,
        '"\n"',
    ],
)
def test_queries_refused(query: str) -> None:
    """What is neither is refused, and the message shows both forms."""
    with pytest.raises(InvalidData, match=re.escape('$[*] ? (@ == "blue")')):
        labels.read_filter("key", query)


def test_a_filter_without_a_query_asks_for_the_key() -> None:
    """Without a query any value fits, null too."""
    assert labels.read_filter("a/b.c-d_e", None) == LabelFilter("a/b.c-d_e", None)


@pytest.mark.parametrize("key", ["a", "A9", "a.b-c_d/e", "x" * 256, "0", "integrationSystemID"])
def test_keys(key: str) -> None:
    """A key is 1 to 256 ASCII letters, digits, dots, dashes, underscores and slashes."""
    assert labels.check({key: None}) == {key: None}
    assert labels.read_filter(key, None).key == key


@pytest.mark.parametrize("key", ["", "x" * 257, "-a", "a-", "/a", "a b", "ä", "a\n", "a\x00", "a$", "a'", "a:b"])
def test_keys_refused(key: str) -> None:
    """Any other key is refused, to set and to look for."""
    with pytest.raises(InvalidData, match="label key"):
        labels.check({key: 1})
    with pytest.raises(InvalidData, match="label key"):
        labels.read_filter(key, None)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), JSON, max_size=5))
def test_small_labels_are_kept_as_they_are(given_labels: dict[str, Any]) -> None:
    """Labels of any JSON values are kept as they are, not even copied."""
    assert labels.check(given_labels) is given_labels


@pytest.mark.parametrize(
    "value",
    [
        "x" * (labels.MAX_VALUE - 2),
        [0] * labels.MOST_ELEMENTS,
        nested(labels.MAX_DEPTH),
        nested(labels.MAX_DEPTH - 1, []),
        {str(number): number for number in range(1000)},
    ],
)
def test_values_up_to_the_limits(value: Any) -> None:
    """A value at a limit is kept."""
    assert labels.check({"key": value}) == {"key": value}


@pytest.mark.parametrize(
    "value",
    [
        "x" * (labels.MAX_VALUE - 1),
        "ä" * (labels.MAX_VALUE // 6 + 1),
        [0] * (labels.MOST_ELEMENTS + 1),
        nested(labels.MAX_DEPTH + 1),
        nested(100_000),
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        10**5000,
    ],
    ids=range(9),
)
def test_values_beyond_the_limits(value: Any) -> None:
    """A value beyond a limit, or of no JSON, is refused, and the message names the label."""
    with pytest.raises(InvalidData, match=r"labels\.key"):
        labels.check({"key": value})


@pytest.mark.parametrize("value", ["\udfff", ["\ud83d"], {"a": {"\ude00\ud83d": 1}}])
def test_halves_of_surrogate_pairs_are_refused(value: Any) -> None:
    """No label holds half of a surrogate pair, which no answer could carry; the message repeats none."""
    with pytest.raises(InvalidData, match=r"labels\.key: use whole characters") as caught:
        labels.check({"key": value})

    assert str(caught.value).isascii()


def test_so_many_labels() -> None:
    """A hundred labels are kept, one more is refused, ten thousand too."""
    assert len(labels.check({f"k{number}": number for number in range(labels.MOST_LABELS)})) == labels.MOST_LABELS
    for count in (labels.MOST_LABELS + 1, 10_000):
        with pytest.raises(InvalidData, match="at most 100"):
            labels.check({f"k{number}": number for number in range(count)})


def test_so_much_together() -> None:
    """Each label may be within its limit and all of them together beyond theirs."""
    value = "x" * (labels.MAX_VALUE - 2)
    count = labels.MAX_TOGETHER // labels.MAX_VALUE
    assert labels.check({f"k{number}": value for number in range(count)})
    with pytest.raises(InvalidData, match="for all of them"):
        labels.check({f"k{number}": value for number in range(count + 1)})


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("Billing", "mp-billing"),
        ("mp-billing", "mp-billing"),
        ("mp-Billing", "mp-mp-billing"),
        ("A  B__C", "mp-a-b-c"),
        ("a--b", "mp-a-b"),
        ("Größe 2.0", "mp-gr-e-2-0"),
        ("trailing.", "mp-trailing"),
        ("日本", "mp-cf2abf0c"),
    ],
)
def test_normalized_names(name: str, normalized: str) -> None:
    """As Compass normalizes: lower case, a dash for anything else, no two dashes together, one mp- in front; a name of
    which nothing would be left gets a digest of its own.
    """
    assert labels.normalized(name) == normalized


@given(st.text(min_size=1, max_size=120))
def test_any_normalized_name(name: str) -> None:
    """Every normalized name is a segment of a URL as it is, without two dashes together behind its prefix."""
    normalized = labels.normalized(name)

    assert re.fullmatch(r"mp-[a-z0-9-]*", normalized)
    assert "--" not in normalized.removeprefix("mp-")


@pytest.mark.parametrize("filler", [" ", ")", " )", "(", "\n"])
def test_a_long_query_is_refused_at_once(filler: str) -> None:
    """A query is bounded, and to read one takes a time in proportion to its length, however it is made."""
    for length in (16_000, 1_000_000):
        started = time.process_time()
        with pytest.raises(InvalidData):
            labels.read_filter("key", "$[*]?(@==" + filler * (length // len(filler)) + "x")
        assert time.process_time() - started < 5
