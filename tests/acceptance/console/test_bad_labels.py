"""Labels that no answer could carry: refused when they are typed, shown and replaced where they were kept."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import Visitor, visitor

HALF = r'{"a":"\udfff"}'
LIST = "/console/t/default/applications"


def assert_everything_is_served(stage: Stage, visited: Visitor, application: str) -> None:
    """Each page and list on which the application's labels stand answers 200, to the console and to the API."""
    for path in (
        LIST,
        f"{LIST}?sort=newest",
        f"{LIST}?label=bad",
        f"{LIST}/{application}",
        f"{LIST}/{application}/unregister",
        "/console/t/default",
        "/console/t/default/audit",
        "/console/t/default/audit/export?format=csv",
    ):
        answer = visited.get(path)
        assert answer.status_code == 200, path
    one = f'{{ result: application(id: "{application}") {{ labels }} }}'
    assert "bad" in stage.server.administer(one)["labels"]
    listed = '{ result: applications(filter: [{key: "bad"}]) { data { id labels } } }'
    assert application in {each["id"] for each in stage.server.administer(listed)["data"]}


@pytest.fixture
def application(stage: Stage) -> Iterator[str]:
    """An application with a good label named ``bad``; gone afterwards."""
    made = stage.server.application("labeled")
    stage.server.administer(
        f'mutation {{ result: setApplicationLabel(applicationID: "{made}", key: "bad", value: "good") {{ key }} }}'
    )
    yield made
    stage.server.administer(f'mutation {{ result: unregisterApplication(id: "{made}") {{ id }} }}')


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (HALF, "half of a surrogate pair"),
        (r'"\ud83d"', "half of a surrogate pair"),
        ('{"a": 1, "a": 2}', "a name stands twice"),
        ("1e999", "larger than a double"),
        ("9" * 401, "more than 400 characters"),
        ("[" * 17 + "1" + "]" * 17, "nested at most 16"),
        ("[" * 33 + "1" + "]" * 33, "nested more than 32"),
    ],
)
def test_a_label_that_may_not_be_kept_is_refused_on_its_page(
    stage: Stage, application: str, typed: str, says: str
) -> None:
    """A value that follows the grammar of JSON and breaks a rule is refused with the rule, and nothing changes."""
    with visitor(stage.server, "operator") as visited:
        visited.get(f"{LIST}/{application}")
        answer = visited.post(f"{LIST}/{application}/labels", key="bad", value=typed)

        assert answer.status_code == 400
        assert says in answer.text
        assert_everything_is_served(stage, visited, application)
    told = stage.server.administer(f'{{ result: application(id: "{application}") {{ labels }} }}')
    assert told["labels"]["bad"] == "good"


@pytest.mark.parametrize("typed", ["NaN", "blue", "{blue", r"\udfff", "-Infinity", "'x'"])
def test_what_is_no_json_is_kept_as_the_text_that_was_typed(stage: Stage, application: str, typed: str) -> None:
    """A value that does not follow the grammar of JSON is a text."""
    with visitor(stage.server, "operator") as visited:
        visited.get(f"{LIST}/{application}")
        assert visited.post(f"{LIST}/{application}/labels", key="bad", value=typed).status_code == 303

        assert_everything_is_served(stage, visited, application)
    told = stage.server.administer(f'{{ result: application(id: "{application}") {{ labels }} }}')
    assert told["labels"]["bad"] == typed


def test_a_bad_label_of_an_earlier_version_is_shown_and_replaced(stage: Stage, application: str) -> None:
    """A kept half of a surrogate pair is shown as its escape everywhere, and setting the label replaces it."""
    kept = json.dumps({"bad": {"a": "\udfff"}, "face": "\U0001f600"}, separators=(",", ":"), sort_keys=True)
    with closing(sqlite3.connect(stage.server.data / "connector.db", timeout=30)) as database, database:
        database.execute("UPDATE entities SET labels = ? WHERE id = ?", (kept, application))
    with visitor(stage.server, "operator") as visited:
        assert_everything_is_served(stage, visited, application)
        one = f'{{ result: application(id: "{application}") {{ labels }} }}'
        assert stage.server.administer(one)["labels"] == {"bad": {"a": r"\udfff"}, "face": "\U0001f600"}

        visited.get(f"{LIST}/{application}")
        assert visited.post(f"{LIST}/{application}/labels", key="bad", value="mended").status_code == 303
        assert_everything_is_served(stage, visited, application)
        assert stage.server.administer(one)["labels"] == {"bad": "mended", "face": "\U0001f600"}
