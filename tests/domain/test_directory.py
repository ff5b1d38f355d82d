"""Tenants, applications and runtimes: what their names may be."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import directory
from connector.directory import Entity, EntityKind
from connector.errors import InvalidData

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=1)
TENANT = directory.register_tenant("acme", "Acme", id=ID, now=NOW)


def register(kind: EntityKind, name: str, description: str | None = None) -> Entity:
    return directory.register_entity(TENANT, kind, {"name": name, "description": description}, id=ID, now=NOW)


@pytest.mark.parametrize("name", ["a", "Billing", "billing-2.eu", "Über Shop", "x" * 100, "my_app"])
def test_application_names(name: str) -> None:
    """An application's name is 1 to 100 letters, digits, spaces, dots, dashes, underscores."""
    assert register(EntityKind.APPLICATION, name).name == name


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", "a\n", "a\x00b", "a/b", "<b>", "a,b", "a=b", "a\u202eb", "x" * 101, "-a", "a;b", "a'b", "a\tb"],
)
def test_application_names_refused(name: str) -> None:
    """What a DN, a shell, a page or a terminal acts upon is in no name; the refusal names the field."""
    with pytest.raises(InvalidData, match="name"):
        register(EntityKind.APPLICATION, name)


@given(st.text(max_size=120))
def test_any_name_is_kept_as_it_is_or_refused(name: str) -> None:
    """A name is taken to the character or refused; none is repaired, none holds a character of syntax."""
    try:
        kept = register(EntityKind.APPLICATION, name).name
    except InvalidData:
        return
    assert kept == name
    assert not set(kept) & set("<>&\"'`,;=+#\\/\r\n\t\0")


@pytest.mark.parametrize("name", ["a", "runtime-1.eu", "x" * 36])
def test_runtime_names(name: str) -> None:
    """A runtime's name is 1 to 36 lower-case letters, digits, dashes, dots (wire contract b.4)."""
    assert register(EntityKind.RUNTIME, name).name == name


@pytest.mark.parametrize("name", ["", "A", "a b", "x" * 37, "-a", "a_b", "é"])
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
