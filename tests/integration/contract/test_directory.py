from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, entity, identifier, system_auth, tenant

from connector.domain.directory import Entity, EntityKind
from connector.domain.labels import read_filter
from connector.domain.refusals.objects import NotUniqueName, ObjectInUse, ObjectNotFound
from connector.ports.transaction import Transaction

APPLICATION, RUNTIME, INTEGRATION_SYSTEM = EntityKind.APPLICATION, EntityKind.RUNTIME, EntityKind.INTEGRATION_SYSTEM
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


def looked_after(**changes: object) -> Entity:
    """An application with every field, of which entity 9 is the integration system."""
    made = entity(
        10,
        name="Größe",
        description="line\nline",
        provider_name="Provider",
        integration_system_id=identifier(9),
        labels={"a": [1, 2.5, "ü", None, True], "b": {"z": 1, "a": {}}, "c": False},
        eventing_runtime_id=identifier(8),
        updated_at=LATER,
    )
    return replace(made, **changes)


@pytest.fixture
def cared_for(furnished: Stored) -> Stored:
    """The furnished store, and in it an integration system with its application."""
    system = entity(9, kind=INTEGRATION_SYSTEM)
    furnished.write(lambda tx: tx.directory(ONE).add_entity(system))
    furnished.write(lambda tx: tx.directory(ONE).add_entity(looked_after()))
    return furnished


def test_every_field_of_an_entity_comes_back(cared_for: Stored) -> None:
    """All fields come back as they were recorded: labels of every JSON type, and times to the microsecond."""
    for read in (
        lambda tx: tx.directory(ONE).entity(APPLICATION, identifier(10)),
        lambda tx: tx.directory(ONE).entity_named(APPLICATION, "Größe"),
        lambda tx: tx.directory(ONE).entities(APPLICATION)[0],
    ):
        assert cared_for.read(read) == looked_after()
    assert cared_for.read(lambda tx: tx.directory(ONE).entity(INTEGRATION_SYSTEM, identifier(9))).labels == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "new"},
        {"description": None, "provider_name": None, "integration_system_id": None, "eventing_runtime_id": None},
        {"labels": {}, "updated_at": LATER + timedelta(microseconds=1)},
        {"labels": {"a": None, "new": "x" * 5000}},
    ],
)
def test_what_has_changed_is_recorded(cared_for: Stored, changes: dict[str, object]) -> None:
    """An update records the fields as they are then, and of that entity alone."""
    cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after(**changes)))

    assert cared_for.read(lambda tx: tx.directory(ONE).entity(APPLICATION, identifier(10))) == looked_after(**changes)
    assert cared_for.read(lambda tx: tx.directory(ONE).entity(APPLICATION, entity().id)) == entity()


def test_an_update_is_refused_for_a_name_that_is_taken(cared_for: Stored) -> None:
    """A name that another of the kind has is refused, and nothing changes; its own name is not another's."""
    with pytest.raises(NotUniqueName):
        cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after(name=entity().name, labels={})))

    assert cared_for.read(lambda tx: tx.directory(ONE).entity(APPLICATION, identifier(10))) == looked_after()
    cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after(name="entity-9")))


def test_what_is_gone_is_not_updated(cared_for: Stored) -> None:
    """To update an entity that is gone is refused, and does not bring it back."""
    cared_for.write(lambda tx: tx.directory(ONE).remove_entity(looked_after()))

    with pytest.raises(ObjectNotFound):
        cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after()))

    assert cared_for.read(lambda tx: tx.directory(ONE).entities(APPLICATION)) == [entity()]


def test_a_directory_takes_no_record_of_another_tenant(furnished: Stored) -> None:
    """The records of another tenant are a mistake of the caller's, and none of them is recorded or changed."""
    for write in (
        lambda tx: tx.directory(TWO).add_entity(entity(2)),
        lambda tx: tx.directory(TWO).update_entity(entity(1, name="new")),
        lambda tx: tx.directory(TWO).add_system_auth(system_auth(2)),
    ):
        with pytest.raises(ValueError, match="another tenant's"):
            furnished.write(write)

    assert furnished.read(lambda tx: tx.directory(ONE).entities(APPLICATION)) == [entity()]


def test_another_tenants_records_are_not_removed(furnished: Stored) -> None:
    """To another tenant's directory there is nothing to remove, even to somebody who holds the record."""
    assert furnished.write(lambda tx: tx.directory(TWO).remove_entity(entity())) is False
    assert furnished.write(lambda tx: tx.directory(TWO).remove_system_auth(system_auth())) is False

    assert furnished.read(lambda tx: tx.directory(ONE).entities(APPLICATION)) == [entity()]
    assert furnished.read(lambda tx: tx.directory(ONE).system_auths([entity().id])) == [system_auth()]
    assert furnished.read(lambda tx: tx.directory(TWO).system_auths([entity().id])) == []


def test_an_integration_system_in_use_stays(cared_for: Stored) -> None:
    """One that an application names is not removed; once none does, it is."""
    system = entity(9, kind=INTEGRATION_SYSTEM)
    with pytest.raises(ObjectInUse):
        cared_for.write(lambda tx: tx.directory(ONE).remove_entity(system))
    assert cared_for.read(lambda tx: tx.directory(ONE).entities(INTEGRATION_SYSTEM)) == [system]

    cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after(integration_system_id=None)))
    assert cared_for.write(lambda tx: tx.directory(ONE).remove_entity(system)) is True


LABELED = {
    1: {"color": "blue", "tags": ["a", "b", 1], "n": 1},
    2: {"color": "red", "tags": ["b"], "n": 1.0, "object": {"x": 1, "y": [2]}},
    3: {"color": ["blue", "red"], "tags": [], "n": "1"},
    4: {"Color": "blue", "tags": [["a"]], "nothing": None},
}


@pytest.mark.parametrize(
    ("filters", "fitting"),
    [
        ([], [1, 2, 3, 4]),
        ([("color", None)], [1, 2, 3]),
        ([("Color", None)], [4]),
        ([("color", '"blue"')], [1, 3]),
        ([("color", '$[*] ? (@ == "blue")')], [1, 3]),
        ([("color", '["blue", "red"]')], [3]),
        ([("color", '["red", "blue"]')], []),
        ([("color", '"blu"')], []),
        ([("tags", '"a"')], [1]),
        ([("tags", '["a"]')], [4]),
        ([("tags", "[]")], [3]),
        ([("tags", "1")], [1]),
        ([("n", "1")], [1, 2]),
        ([("n", '"1"')], [3]),
        ([("object", '{"y": [2.0], "x": 1}')], [2]),
        ([("nothing", "null")], [4]),
        ([("n", "true")], []),
        ([("color", '"blue"'), ("tags", '"b"')], [1]),
        ([("color", '"blue"'), ("color", '"red"')], [3]),
        ([("color", None), ("tags", None), ("n", "1"), ("color", '"red"')], [2]),
        ([("color", None), ("missing", None)], []),
    ],
)
def test_entities_are_found_by_their_labels(
    stored: Stored, filters: list[tuple[str, str | None]], fitting: list[int]
) -> None:
    """Found and counted are those that fit every filter: by key, by value, by an element of a list."""
    stored.write(lambda tx: tx.tenants.add(tenant()))
    for number, labels in LABELED.items():
        made = entity(number, labels=labels)
        stored.write(lambda tx, made=made: tx.directory(ONE).add_entity(made))
    which = [read_filter(key, query) for key, query in filters]

    found = stored.read(lambda tx: tx.directory(ONE).entities(APPLICATION, which))

    assert [one.id for one in found] == [identifier(number) for number in fitting]
    assert stored.read(lambda tx: tx.directory(ONE).count_entities(APPLICATION, which)) == len(fitting)
    assert stored.read(lambda tx: tx.directory(ONE).count_entities(RUNTIME, which)) == 0
    assert stored.read(lambda tx: tx.directory(TWO).entities(APPLICATION, which)) == []


def test_labels_are_found_as_they_are_now(cared_for: Stored) -> None:
    """After an update an entity is found by its new labels and by none that it had; after its removal by none."""

    def fits(key: str, query: str | None = None) -> bool:
        which = [read_filter(key, query)]
        return bool(cared_for.read(lambda tx: tx.directory(ONE).entities(APPLICATION, which)))

    assert fits("a", "2.5")
    cared_for.write(lambda tx: tx.directory(ONE).update_entity(looked_after(labels={"a": [3], "d": "x"})))

    assert fits("a", "3")
    assert fits("d")
    assert not any((fits("a", "2.5"), fits("b"), fits("c")))
    cared_for.write(lambda tx: tx.directory(ONE).remove_entity(looked_after()))
    assert not any((fits("a"), fits("d")))


def test_names_are_those_of_the_tenants_entities(cared_for: Stored) -> None:
    """Names are told for ids of the tenant's, of any kind and however many are asked for; others are left out."""
    ids = [identifier(number) for number in range(1, 1200)]

    assert cared_for.read(lambda tx: tx.directory(ONE).names(ids)) == {
        entity().id: "entity-1",
        identifier(9): "entity-9",
        identifier(10): "Größe",
    }
    assert cared_for.read(lambda tx: tx.directory(ONE).names([])) == {}
    assert cared_for.read(lambda tx: tx.directory(TWO).names(ids)) == {}


def test_system_auths_of_many_owners(furnished: Stored) -> None:
    """The system auths of any number of owners are told at once, the one owner that has any among them."""
    ids = [identifier(number) for number in range(1, 1200)]

    assert furnished.read(lambda tx: tx.directory(ONE).system_auths(ids)) == [system_auth()]


def test_system_auths_of_many_owners_are_in_one_order(furnished: Stored) -> None:
    """Oldest first over all owners, of which some statements read some; a limit holds for all of them together."""
    owners = [entity(number) for number in range(10, 70)]
    auths = [
        system_auth(number, owner_id=owner.id, created_at=NOW - timedelta(number))
        for number, owner in enumerate(owners, 10)
    ]
    for owner, auth in zip(owners, auths, strict=True):
        furnished.write(lambda tx, owner=owner: tx.directory(ONE).add_entity(owner))
        furnished.write(lambda tx, auth=auth: tx.directory(ONE).add_system_auth(auth))
    ids = [auth.owner_id for auth in auths]

    assert furnished.read(lambda tx: tx.directory(ONE).system_auths(ids)) == auths[::-1]
    assert len(furnished.read(lambda tx: tx.directory(ONE).system_auths(ids, most=40))) == 40


def test_a_tenant_is_found_by_its_internal_id(stored: Stored) -> None:
    """By its internal id too; the external id is none."""
    stored.write(lambda tx: tx.tenants.add(tenant()))

    assert stored.read(lambda tx: tx.tenants.of_id(ONE)) == tenant()
    assert stored.read(lambda tx: tx.tenants.of_id("tenant-1")) is None


def test_tenants_within_a_set(stored: Stored) -> None:
    """Within a set of external ids, the tenants of others are neither listed nor counted."""
    for number in (1, 2, 3):
        stored.write(lambda tx, number=number: tx.tenants.add(tenant(number)))

    within = frozenset({"tenant-3", "tenant-1", "nobody"})
    assert stored.read(lambda tx: tx.tenants.list(within=within)) == [tenant(1), tenant(3)]
    assert stored.read(lambda tx: tx.tenants.count(within=within)) == 2
    assert stored.read(lambda tx: tx.tenants.count()) == 3
    assert stored.read(lambda tx: tx.tenants.list(within=frozenset())) == []


def test_a_name_is_free_until_it_or_its_normalised_form_is_taken(stored: Stored) -> None:
    """A name is taken by the name itself, for each kind apart, and by its normalised form; in one tenant alone."""

    def fill(tx: Transaction) -> None:
        tx.tenants.add(tenant(1))
        tx.tenants.add(tenant(2))
        tx.directory(ONE).add_entity(entity(1, name="Billing", normalized_name="mp-billing"))

    stored.write(fill)

    def is_free(of: str, kind: EntityKind, name: str, normalized: str | None) -> bool:
        return stored.read(lambda tx: tx.directory(of).is_free(kind, name, normalized))

    assert not is_free(ONE, APPLICATION, "Billing", None)
    assert not is_free(ONE, APPLICATION, "billing", "mp-billing")
    assert is_free(ONE, APPLICATION, "billing", "mp-billing/7")
    assert is_free(ONE, RUNTIME, "Billing", None)
    assert is_free(TWO, APPLICATION, "Billing", "mp-billing")


def test_profile_is_the_entitys_own_or_else_its_tenants(furnished: Stored) -> None:
    """The profile of an entity is the one chosen for it, or else its tenant's default; of none where neither was
    chosen, and where the tenant has no such entity. All that were chosen are known.
    """

    def profile(tx: Transaction, tenant_id: str = ONE, kind: EntityKind = APPLICATION) -> str | None:
        return tx.directory(tenant_id).profile(kind, entity().id)

    assert (furnished.read(profile), furnished.read(lambda tx: tx.tenants.profiles())) == (None, frozenset())
    furnished.write(lambda tx: tx.tenants.update(tenant(profile="default")))
    assert furnished.read(profile) == "default"
    assert furnished.read(lambda tx: tx.tenants.of_id(ONE)) == tenant(profile="default")
    furnished.write(lambda tx: tx.directory(ONE).update_entity(entity(profile="own")))
    assert furnished.read(profile) == "own"
    assert furnished.read(lambda tx: tx.tenants.profiles()) == {"default", "own"}
    for tenant_id, kind in ((TWO, APPLICATION), (ONE, RUNTIME)):
        assert furnished.read(lambda tx, of=(tenant_id, kind): profile(tx, *of)) is None
    furnished.write(lambda tx: tx.tenants.update(tenant()))
    assert furnished.read(lambda tx: tx.tenants.find(tenant().external_id)) == tenant()
    with pytest.raises(ObjectNotFound):
        furnished.write(lambda tx: tx.tenants.update(tenant(id=identifier(99))))
