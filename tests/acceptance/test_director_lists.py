"""Lists of the Director API: pages, cursors, filters by label, and what is refused of each."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.director import Director, director
from tests.support.server import Server

MANY = 450
LISTS = {
    "applications": "name",
    "runtimes": "name",
    "integrationSystems": "name",
    "oneTimeTokens": "id",
    "certificates": "serial",
    "tenants": "id",
    "apiKeys": "id",
}
UNREGISTER = "mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }"
NAMES = [f"shop {number:03}" for number in range(MANY)]
COLORS = {"blue": "blue", "list": ["blue", "green"], "number": 1, "object": {"a": [1]}, "text": '1 "one"', "none": []}


def paged(field: str, inner: str = "name", filter: str = "") -> str:
    """The document that asks for one page."""
    return (
        f"query ($first: Int, $after: PageCursor) {{ result: {field}(first: $first, after: $after {filter}) {{ "
        f"data {{ {inner} }} pageInfo {{ startCursor endCursor hasNextPage }} totalCount }} }}"
    )


def by_label(*pairs: tuple[str, str | None]) -> str:
    """The filter argument."""
    entries = (f"{{key: {json.dumps(key)}, query: {json.dumps(query)}}}" for key, query in pairs)
    return f"filter: [{', '.join(entries)}]"


def walk(admin: Director, document: str, first: int) -> Iterator[dict[str, Any]]:
    """Page after page, to the end."""
    after = None
    for _ in range(MANY + 2):
        page = admin.ask(document, {"first": first, "after": after})
        yield page
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
    raise AssertionError("the list does not end")


def names(pages: Iterator[dict[str, Any]]) -> list[str]:
    return [entry["name"] for page in pages for entry in page["data"]]


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    """In a tenant that has many applications."""
    with director(server, "lists") as caller:
        for number, name in enumerate(NAMES):
            caller.register(name, labels={"parity": number % 2})
        yield caller


@pytest.fixture(scope="module")
def colored(server: Server) -> Iterator[Director]:
    """In a tenant whose runtimes are named for the color that they have."""
    with director(server, "colored") as caller:
        for name, value in COLORS.items():
            caller.register(name, "Runtime", labels={"color": value, "shape": "round"})
        caller.register("colorless", "Runtime")
        yield caller


@pytest.mark.parametrize("first", [3, 90, 149, 200])
def test_a_walk(admin: Director, first: int) -> None:
    """Pages of any size, put together, are the whole list in order, once; each knows how long that is."""
    pages = list(walk(admin, paged("applications"), first))

    assert names(iter(pages)) == NAMES
    assert {page["totalCount"] for page in pages} == {MANY}
    assert [len(page["data"]) for page in pages[:-1]] == [first] * (len(pages) - 1)


def test_a_walk_of_what_fits(admin: Director) -> None:
    """With a filter, the pages and the count are those of what fits."""
    pages = list(walk(admin, paged("applications", filter=by_label(("parity", "1"))), 100))

    assert names(iter(pages)) == NAMES[1::2]
    assert {page["totalCount"] for page in pages} == {MANY // 2}


def test_a_walk_while_the_list_changes(admin: Director) -> None:
    """What is there all the time is met exactly once, whatever is registered and unregistered between two pages."""
    passing = [admin.register(f"shop {number:03} passing") for number in range(0, MANY, 30)]
    met: list[str] = []
    for number, page in enumerate(walk(admin, paged("applications"), 40)):
        met += [entry["name"] for entry in page["data"]]
        passing += [admin.register(f"{place} late {number}") for place in ("aa", "shop 200", "zz")]
        admin.ask(UNREGISTER, {"id": passing.pop(0)})
    for left in passing:
        admin.ask(UNREGISTER, {"id": left})

    assert [name for name in met if name in NAMES] == NAMES
    assert len(met) == len(set(met))
    assert met == sorted(met)


def test_an_empty_list(admin: Director) -> None:
    """A list of nothing is a page, too."""
    page = admin.ask(paged("runtimes"))

    assert page == {"data": [], "pageInfo": {"startCursor": "", "endCursor": "", "hasNextPage": False}, "totalCount": 0}


@pytest.mark.parametrize("field", LISTS)
def test_how_many(admin: Director, field: str) -> None:
    """No list gives none, fewer than none, or more than 200 at once."""
    document = paged(field, LISTS[field])
    for first in (0, -1, 201, 10**9, 2**31 - 1):
        refused = admin.refused(document, {"first": first})
        assert (refused.error_code, "data first: use 1 to 200" in refused.message) == (22, True)
    for first in (2**31, 1.5, "1", [1]):
        assert admin.refused(document, {"first": first}).error_code == 22
    assert admin.ask(document, {"first": None})["totalCount"] >= 0


@pytest.mark.parametrize("field", LISTS)
def test_cursors_of_elsewhere(admin: Director, colored: Director, field: str) -> None:
    """A cursor is good for its list alone: not another list, tenant or filter, and nothing that was made up."""
    document = paged(field, LISTS[field])
    own = admin.ask(paged("applications"), {"first": 1})["pageInfo"]["endCursor"]
    others = [
        colored.ask(paged("runtimes"), {"first": 1})["pageInfo"]["endCursor"],
        admin.ask(paged("applications", filter=by_label(("parity", None))), {"first": 1})["pageInfo"]["endCursor"],
        admin.ask(paged("applications", filter=by_label(("parity", "1"))), {"first": 1})["pageInfo"]["endCursor"],
        *("0", "A" * 16, "=", "\u00e4", "\0", "W10=", "A" * 4000, "' OR 1=1 --"),
    ]
    for cursor in [*others, *([] if field == "applications" else [own])]:
        refused = admin.refused(document, {"after": cursor})
        assert (refused.error_code, "data after:" in refused.message) == (22, True)


def test_cursors_that_were_changed(admin: Director) -> None:
    """A cursor that was cut, lengthened, or changed in any character is refused."""
    document = paged("applications")
    cursor = admin.ask(document, {"first": 1})["pageInfo"]["endCursor"]
    changed = [cursor[:place] + chr(ord(cursor[place]) ^ 1) + cursor[place + 1 :] for place in range(len(cursor))]
    cut = [cursor[:place] for place in range(1, len(cursor))]

    for wrong in (*changed, *cut, cursor + "A", cursor + "=", cursor + "\n", " " + cursor):
        assert admin.refused(document, {"after": wrong})[:2] == (22, "invalid_data")


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("color", None)], sorted(COLORS)),
        ([("shade", None)], []),
        ([("color", '"blue"')], ["blue", "list"]),
        ([("color", '$[*] ? (@ == "blue")')], ["blue", "list"]),
        ([("color", '$[*]?(@=="green")')], ["list"]),
        ([("color", ' $[*] ? ( @ == "green" ) ')], ["list"]),
        ([("color", '["blue", "green"]')], ["list"]),
        ([("color", '["green", "blue"]')], []),
        ([("color", "1")], ["number"]),
        ([("color", "1.0")], ["number"]),
        ([("color", '"1"')], []),
        ([("color", '{ "a": [1] }')], ["object"]),
        ([("color", '"1 \\"one\\""')], ["text"]),
        ([("color", "[]")], ["none"]),
        ([("color", "null")], []),
        ([("color", '"blue"'), ("shape", '"round"')], ["blue", "list"]),
        ([("color", '"blue"'), ("shape", '"square"')], []),
        ([("color", '"blue"'), ("color", '"green"')], ["list"]),
        ([("color", '"%"')], []),
        ([], sorted([*COLORS, "colorless"])),
    ],
)
def test_filters(colored: Director, pairs: list[tuple[str, str | None]], found: list[str]) -> None:
    """A filter finds those that have all the labels: the key alone, its value, or an element of a list."""
    page = colored.ask(paged("runtimes", filter=by_label(*pairs)))

    assert names(iter([page])) == found
    assert page["totalCount"] == len(found)


@pytest.mark.parametrize(
    "query", ["", "blue", "'blue'", "$.color", "$[*] ? (@ == blue)", '$[*] ? (@ != "blue")', "[" * 10_000, "NaN", "1 1"]
)
def test_filters_that_cannot_be_read(colored: Director, query: str) -> None:
    """A query that is none is refused, and not taken for one that finds nothing."""
    refused = colored.refused(paged("runtimes", filter=by_label(("color", query))))

    assert (refused.error_code, "filter.query" in refused.message) == (22, True)


def test_filters_have_limits(colored: Director) -> None:
    """Eleven labels in a filter are too many, and a key that cannot be one is no key."""
    assert "at most 10" in colored.refused(paged("runtimes", filter=by_label(*[("color", None)] * 11))).message
    assert "label key" in colored.refused(paged("runtimes", filter=by_label(("a b", None)))).message
