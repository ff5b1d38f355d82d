"""Tenants, applications and runtimes: what their names may be."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import directory
from connector.domain.directory import Entity, EntityKind
from connector.domain.refusals.objects import InvalidData

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=1)
TENANT = directory.register_tenant("acme", "Acme", id=ID, now=NOW)


APPLICATION, RUNTIME, INTEGRATION_SYSTEM = EntityKind
LATER = NOW + timedelta(days=1)


def register(kind: EntityKind, name: str, description: str | None = None) -> Entity:
    return directory.register_entity(TENANT, kind, {"name": name, "description": description}, id=ID, now=NOW)


@pytest.mark.parametrize("kind", [EntityKind.APPLICATION, EntityKind.INTEGRATION_SYSTEM])
@pytest.mark.parametrize(
    "name",
    ["a", "Über Shop", "x" * 100, "app@wordpress", "SAP S/4HANA (EU)", "shop: berlin", "ends in a dot.", "<b>", "日本"],
)
def test_application_name_is_any_printable_text(kind: EntityKind, name: str) -> None:
    """Applications and integration systems are named by 1 to 100 printable characters, as in Compass."""
    assert register(kind, name).name == name


@pytest.mark.parametrize("name", ["", " ", "a\n", "a\x00b", "a\u202eb", "a\u200bb", "x" * 101, "a\tb", "\udfff"])
def test_name_with_unprintable_characters_is_refused(name: str) -> None:
    """No name holds a character that a terminal acts on, that turns the direction of writing, or that is not seen."""
    with pytest.raises(InvalidData, match="name"):
        register(EntityKind.APPLICATION, name)


@given(st.text(max_size=120))
def test_any_name_is_kept_as_it_is_or_refused(name: str) -> None:
    """A name is stored character by character or refused; none is repaired."""
    try:
        kept = register(EntityKind.APPLICATION, name).name
    except InvalidData:
        return
    assert kept == name
    assert kept.isprintable()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("appwordpress", "mp-appwordpress", True),
        ("appwordpress", "APPwordpress", True),
        ("app@wordpress", "app wordpress", True),
        ("appwordpress", "app-wordpress", False),
        ("日本", "東京", False),
        ("日本 1", "東京 1", True),
    ],
)
def test_applications_are_told_apart_by_their_normalised_names(one: str, other: str, alike: bool) -> None:  # noqa: FBT001
    """Two names are alike if they normalise to the same text, except where nothing would be left of either."""
    names = [register(EntityKind.APPLICATION, name).normalized_name for name in (one, other)]

    assert (names[0] == names[1]) is alike
    assert register(EntityKind.RUNTIME, "a").normalized_name is None


def test_a_system_number_tells_applications_apart() -> None:
    """Two applications of one normalised name are different systems if their system numbers differ."""
    numbered = [made(details={"systemNumber": number}).normalized_name for number in ("1", "2", None)]

    assert numbered == ["mp-shop/1", "mp-shop/2", "mp-shop"]


@pytest.mark.parametrize("name", ["a", "runtime-1.eu", "x" * 256, "Cluster_2", "-a", "AbCd"])
def test_runtime_names(name: str) -> None:
    """A runtime's name is 1 to 256 ASCII letters, digits, dashes, dots and underscores."""
    assert register(EntityKind.RUNTIME, name).name == name


@pytest.mark.parametrize("name", ["", "a b", "x" * 257, "a/b", "é"])
def test_runtime_names_refused(name: str) -> None:
    """Everything else is refused by the field's name."""
    with pytest.raises(InvalidData, match="name"):
        register(EntityKind.RUNTIME, name)


@pytest.mark.parametrize("description", ["x" * 2001, "a\x1b[31m", "a\x00"])
def test_descriptions_refused(description: str) -> None:
    """A description is at most 2000 characters and holds no control characters but line ends and tabs."""
    with pytest.raises(InvalidData, match="description"):
        register(EntityKind.APPLICATION, "a", description)


@pytest.mark.parametrize("external_id", ["", "a b", "-a", "a/b", "é", "x" * 129, "a\n"])
def test_external_ids_refused(external_id: str) -> None:
    """A tenant's external id fits a header as it is."""
    with pytest.raises(InvalidData, match="externalID"):
        directory.register_tenant(external_id, "name", id=ID, now=NOW)


def made(kind: EntityKind = APPLICATION, **particulars: Any) -> Entity:
    return directory.register_entity(TENANT, kind, {"name": "shop", **particulars}, id=ID, now=NOW)


@pytest.mark.parametrize("external_id", ["a", "Acme-1.eu_x", "x" * 128, "00000000-0000-0000-0000-000000000000"])
def test_external_ids(external_id: str) -> None:
    """A tenant's external id is 1 to 128 ASCII letters, digits, dots, dashes and underscores."""
    assert directory.register_tenant(external_id, "name", id=ID, now=NOW).external_id == external_id


@pytest.mark.parametrize("name", ["", "a/b", "<b>", "x" * 101])
def test_tenant_names_refused(name: str) -> None:
    """A tenant's name follows the rule of names."""
    with pytest.raises(InvalidData, match="name"):
        directory.register_tenant("acme", name, id=ID, now=NOW)


def test_what_is_registered() -> None:
    """A new entity is the tenant's, of its time, never updated, with what was given and the labels that clients expect.
    Given labels win, except for ``name``, which is always the normalised name.
    """
    entity = made(description="A shop", provider_name="Provider", labels={"managed": "true", "more": [1], "name": "x"})

    assert (entity.id, entity.tenant_id, entity.kind) == (str(ID), TENANT.id, APPLICATION)
    assert (entity.created_at, entity.updated_at) == (NOW, None)
    assert (entity.description, entity.provider_name) == ("A shop", "Provider")
    assert entity.labels == {"name": "mp-shop", "managed": "true", "integrationSystemID": "", "more": [1]}
    assert made(RUNTIME).labels == {"isNormalized": "true"}
    assert made(INTEGRATION_SYSTEM).labels == {}


def test_an_applications_integration_system_is_a_label_too() -> None:
    """The label says what the field says, from the beginning and after each change; clients filter by it."""
    entity = made(integration_system_id="one")
    assert entity.labels["integrationSystemID"] == "one"

    entity = directory.update_entity(entity, {"integration_system_id": "two"}, now=LATER)
    assert entity.labels["integrationSystemID"] == "two"
    entity = directory.update_entity(entity, {"integration_system_id": None}, now=LATER)
    assert entity.labels["integrationSystemID"] == ""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "other"},
        {"description": None},
        {"description": "line\n\tline"},
        {"provider_name": "x" * 256},
        {"labels": {}},
        {"eventing_runtime_id": "runtime"},
    ],
)
def test_what_is_not_named_stays(changes: dict[str, Any]) -> None:
    """An update changes the fields that it names, and the time of the last update; nothing else."""
    entity = made(description="A shop", provider_name="Provider", labels={"more": 1})

    updated = directory.update_entity(entity, changes, now=LATER)

    assert updated == replace(entity, **changes, updated_at=LATER, normalized_name=updated.normalized_name)
    assert updated.normalized_name == f"mp-{updated.name}"
    assert {field.name for field in fields(Entity)} >= {*changes}


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        (APPLICATION, {"name": "a\nb"}, "name"),
        (INTEGRATION_SYSTEM, {"name": ""}, "name"),
        (RUNTIME, {"name": "a/b"}, "name"),
        (APPLICATION, {"description": "x" * 2001}, "description"),
        (RUNTIME, {"description": "\x00"}, "description"),
        (APPLICATION, {"provider_name": "x" * 257}, "providerName"),
        (APPLICATION, {"details": {"healthCheckURL": "x" * 257}}, "healthCheckURL"),
        (RUNTIME, {"details": {"applicationNamespace": "\x1b"}}, "applicationNamespace"),
        (APPLICATION, {"provider_name": "\x1b[2J"}, "providerName"),
        (APPLICATION, {"labels": {"-": 1}}, "label key"),
        (APPLICATION, {"labels": {"a": float("nan")}}, "labels.a"),
        (APPLICATION, {"labels": {f"k{number}": 1 for number in range(10_000)}}, "labels"),
    ],
)
def test_an_update_is_checked_as_a_registration_is(kind: EntityKind, changes: dict[str, Any], field: str) -> None:
    """What breaks a rule is refused when it is registered and when it is changed, by the field's name."""
    with pytest.raises(InvalidData, match=f"Invalid data {field}"):
        directory.update_entity(made(kind), changes, now=LATER)
    with pytest.raises(InvalidData, match=f"Invalid data {field}"):
        made(kind, **changes)


@pytest.mark.parametrize(
    ("base", "is_normalized", "name", "url"),
    [
        ("https://events.example", "true", "My Shop", "https://events.example/mp-my-shop/v1/events"),
        ("https://events.example/", "true", "My Shop", "https://events.example/mp-my-shop/v1/events"),
        ("https://events.example", "false", "My_Shop", "https://events.example/My_Shop/v1/events"),
        ("https://events.example", "false", "My Shop/1", "https://events.example/My%20Shop%2F1/v1/events"),
        ("", "true", "My Shop", ""),
        (7, "true", "My Shop", ""),
        (None, "true", "My Shop", ""),
    ],
)
@pytest.mark.parametrize("label", ["other", "Other Name", 7])
def test_where_events_go(base: object, is_normalized: str, name: str, url: str, label: object) -> None:
    """Events go to a path under the runtime's event service, by the application's own name, normalized unless the
    runtime wants it as it is, whatever its label ``name`` is; without such a service they go nowhere.
    """
    runtime = made(RUNTIME, labels={"runtime_eventServiceUrl": base, "isNormalized": is_normalized})
    application = made(name=name)
    labels = {"labels": {**application.labels, "name": label}}
    application = directory.update_entity(application, labels, now=LATER)

    assert directory.events_url(application, runtime) == url
    assert directory.events_url(application, None) == ""


def test_the_system_number_ends_the_name_in_the_events_url() -> None:
    """Two systems of one name are told apart in the events' URL by their numbers."""
    runtime = made(RUNTIME, labels={"runtime_eventServiceUrl": "https://events.example"})
    application = made(name="My Shop", details={"systemNumber": "7"})

    assert directory.events_url(application, runtime) == "https://events.example/mp-my-shop-7/v1/events"


def test_a_system_auth_is_its_owners() -> None:
    """A new system auth has the tenant, the id and the kind of its owner."""
    auth = directory.add_system_auth(made(RUNTIME), id=UUID(int=2), now=LATER)

    assert (auth.id, auth.owner_id, auth.owner_kind) == (str(UUID(int=2)), str(ID), RUNTIME)
    assert (auth.tenant_id, auth.created_at) == (TENANT.id, LATER)
