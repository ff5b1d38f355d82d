"""Applications, runtimes and integration systems over the Director API, and their labels."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.director import INPUTS, REGISTER, Director, director
from tests.support.server import Server

from connector.domain.labels import MAX_DEPTH, MAX_VALUE, MOST_ELEMENTS, MOST_LABELS, canonical

# Unicode's controls of direction, and other characters that are not seen: two names that look alike are one lie.
INVISIBLE = (
    "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
CONTROLS = "".join(map(chr, (*range(32), *range(127, 160))))

SET_EVENTING = """mutation ($app: ID!, $runtime: ID!) {
    result: setDefaultEventingForApplication(appID: $app, runtimeID: $runtime) { defaultURL }
}"""
DELETE_EVENTING = "mutation ($app: String!) { result: deleteDefaultEventingForApplication(appID: $app) { defaultURL } }"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind, by its names in the schema."""

    name: str
    word: str
    update: str
    forbidden: str
    default_labels: dict[str, str]

    def __str__(self) -> str:
        return self.word

    def register(self, fields: str) -> str:
        return REGISTER.format(kind=self.name, type=INPUTS[self.name], fields=fields)

    def change(self, fields: str) -> str:
        return (
            f"mutation ($id: ID!, $in: {self.update}!) {{ result: update{self.name}(id: $id, in: $in) {{ {fields} }} }}"
        )

    def unregister(self) -> str:
        return f"mutation ($id: ID!) {{ result: unregister{self.name}(id: $id) {{ id name }} }}"

    def read(self, fields: str) -> str:
        return f"query ($id: ID!) {{ result: {self.word}(id: $id) {{ {fields} }} }}"

    def set_label(self) -> str:
        return (
            f"mutation ($id: ID!, $key: String!, $value: Any!) {{ "
            f"result: set{self.name}Label({self.word}ID: $id, key: $key, value: $value) {{ key value }} }}"
        )

    def delete_label(self) -> str:
        return (
            f"mutation ($id: ID!, $key: String!) {{ "
            f"result: delete{self.name}Label({self.word}ID: $id, key: $key) {{ key value }} }}"
        )


UNPRINTABLE = CONTROLS + INVISIBLE
# What a runtime's name, which is part of URLs and of host names, must not have in addition.
PUNCTUATION = "".join(set(string.punctuation) - set("._-"))
KINDS = [
    Kind(
        "Application",
        "application",
        "ApplicationUpdateInput",
        UNPRINTABLE,
        {"name": "mp-first", "managed": "false", "integrationSystemID": ""},
    ),
    Kind(
        "Runtime",
        "runtime",
        "RuntimeUpdateInput",
        " " + PUNCTUATION + UNPRINTABLE,
        {"isNormalized": "true"},
    ),
    Kind("IntegrationSystem", "integrationSystem", "IntegrationSystemInput", UNPRINTABLE, {}),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "entities") as caller:
        yield caller


@pytest.fixture(scope="module")
def labeled(admin: Director) -> str:
    """An application to hang labels on."""
    return admin.register("labeled")


@every_kind
def test_a_life(admin: Director, kind: Kind) -> None:
    """Registered, read, updated, listed, unregistered: each answer is what was asked for, and then it is gone."""
    fields = "id name description labels updatedAt status { condition timestamp }"
    fields = fields.partition(" status")[0] if kind.name == "IntegrationSystem" else fields
    made = admin.ask(kind.register(fields), {"in": {"name": "first", "description": "A\nshop"}})
    assert made["labels"] == kind.default_labels
    assert made["updatedAt"] is None
    assert made.get("status", {"condition": "INITIAL"})["condition"] == "INITIAL"
    assert admin.ask(kind.read(fields), {"id": made["id"]}) == made

    rename = {} if kind.name == "Application" else {"name": "second"}
    changed = admin.ask(kind.change(fields), {"id": made["id"], "in": rename})
    assert changed == {**made, **rename, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] is not None
    changed = admin.ask(kind.change(fields), {"id": made["id"], "in": {**rename, "description": None}})
    assert changed["description"] is None

    listed = admin.ask(f"query {{ result: {kind.word}s {{ data {{ {fields} }} totalCount }} }}")
    assert changed in listed["data"]
    gone = {"id": made["id"], "name": changed["name"]}
    assert admin.ask(kind.unregister(), {"id": made["id"]}) == gone
    assert admin.ask(kind.read("id"), {"id": made["id"]}) is None
    for document, given_in in ((kind.unregister(), {}), (kind.change("id"), {"in": rename})):
        assert admin.refused(document, {"id": made["id"], **given_in})[:2] == (20, "not_found")


@every_kind
def test_names_are_unique(admin: Director, kind: Kind) -> None:
    """A name is taken once for each kind in a tenant: 31 for the second, and another tenant is free to use it."""
    admin.register("taken", kind.name)
    other = admin.register("other", kind.name)

    refused = admin.refused(kind.register("id"), {"in": {"name": "taken"}})
    assert refused[:2] == (31, "not_unique_name")
    assert refused.message.startswith(f"Object name is not unique [object={kind.word}]")
    if kind.name != "Application":
        assert admin.refused(kind.change("id"), {"id": other, "in": {"name": "taken"}})[:2] == (31, "not_unique_name")
    assert admin.ask(kind.read("name"), {"id": other}) == {"name": "other"}
    assert admin.enter(f"entities-{kind.word}").register("taken", kind.name)


@every_kind
def test_every_forbidden_character(admin: Director, kind: Kind) -> None:
    """No control or direction mark gets into a name, nor punctuation into a runtime's; the message names the field in
    the words that Compass's clients read.
    """
    names = [
        *(f"a{character}b" for character in kind.forbidden),
        *("", " ", "a\n", "a" * (257 if kind.name == "Runtime" else 101)),
    ]
    told = {name: admin.refused(kind.register("id"), {"in": {"name": name}}) for name in names}

    assert {refused[:2] for refused in told.values()} == {(22, "invalid_data")}
    given_in = "IntegrationSystemInput" if kind.name == "IntegrationSystem" else f"{kind.name}RegisterInput"
    expected = re.compile(rf"Invalid data {given_in} \[name=(must be in a valid|the length must be no more than)")
    assert [name for name, refused in told.items() if not expected.match(refused.message)] == []
    assert not any(character in refused.message for refused in told.values() for character in CONTROLS + INVISIBLE)


@every_kind
def test_every_forbidden_character_in_texts(admin: Director, kind: Kind) -> None:
    """Descriptions and providers' names hold no control or direction mark, but for lines and tabs."""
    fields = ["description", "providerName"] if kind.name == "Application" else ["description"]
    for field in fields:
        for character in (set(CONTROLS) - set("\n\t")) | set(INVISIBLE):
            refused = admin.refused(kind.register("id"), {"in": {"name": "text", field: f"a{character}b"}})
            assert refused[:2] == (22, "invalid_data")
            assert f"[{field}=must be in a valid format]" in refused.message
        refused = admin.refused(kind.register("id"), {"in": {"name": "text", field: "a" * 2001}})
        assert f"[{field}=the length must be no more than " in refused.message


@every_kind
def test_labels_by_key(admin: Director, kind: Kind) -> None:
    """A label is set, read alone and among the others, replaced and deleted; one that is not there is not found."""
    owner = admin.register("keyed", kind.name)
    before = admin.ask(kind.read("labels"), {"id": owner})["labels"]
    for value in ("blue", ["blue", {"of": None}]):
        pair = {"key": "color", "value": value}
        assert admin.ask(kind.set_label(), {"id": owner, **pair}) == pair
        assert admin.ask(kind.read('labels(key: "color")'), {"id": owner}) == {"labels": {"color": value}}
    assert admin.ask(kind.read("labels"), {"id": owner})["labels"] == {**before, "color": value}

    assert admin.ask(kind.delete_label(), {"id": owner, "key": "color"}) == pair
    assert admin.ask(kind.read("labels"), {"id": owner})["labels"] == before
    assert admin.ask(kind.read('labels(key: "color")'), {"id": owner}) == {"labels": {}}
    refused = admin.refused(kind.delete_label(), {"id": owner, "key": "color"})
    assert (refused.error_code, "'color'" in refused.message) == (20, True)


@given(value=VALUES)
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_value(admin: Director, labeled: str, value: Any) -> None:
    """A label's value comes back as it was given, whatever JSON it is; null is no value, as the schema says."""
    kind = KINDS[0]
    if value is None:
        assert admin.refused(kind.set_label(), {"id": labeled, "key": "any", "value": value}).error_code == 22
        return
    assert canonical(admin.ask(kind.set_label(), {"id": labeled, "key": "any", "value": value})["value"]) == canonical(
        value
    )
    assert canonical(admin.ask(kind.read("labels"), {"id": labeled})["labels"]["any"]) == canonical(value)


def nested(depth: int) -> Any:
    """A value of so many lists, one within the other."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_labels_have_limits(admin: Director, labeled: str) -> None:
    """What is too long, too deep or too much is refused, and changes nothing; what just fits is kept."""
    kind = KINDS[0]
    before = admin.ask(kind.read("labels"), {"id": labeled})
    fits = ["x" * (MAX_VALUE - 2), nested(MAX_DEPTH), [1] * MOST_ELEMENTS]
    too_much: list[Any] = ["x" * (MAX_VALUE - 1), nested(MAX_DEPTH + 1), [1] * (MOST_ELEMENTS + 1), nested(400)]
    for value in too_much:
        refused = admin.refused(kind.set_label(), {"id": labeled, "key": "big", "value": value})
        assert refused.error_code == 22
        assert "labels.big" in refused.message or "nested more than" in refused.message
    for key in ("", "-a", "a-", "a b", "a$", 'a"', "\u00e4", "a\n", "a" * 257):
        assert "label key" in admin.refused(kind.set_label(), {"id": labeled, "key": key, "value": 1}).message
    assert admin.ask(kind.read("labels"), {"id": labeled}) == before
    for value in fits:
        assert admin.ask(kind.set_label(), {"id": labeled, "key": "big", "value": value})["value"] == value
    admin.ask(kind.delete_label(), {"id": labeled, "key": "big"})


def test_ten_thousand_labels(admin: Director) -> None:
    """Ten thousand labels are refused, and so is the one after the last that fits; nothing is registered."""
    kind = KINDS[0]
    many = {f"key{number}": number for number in range(10_000)}
    assert "use at most 100" in admin.refused(kind.register("id"), {"in": {"name": "many", "labels": many}}).message

    room = MOST_LABELS - len(kind.default_labels)
    full = admin.register("many", labels=dict(list(many.items())[:room]))
    assert admin.refused(kind.set_label(), {"id": full, "key": "one-more", "value": 1}).error_code == 22
    assert len(admin.ask(kind.read("labels"), {"id": full})["labels"]) == MOST_LABELS


@pytest.mark.parametrize("value", ["\\ud800", "\\udc00\\ud800", "NaN", "1e999", '{"a":1'])
def test_what_is_no_json(admin: Director, labeled: str, value: str) -> None:
    """A value that no JSON text can carry is refused, never stored and never an internal error."""
    text = f'"{value}"' if value.startswith("\\") else value
    variables = f'{{"id": "{labeled}", "key": "odd", "value": {text}}}'
    body = f'{{"query": "{KINDS[0].set_label()}", "variables": {variables}}}'
    headers = {"Authorization": f"Bearer {admin.key}", "Tenant": "entities", "Content-Type": "application/json"}
    answer = admin.http.post(admin.server.public_director, content=body, headers=headers).json()

    assert [entry["extensions"]["error_code"] for entry in answer["errors"]] == [22]
    assert admin.ask(KINDS[0].read('labels(key: "odd")'), {"id": labeled}) == {"labels": {}}


def test_integration_systems_in_use(admin: Director) -> None:
    """An integration system that applications name is not unregistered, and one that is not there is not named."""
    system = admin.register("keeper", "IntegrationSystem")
    runtime = admin.register("no-keeper", "Runtime")
    application, systems = KINDS[0], KINDS[2]
    for wrong in (runtime, "nobody"):
        refused = admin.refused(application.register("id"), {"in": {"name": "kept", "integrationSystemID": wrong}})
        assert refused.error_code == 20
    kept = admin.register("kept", integrationSystemID=system)
    assert admin.ask(application.read("integrationSystemID labels"), {"id": kept}) == {
        "integrationSystemID": system,
        "labels": {"name": "mp-kept", "managed": "false", "integrationSystemID": system},
    }

    assert admin.refused(systems.unregister(), {"id": system}).error == "object_in_use"
    assert admin.ask(systems.read("id"), {"id": system}) == {"id": system}
    admin.ask(application.unregister(), {"id": kept})
    assert admin.ask(systems.unregister(), {"id": system})["id"] == system


def test_eventing(admin: Director) -> None:
    """An application's events go to the runtime that was set, under its normalized name, until it is taken away."""
    application = admin.register("Events Shop")
    runtime = admin.register("events", "Runtime", labels={"runtime_eventServiceUrl": "https://events.example"})
    ids = {"app": application, "runtime": runtime}
    assert admin.ask(SET_EVENTING, ids) == {"defaultURL": "https://events.example/mp-events-shop/v1/events"}
    assert admin.refused(SET_EVENTING, {**ids, "runtime": application}).error_code == 20
    assert admin.ask(DELETE_EVENTING, {"app": application}) == {"defaultURL": ""}
