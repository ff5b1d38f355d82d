from typing import Any

import pytest
from graphql import parse

from connector.web.graphql.vouching import shows_credential


@pytest.mark.parametrize(
    ("document", "data", "shows"),
    [
        ("{ viewer { id } }", {"viewer": {"id": "1"}}, True),
        ("{ me: viewer { id } }", {"me": {"id": "1"}}, True),
        ("{ __typename viewer { id } }", {"__typename": "Query", "viewer": {"id": "1"}}, True),
        ("{ __typename }", {"__typename": "Query"}, False),
        ("{ viewer: __typename }", {"viewer": "Query"}, False),
        ("{ a: __schema { queryType { name } } }", {"a": {"queryType": {"name": "Query"}}}, False),
        ("{ __typename viewer @skip(if: true) { id } }", {"__typename": "Query"}, False),
        ("{ viewer @skip(if: true) { id } }", {}, False),
        ("{ ...F } fragment F on Query { __typename }", {"__typename": "Query"}, False),
        ("{ ... on Query { __typename } }", {"__typename": "Query"}, False),
        ("query A { x: __typename } query B { x: viewer { id } }", {"x": "Query"}, False),
        ("{ viewer { id } }", None, False),
    ],
)
def test_what_everybody_is_answered_shows_no_credential(
    document: str, data: dict[str, Any] | None, *, shows: bool
) -> None:
    """Only the answer of a field that takes a credential shows one; introspection, under whatever name, does not."""
    assert shows_credential(parse(document), data) == shows
