"""What was changed, as the audit says it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import entity

from connector.domain import changes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, "a", 'stage: "a"'),
        ("a", {"b": [1]}, 'stage: from "a" to {"b": [1]}'),
        ("a", None, 'stage: "a", removed'),
        ("https://me:secret@shop.example/x", None, 'stage: "https://…@shop.example/x", removed'),
        (None, "https://me:p@ss@shop.example/a@b", 'stage: "https://…@shop.example/a@b"'),
        (None, {"url": "//shop", "mail": "a@b"}, 'stage: {"url": "//shop", "mail": "a@b"}'),
        (None, "a\u202eb\n", 'stage: "a\\u202eb\\n"'),
        (None, "ä", 'stage: "ä"'),
    ],
)
def test_a_value_is_told(before: object, after: object, told: str) -> None:
    """Set, changed, removed; no password of a URL, and nothing that a terminal acts upon."""
    assert changes.of_value("stage", before, after) == told


def test_the_changes_of_an_entity_are_told() -> None:
    """Each field, detail and label that differs is named, with both values; where nothing differs, the name alone."""
    before = replace(entity(), name="shop", description=None, details={"baseUrl": "https://a"}, labels={"a": 1})
    after = replace(before, name="store", description="Sells", details={"baseUrl": "https://b"}, labels={"b": 2})
    assert changes.of_entity(before, before) == "shop"
    assert changes.of_entity(before, after) == (
        'store: name: from "shop" to "store"; description: "Sells"; baseUrl: from "https://a" to "https://b"; '
        "label a: 1, removed; label b: 2"
    )


@given(st.text(), st.text())
def test_it_is_bounded_and_printable(before: str, after: str) -> None:
    """However long the values are, and whatever is in them, the text is short and holds no control character."""
    told = changes.of_value("k", before * 100, after * 100)
    assert len(told) <= 2 * changes.MOST_OF_A_VALUE + 20
    assert told.isprintable()
