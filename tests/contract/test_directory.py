from datetime import timedelta

import pytest
from tests.contract.conftest import Stored
from tests.support.records import NOW, entity, identifier, system_auth, tenant

from connector.directory import EntityKind
from connector.errors import NotUniqueName, ObjectNotFound

APPLICATION, RUNTIME = EntityKind.APPLICATION, EntityKind.RUNTIME
ONE, TWO = tenant(1).id, tenant(2).id


def test_a_tenant_comes_back_as_it_was_recorded(stored: Stored) -> None:
    """A tenant is found by its external id, with its time to the microsecond and in UTC."""
    stored.write(lambda tx: tx.tenants.add(tenant()))

    assert stored.read(lambda tx: tx.tenants.find("tenant-1")) == tenant()
    assert stored.read(lambda tx: tx.tenants.find("Tenant-1")) is None


def test_tenants_are_listed_by_external_id(stored: Stored) -> None:
    """All tenants are listed in the order of their external ids, by code points."""
    for number, name in enumerate(("b", "B", "a-1", "a"), start=1):
        made = tenant(number, external_id=name)
        stored.write(lambda tx, made=made: tx.tenants.add(made))

    assert [found.external_id for found in stored.read(lambda tx: tx.tenants.list())] == ["B", "a", "a-1", "b"]


def test_an_external_id_is_taken_once(stored: Stored) -> None:
    """A second tenant with the same external id is refused, and the first stays."""
    stored.write(lambda tx: tx.tenants.add(tenant(1)))

    with pytest.raises(NotUniqueName):
        stored.write(lambda tx: tx.tenants.add(tenant(2, external_id="tenant-1")))

    assert stored.read(lambda tx: tx.tenants.list()) == [tenant(1)]


def test_an_entity_comes_back_as_it_was_recorded(furnished: Stored) -> None:
    """An entity is found by id and by name, with and without a description, in any script."""
    made = entity(2, kind=RUNTIME, name="größe-日本", description="line\nline 🙂")
    furnished.write(lambda tx: tx.directory(ONE).add_entity(made))

    assert furnished.read(lambda tx: tx.directory(ONE).entity(RUNTIME, made.id)) == made
    assert furnished.read(lambda tx: tx.directory(ONE).entity_named(RUNTIME, made.name)) == made
    assert furnished.read(lambda tx: tx.directory(ONE).entity(APPLICATION, entity().id)) == entity()


def test_an_entity_of_another_tenant_or_kind_is_unknown(furnished: Stored) -> None:
    """Another tenant's entity, and one of the other kind, are as unknown as one that never was."""
    for tenant_id, kind in ((TWO, APPLICATION), (ONE, RUNTIME)):
        assert furnished.read(lambda tx, of=(tenant_id, kind): tx.directory(of[0]).entity(of[1], entity().id)) is None
        assert (
            furnished.read(lambda tx, of=(tenant_id, kind): tx.directory(of[0]).entity_named(of[1], entity().name))
            is None
        )
        assert furnished.read(lambda tx, of=(tenant_id, kind): tx.directory(of[0]).entities(of[1])) == []
    assert furnished.read(lambda tx: tx.directory(ONE).entity(APPLICATION, identifier(99))) is None


def test_entities_are_listed_by_name(furnished: Stored) -> None:
    """A tenant's entities of a kind are listed in the order of their names, by code points."""
    for number, name in enumerate(("b", "B", "ä"), start=2):
        made = entity(number, name=name)
        furnished.write(lambda tx, made=made: tx.directory(ONE).add_entity(made))

    names = [found.name for found in furnished.read(lambda tx: tx.directory(ONE).entities(APPLICATION))]
    assert names == ["B", "b", "entity-1", "ä"]


def test_a_name_is_taken_once_in_a_tenant_and_kind(furnished: Stored) -> None:
    """A name is refused where the tenant has one of that kind and name, and only there."""
    with pytest.raises(NotUniqueName):
        furnished.write(lambda tx: tx.directory(ONE).add_entity(entity(2, name=entity().name)))

    furnished.write(lambda tx: tx.directory(ONE).add_entity(entity(3, name=entity().name, kind=RUNTIME)))
    furnished.write(lambda tx: tx.directory(TWO).add_entity(entity(4, name=entity().name, tenant_id=TWO)))
    assert furnished.read(lambda tx: tx.directory(ONE).entities(APPLICATION)) == [entity()]


def test_an_entity_is_removed_with_its_system_auths(furnished: Stored) -> None:
    """To remove an entity removes its system auths; the second time there is nothing to remove. Its name is free."""
    assert furnished.write(lambda tx: tx.directory(ONE).remove_entity(entity())) is True
    assert furnished.write(lambda tx: tx.directory(ONE).remove_entity(entity())) is False

    assert furnished.read(lambda tx: tx.directory(ONE).entities(APPLICATION)) == []
    assert furnished.read(lambda tx: tx.directory(ONE).system_auth(system_auth().id)) is None
    furnished.write(lambda tx: tx.directory(ONE).add_entity(entity(2, name=entity().name)))


def test_a_system_auth_needs_its_owner(furnished: Stored) -> None:
    """A system auth of an entity that is gone is refused."""
    with pytest.raises(ObjectNotFound):
        furnished.write(lambda tx: tx.directory(ONE).add_system_auth(system_auth(2, owner_id=identifier(99))))

    assert furnished.read(lambda tx: tx.directory(ONE).system_auth(identifier(2))) is None


def test_a_system_auth_is_found_in_its_tenant(furnished: Stored) -> None:
    """A system auth is found by its tenant and id, and is unknown to another tenant."""
    assert furnished.read(lambda tx: tx.directory(ONE).system_auth(system_auth().id)) == system_auth()
    assert furnished.read(lambda tx: tx.directory(TWO).system_auth(system_auth().id)) is None


def test_system_auths_are_listed_oldest_first(furnished: Stored) -> None:
    """An entity's system auths are listed oldest first, and only its own."""
    older = system_auth(3, created_at=NOW - timedelta(microseconds=1))
    furnished.write(lambda tx: tx.directory(ONE).add_system_auth(older))

    assert furnished.read(lambda tx: tx.directory(ONE).system_auths([entity().id])) == [older, system_auth()]
    assert furnished.read(lambda tx: tx.directory(ONE).system_auths([identifier(99)])) == []


def test_a_system_auth_is_removed_once(furnished: Stored) -> None:
    """To remove a system auth leaves its entity; the second time there is nothing to remove."""
    assert furnished.write(lambda tx: tx.directory(ONE).remove_system_auth(system_auth())) is True
    assert furnished.write(lambda tx: tx.directory(ONE).remove_system_auth(system_auth())) is False

    assert furnished.read(lambda tx: tx.directory(ONE).entity(APPLICATION, entity().id)) == entity()
