"""Permissions of integration systems: who gives them, what they open, and what they do not."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from tests.support.memory.store import MemoryStore
from tests.support.records import audited

from connector.domain.audit import Action, Event
from connector.domain.clients import Access, AccessToken
from connector.domain.directory import Entity, EntityKind, SystemAuth
from connector.domain.permissions import MOST_PERMISSIONS, Permission, Permitted
from connector.domain.principals import Caller, Role
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound, TenantRequired
from connector.domain.tokens import TokenPolicy, TokenType
from connector.ports.permissions import PermissionFilter
from connector.ports.transaction import Transaction
from connector.usecases import registration
from connector.usecases.permissions import permit, withdraw_permission
from connector.usecases.quotas import Allowances
from connector.usecases.realms import COMMAND, Installation, Realm, enter_as_owner
from connector.usecases.tenants import create_tenant

T = TypeVar("T")

APPLICATION, SYSTEM = EntityKind.APPLICATION, EntityKind.INTEGRATION_SYSTEM
TENANTS = ("home", "away", "third")
ALLOWANCES = Allowances()


def administrator(*tenants: str, role: Role = Role.ADMINISTRATOR) -> Caller:
    return Caller("limited", "admin:limited", role, frozenset(tenants))


@dataclass(frozen=True, slots=True)
class Place:
    """A store with three tenants, and an integration system with a client in the first."""

    store: MemoryStore
    runner: Runner
    system: Entity
    auth: SystemAuth

    def do(self, function: Callable[[Transaction], T]) -> T:
        return self.runner.run(self.store.transaction(function))

    def run(self, caller: Caller, use_case: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return self.do(lambda tx: use_case(Installation(tx, caller), *args, **kwargs))

    def permit(self, caller: Caller = COMMAND, **where: Any) -> Permitted:
        return self.run(caller, permit, self.system.id, **where)

    def access(self) -> Access:
        return self.do(lambda tx: _access(tx, self.auth))

    def enter(self, tenant: str | None) -> Realm:
        """The tenant, as the integration system's client enters it."""
        caller = self.access().caller
        return self.run(caller, Installation.enter, tenant)

    def events(self, action: Action) -> list[Event]:
        return self.do(lambda tx: audited(tx, action))


def _access(tx: Transaction, auth: SystemAuth) -> Access:
    tenant = tx.tenants.of_id(auth.tenant_id)
    assert tenant is not None
    return Access(AccessToken(b"\1" * 32, auth.id, tx.now, tx.now + timedelta(hours=1)), auth, tenant)


@pytest.fixture
def place() -> Iterator[Place]:
    with Runner() as runner:
        store = MemoryStore()

        def fill(tx: Transaction) -> tuple[Entity, SystemAuth]:
            installation = Installation(tx, COMMAND)
            for each in TENANTS:
                create_tenant(installation, each, each)
            realm = installation.enter("home")
            system = registration.register(realm, SYSTEM, {"name": "portal"}, allowances=ALLOWANCES)
            return system, registration.request_client_credentials(realm, SYSTEM, system.id)[0]

        yield Place(store, runner, *runner.run(store.transaction(fill)))


def test_without_a_permission_there_is_its_own_tenant_alone(place: Place) -> None:
    """It enters its own tenant, by name or by naming none; any other is refused as one that there is not."""
    home = place.enter("home")
    assert place.enter(None) == place.enter("") == home
    refusals = []
    for tenant in ("away", "third", "nobody", "HOME", " home"):
        with pytest.raises(TenantForbidden) as refused:
            place.enter(tenant)
        refusals.append(str(refused.value))
    assert len(set(refusals)) == 1


def test_a_permission_opens_one_tenant(place: Place) -> None:
    """It enters the tenant of its permission under its own name, with its own scopes, and no other tenant."""
    place.permit(tenant="away")
    realm = place.enter("away")
    assert realm.tenant.external_id == "away"
    assert realm.actor == f"integration_system:{place.system.id}/{place.auth.id}"
    assert realm.scopes == place.access().scopes
    assert place.enter("home").tenant.external_id == "home"
    with pytest.raises(TenantForbidden):
        place.enter("third")


def test_a_permission_for_every_tenant_opens_later_ones(place: Place) -> None:
    """It enters every tenant that there is, also one that is made after; one that there is not stays refused."""
    place.permit(every_tenant=True)
    place.run(COMMAND, create_tenant, "later", "later")
    for tenant in (*TENANTS, "later"):
        assert place.enter(tenant).tenant.external_id == tenant
    with pytest.raises(TenantForbidden):
        place.enter("nobody")


@pytest.mark.parametrize("where", [{"tenant": "away"}, {"every_tenant": True}])
def test_who_may_act_in_several_tenants_names_one(place: Place, where: dict[str, Any]) -> None:
    """With a permission no tenant is meant where none is named, not even its own; after the withdrawal its own is."""
    given = place.permit(**where)
    for nothing in (None, ""):
        with pytest.raises(TenantRequired):
            place.enter(nothing)
    place.run(COMMAND, withdraw_permission, given.permission.id)
    assert place.enter(None).tenant.external_id == "home"


@pytest.mark.parametrize("where", [{"tenant": "away"}, {"every_tenant": True}])
def test_a_withdrawn_permission_opens_nothing(place: Place, where: dict[str, Any]) -> None:
    """After the withdrawal it is refused as if there had been no permission; its own tenant stays open."""
    given = place.permit(**where)
    place.enter("away")
    place.run(COMMAND, withdraw_permission, given.permission.id)
    with pytest.raises(TenantForbidden):
        place.enter("away")
    assert place.enter("home").tenant.external_id == "home"
    with pytest.raises(ObjectNotFound):
        place.run(COMMAND, withdraw_permission, given.permission.id)


def test_a_permission_ends_with_its_integration_system(place: Place) -> None:
    """When the integration system is unregistered, its permissions are gone."""
    place.permit(tenant="away")
    place.permit(every_tenant=True)
    place.do(lambda tx: registration.unregister(Installation(tx, COMMAND).enter("home"), SYSTEM, place.system.id))
    assert place.run(COMMAND, lambda installation: installation.permissions.list(PermissionFilter())) == []
    with pytest.raises(TenantForbidden):
        place.enter("away")


@pytest.mark.parametrize(
    ("caller", "where", "refusal"),
    [
        (administrator("home"), {"tenant": "away"}, TenantForbidden),
        (administrator("home"), {"tenant": "nobody"}, TenantForbidden),
        (administrator("home"), {"every_tenant": True}, TenantForbidden),
        (administrator("away"), {"tenant": "away"}, ObjectNotFound),
        (administrator("away"), {"every_tenant": True}, ObjectNotFound),
        (administrator(), {"tenant": "away"}, ObjectNotFound),
        (administrator(*TENANTS), {"every_tenant": True}, TenantForbidden),
        (COMMAND, {"tenant": "nobody"}, TenantNotFound),
        (COMMAND, {"tenant": "home"}, InvalidData),
        (COMMAND, {"tenant": "away", "every_tenant": True}, InvalidData),
        (COMMAND, {}, InvalidData),
    ],
)
def test_whoever_has_no_right_to_both_gives_no_permission(
    place: Place, caller: Caller, where: dict[str, Any], refusal: type[Refusal]
) -> None:
    """A permission takes a right to the integration system's tenant and to what it opens; nothing is written else."""
    with pytest.raises(refusal):
        place.permit(caller, **where)
    with pytest.raises(TenantForbidden):
        place.enter("away")
    assert place.events(Action.PERMISSION_GIVEN) == []


def test_an_integration_system_gives_itself_nothing(place: Place) -> None:
    """Nor any other: its caller has a right to its own tenant alone, whatever permissions it has."""
    place.permit(tenant="away")
    caller = place.access().caller
    for where in ({"tenant": "third"}, {"tenant": "away"}, {"every_tenant": True}):
        with pytest.raises(TenantForbidden):
            place.permit(caller, **where)


def test_a_caller_with_a_right_to_both_permits(place: Place) -> None:
    """An administrator of both tenants may; a second time the permission is the same, and recorded once."""
    first = place.permit(administrator("home", "away"), tenant="away")
    assert place.permit(COMMAND, tenant="away") == first
    assert (first.system, first.tenant, first.permission.created_by) == ("portal", "away", "admin:limited")
    (event,) = place.events(Action.PERMISSION_GIVEN)
    assert (event.tenant_id, event.owner_id) == (first.permission.tenant_id, place.system.id)
    place.run(administrator("away"), withdraw_permission, first.permission.id)
    (event,) = place.events(Action.PERMISSION_WITHDRAWN)
    assert (event.tenant_id, event.owner_id) == (first.permission.tenant_id, place.system.id)


def test_only_whoever_may_enter_the_tenant_withdraws(place: Place) -> None:
    """A permission for a tenant is withdrawn by its administrators, one for every tenant by those of every tenant."""
    one, every = place.permit(tenant="away"), place.permit(every_tenant=True)
    with pytest.raises(ObjectNotFound):
        place.run(administrator("home", "third"), withdraw_permission, one.permission.id)
    with pytest.raises(TenantForbidden):
        place.run(administrator(*TENANTS), withdraw_permission, every.permission.id)
    seen = place.run(administrator("home"), lambda installation: installation.permissions.list(PermissionFilter()))
    assert seen == [every]


def test_credentials_open_no_more_than_whoever_requests_them(place: Place) -> None:
    """Credentials of an integration system that may act elsewhere take a right to all that it may enter."""

    def request(caller: Caller) -> SystemAuth:
        def work(tx: Transaction) -> SystemAuth:
            realm = Installation(tx, caller).enter("home")
            return registration.request_client_credentials(realm, SYSTEM, place.system.id)[0]

        return place.do(work)

    assert request(administrator("home"))
    place.permit(tenant="away")
    with pytest.raises(TenantForbidden):
        request(administrator("home"))
    with pytest.raises(TenantForbidden):
        request(administrator("home", "third"))
    assert request(administrator("home", "away"))
    place.permit(every_tenant=True)
    with pytest.raises(TenantForbidden):
        request(administrator(*TENANTS))
    assert request(COMMAND)


def test_owners_do_not_enter_by_a_permission(place: Place) -> None:
    """The way of applications and runtimes into their own tenant looks at no permission."""
    place.permit(every_tenant=True)
    access = place.access()
    with pytest.raises(TenantForbidden):
        place.do(lambda tx: enter_as_owner(tx, access, "away"))
    for kind in (EntityKind.APPLICATION, EntityKind.RUNTIME):
        owner = replace(access.auth, owner_kind=kind)
        with pytest.raises(TenantForbidden):
            place.do(lambda tx, owner=owner: enter_as_owner(tx, replace(access, auth=owner), "away"))


def test_an_application_names_an_integration_system_that_may_act_there(place: Place) -> None:
    """An application names one of its own tenant, or one with a permission; once that is withdrawn, the application
    still changes in all else, and no other may name it.
    """

    def register(name: str) -> Entity:
        given = {"name": name, "integration_system_id": place.system.id}
        return place.do(
            lambda tx: registration.register(
                Installation(tx, COMMAND).enter("away"), APPLICATION, given, allowances=ALLOWANCES
            )
        )

    with pytest.raises(ObjectNotFound):
        register("early")
    given = place.permit(tenant="away")
    application = register("shop")
    assert application.labels["integrationSystemID"] == place.system.id
    place.run(COMMAND, withdraw_permission, given.permission.id)
    with pytest.raises(ObjectNotFound):
        register("late")

    def update(changes: dict[str, Any]) -> Entity:
        return place.do(
            lambda tx: registration.update(
                Installation(tx, COMMAND).enter("away"), APPLICATION, application.id, changes
            )
        )

    assert update({"description": "new"}).integration_system_id == place.system.id
    assert update({"integration_system_id": None}).integration_system_id is None
    with pytest.raises(ObjectNotFound):
        update({"integration_system_id": place.system.id})


def test_there_are_not_more_permissions_than_can_be_looked_at(place: Place) -> None:
    """Beyond a thousand, the next one is refused, also where the caller sees few of them; what it has stays."""

    def fill(tx: Transaction) -> None:
        installation = Installation(tx, COMMAND)
        for number in range(MOST_PERMISSIONS):
            tenant = create_tenant(installation, f"many-{number}", "many")
            tx.permissions.add(Permission(f"p-{number}", place.system.id, tenant.id, tx.now, "test"))

    place.do(fill)
    for caller in (COMMAND, administrator("home", "away")):
        with pytest.raises(InvalidData):
            place.permit(caller, tenant="away")
    assert place.permit(tenant="many-7").permission.id == "p-7"


def test_a_token_of_an_integration_system_is_the_tenants(place: Place) -> None:
    """What it does elsewhere belongs to that tenant, with the integration system as the actor."""
    place.permit(tenant="away")
    caller = place.access().caller
    minutes = dict.fromkeys(TokenType, timedelta(minutes=5))
    policy = TokenPolicy(minutes, minutes, timedelta(minutes=5), 10)

    def act(installation: Installation) -> str:
        realm = installation.enter("away")
        made = registration.register(realm, APPLICATION, {"name": "shop"}, allowances=ALLOWANCES)
        minted = registration.hand_over(realm, APPLICATION, made.id, policy=policy, allowances=ALLOWANCES)
        return minted.token.tenant_id

    tenant_id = place.run(caller, act)
    away = place.do(lambda tx: tx.tenants.find("away"))
    assert away is not None
    assert tenant_id == away.id
    done = place.do(lambda tx: [each for each in audited(tx) if each.actor == caller.actor])
    assert {each.tenant_id for each in done} == {away.id}
    assert {each.action for each in done} == {Action.ENTITY_REGISTERED, Action.TOKEN_MINTED}
