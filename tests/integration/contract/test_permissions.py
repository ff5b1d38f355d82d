"""Permissions of integration systems keep the promises of their port in every store."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import NOW, entity, identifier, tenant

from connector.domain.directory import EntityKind
from connector.domain.permissions import Permission, Permitted
from connector.domain.refusals.objects import ObjectNotFound
from connector.ports.permissions import PermissionFilter
from connector.ports.transaction import Transaction

ONE, TWO = tenant(1), tenant(2)
KIND = EntityKind.INTEGRATION_SYSTEM
SYSTEM, OTHER = (entity(number, kind=KIND, name=f"system-{number}") for number in (50, 51))
ALL = PermissionFilter()


def permission(number: int = 1, tenant_id: str | None = TWO.id, system_id: str = SYSTEM.id) -> Permission:
    return Permission(identifier(number), system_id, tenant_id, NOW + timedelta(seconds=number), "admin:test")


@pytest.fixture
def with_systems(furnished: Stored) -> Stored:
    def add(tx: Transaction) -> None:
        for each in (SYSTEM, OTHER):
            tx.directory(ONE.id).add_entity(each)

    furnished.write(add)
    return furnished


def test_a_permission_comes_back_with_its_names(with_systems: Stored) -> None:
    """It is found by its id, with the names of the integration system and of the tenant; once removed it is not."""
    one, every = permission(1), permission(2, None)
    with_systems.write(lambda tx: [tx.permissions.add(each) for each in (one, every)])
    assert with_systems.read(lambda tx: tx.permissions.find(one.id)) == Permitted(one, SYSTEM.name, TWO.external_id)
    assert with_systems.read(lambda tx: tx.permissions.find(every.id)) == Permitted(every, SYSTEM.name, None)
    assert with_systems.read(lambda tx: tx.permissions.find("none")) is None
    assert [with_systems.write(lambda tx: tx.permissions.remove(one.id)) for _ in range(2)] == [True, False]
    assert with_systems.read(lambda tx: tx.permissions.find(one.id)) is None


def test_a_permission_permits_its_system_in_its_tenant(with_systems: Stored) -> None:
    """One for a tenant permits that system in that tenant; one for every tenant in all of them, and no other system."""

    def permits(system_id: str, tenant_id: str) -> bool:
        return with_systems.read(lambda tx: tx.permissions.permits(system_id, tenant_id))

    assert not permits(SYSTEM.id, TWO.id)
    with_systems.write(lambda tx: tx.permissions.add(permission()))
    assert permits(SYSTEM.id, TWO.id)
    assert not permits(SYSTEM.id, ONE.id)
    assert not permits(OTHER.id, TWO.id)
    with_systems.write(lambda tx: tx.permissions.add(permission(2, None, OTHER.id)))
    assert permits(OTHER.id, ONE.id)
    assert permits(OTHER.id, TWO.id)
    assert not permits("", TWO.id)


def test_there_is_one_permission_for_each_place(with_systems: Stored) -> None:
    """A second one for the same tenant, or for every tenant, is refused, as is one for what is not there."""
    with_systems.write(lambda tx: [tx.permissions.add(permission(1)), tx.permissions.add(permission(2, None))])
    refused = (permission(3), permission(3, None), permission(3, "gone"), permission(3, TWO.id, "gone"))
    for each in refused:
        with pytest.raises(ObjectNotFound):
            with_systems.write(lambda tx, each=each: tx.permissions.add(each))
    assert with_systems.read(lambda tx: tx.permissions.count(ALL)) == 2


def test_permissions_are_listed_by_filter_oldest_first(with_systems: Stored) -> None:
    """By system, by tenant (with those for every tenant), by the tenants that somebody may enter; page by page."""
    made = [permission(1), permission(2, None), permission(3, ONE.id, OTHER.id), permission(4, TWO.id, OTHER.id)]
    with_systems.write(lambda tx: [tx.permissions.add(each) for each in reversed(made)])

    def ids(which: PermissionFilter) -> list[int]:
        listed = with_systems.read(lambda tx: tx.permissions.list(which))
        assert with_systems.read(lambda tx: tx.permissions.count(which)) == len(listed)
        return [made.index(each.permission) + 1 for each in listed]

    assert ids(ALL) == [1, 2, 3, 4]
    assert ids(PermissionFilter(system_id=SYSTEM.id)) == [1, 2]
    assert ids(PermissionFilter(tenant_id=ONE.id)) == [2, 3]
    assert ids(PermissionFilter(within=frozenset())) == [2]
    assert ids(PermissionFilter(within=frozenset({TWO.external_id}))) == [1, 2, 4]
    assert ids(PermissionFilter(OTHER.id, TWO.id, frozenset({ONE.external_id}))) == []
    first = with_systems.read(lambda tx: tx.permissions.list(ALL, most=2))
    last = first[-1].permission
    rest = with_systems.read(lambda tx: tx.permissions.list(ALL, after=(last.created_at, last.id), most=2))
    assert [each.permission for each in (*first, *rest)] == made


def test_permissions_end_with_their_system(with_systems: Stored) -> None:
    """When the integration system is removed, its permissions are gone; another's stay."""
    with_systems.write(
        lambda tx: [
            tx.permissions.add(each) for each in (permission(1), permission(2, None), permission(3, None, OTHER.id))
        ]
    )
    with_systems.write(lambda tx: tx.directory(ONE.id).remove_entity(SYSTEM))
    assert with_systems.read(lambda tx: tx.permissions.count(ALL)) == 1
    assert not with_systems.read(lambda tx: tx.permissions.permits(SYSTEM.id, TWO.id))
    # Nor does one of the same id have them.
    with_systems.write(lambda tx: tx.directory(TWO.id).add_entity(replace(SYSTEM, tenant_id=TWO.id)))
    assert not with_systems.read(lambda tx: tx.permissions.permits(SYSTEM.id, ONE.id))


def test_the_tenant_of_an_entity_is_found_by_its_kind(with_systems: Stored) -> None:
    """An id of another kind, or of nothing, has no tenant."""
    assert with_systems.read(lambda tx: tx.tenants.of_entity(KIND, SYSTEM.id)) == ONE
    assert with_systems.read(lambda tx: tx.tenants.of_entity(EntityKind.APPLICATION, SYSTEM.id)) is None
    assert with_systems.read(lambda tx: tx.tenants.of_entity(KIND, "none")) is None
