"""The way into a tenant, and the keys that open it: who may, and what the others are told."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from tests.support.memory.store import MemoryStore
from tests.support.records import audited, certificate

from connector.domain import principals
from connector.domain.audit import Action, Event
from connector.domain.principals import SCOPES, ApiKey, Caller, Role, Scope
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound, TenantRequired
from connector.ports.transaction import Transaction
from connector.usecases import access
from connector.usecases.access import OPERATOR, Realm, enter, enter_as_holder

T = TypeVar("T")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EVERYWHERE = Caller("root", "admin:root", Role.ADMINISTRATOR, None)
LIMITED = Caller("acme", "admin:acme/acme", Role.ADMINISTRATOR, frozenset({"acme"}))
NOWHERE = Caller("none", "admin:none", Role.ADMINISTRATOR, frozenset())


@dataclass(frozen=True, slots=True)
class Office:
    """A store with the tenants acme and other, asked from outside an event loop."""

    store: MemoryStore
    runner: Runner

    def do(self, function: Callable[[Transaction], T]) -> T:
        return self.runner.run(self.store.transaction(function))

    def key(self, caller: Caller, name: str = "robot", **changes: Any) -> tuple[str, ApiKey]:
        arguments = {"role": Role.VIEWER, "tenant": None, "lifetime": None, **changes}
        return self.do(
            lambda tx: access.make_api_key(tx, caller, name, **arguments, random=token_bytes, make_id=uuid4, now=NOW)
        )

    def events(self, action: Action) -> list[Event]:
        return self.do(lambda tx: audited(tx, action))


@pytest.fixture
def office() -> Iterator[Office]:
    with Runner() as runner:
        office = Office(MemoryStore(), runner)
        for name in ("acme", "other"):
            office.do(lambda tx, name=name: access.create_tenant(tx, OPERATOR, name, name, make_id=uuid4, now=NOW))
        yield office


@pytest.mark.parametrize("caller", [EVERYWHERE, LIMITED])
@pytest.mark.parametrize("role", Role)
def test_the_way_in(office: Office, caller: Caller, role: Role) -> None:
    """Who may enter a tenant acts there under their own name, with the scopes of their role."""
    realm = office.do(lambda tx: enter(tx, replace(caller, role=role), "acme"))

    assert realm == Realm(office.do(lambda tx: tx.tenants.find("acme")), caller.actor, SCOPES[role])


@pytest.mark.parametrize(
    ("caller", "external_id", "refusal"),
    [
        (EVERYWHERE, None, TenantRequired),
        (EVERYWHERE, "", TenantRequired),
        (EVERYWHERE, "nobody", TenantNotFound),
        (EVERYWHERE, "ACME", TenantNotFound),
        (EVERYWHERE, " acme", TenantNotFound),
        (LIMITED, None, TenantRequired),
        (LIMITED, "other", TenantForbidden),
        (LIMITED, "nobody", TenantForbidden),
        (LIMITED, "ACME", TenantForbidden),
        (NOWHERE, "acme", TenantForbidden),
        (NOWHERE, None, TenantRequired),
    ],
)
def test_no_way_in(office: Office, caller: Caller, external_id: str | None, refusal: type[Refusal]) -> None:
    """Nobody enters a tenant that is not named, is not there, or is not theirs."""
    with pytest.raises(refusal):
        office.do(lambda tx: enter(tx, caller, external_id))


def test_who_is_limited_does_not_learn_which_tenants_there_are(office: Office) -> None:
    """A tenant that is there and one that is not are answered word for word alike."""
    answers = []
    for external_id in ("other", "nobody"):
        with pytest.raises(TenantForbidden) as refused:
            office.do(lambda tx, external_id=external_id: enter(tx, LIMITED, external_id))
        answers.append((type(refused.value), str(refused.value)))

    assert answers[0] == answers[1]
    assert "other" not in answers[0][1]


def test_a_holder_enters_the_certificates_tenant(office: Office) -> None:
    """A certificate leads into its own tenant, named or not, with the scopes that the operation grants it."""
    tenant = office.do(lambda tx: tx.tenants.find("acme"))
    assert tenant is not None
    held = certificate(255, tenant_id=tenant.id)

    for named in (None, "", "acme"):
        realm = office.do(lambda tx, named=named: enter_as_holder(tx, held, named, Scope.APPLICATION_READ))
        assert realm == Realm(tenant, "certificate:ff", frozenset({Scope.APPLICATION_READ}))
    for named in ("other", "nobody"):
        with pytest.raises(TenantForbidden):
            office.do(lambda tx, named=named: enter_as_holder(tx, held, named))


def test_tenants_are_created_by_callers_for_every_tenant(office: Office) -> None:
    """Who is limited to tenants creates none, not even one of a name that they may enter; nothing is recorded."""
    for name in ("new", "acme"):
        with pytest.raises(TenantForbidden):
            office.do(lambda tx, name=name: access.create_tenant(tx, LIMITED, name, name, make_id=uuid4, now=NOW))
    with pytest.raises(NotUniqueName):
        office.do(lambda tx: access.create_tenant(tx, EVERYWHERE, "acme", "Acme", make_id=uuid4, now=NOW))
    assert [event.reason for event in office.events(Action.TENANT_CREATED)] == ["other", "acme"]

    office.do(lambda tx: access.create_tenant(tx, EVERYWHERE, "new", "New", make_id=uuid4, now=NOW))
    event = office.events(Action.TENANT_CREATED)[0]
    assert (event.reason, event.actor) == ("new", "admin:root")


@pytest.mark.parametrize(
    ("caller", "tenant", "opens"),
    [
        (EVERYWHERE, None, None),
        (EVERYWHERE, "acme", frozenset({"acme"})),
        (LIMITED, "acme", frozenset({"acme"})),
    ],
)
def test_a_key_is_made(office: Office, caller: Caller, tenant: str | None, opens: frozenset[str] | None) -> None:
    """A key opens what it was made for, with its role and for its time; the audit tells who made it, not its text."""
    text, key = office.key(caller, tenant=tenant, role=Role.OPERATOR, lifetime=timedelta(minutes=1))

    stored = office.do(lambda tx: tx.keys.find(principals.digest(text)))
    assert stored == key
    assert (key.created_by, key.expires_at) == (caller.actor, NOW + timedelta(minutes=1))
    bearer = principals.check(stored, principals.digest(text), now=NOW)
    assert (bearer.role, bearer.tenants) == (Role.OPERATOR, opens)
    (event,) = office.events(Action.KEY_CREATED)
    entered = office.do(lambda tx: tx.tenants.find(tenant)) if tenant else None
    assert (event.actor, event.reason) == (caller.actor, "robot")
    assert event.tenant_id == (entered.id if entered else None)
    assert text not in repr(event)


@pytest.mark.parametrize(
    ("caller", "changes", "refusal"),
    [
        (LIMITED, {"tenant": None}, TenantForbidden),
        (LIMITED, {"tenant": "other"}, TenantForbidden),
        (LIMITED, {"tenant": "nobody"}, TenantForbidden),
        (NOWHERE, {"tenant": "acme"}, TenantForbidden),
        (EVERYWHERE, {"tenant": "nobody"}, TenantNotFound),
        (EVERYWHERE, {"tenant": ""}, TenantRequired),
        (EVERYWHERE, {"name": "a/b"}, InvalidData),
        (EVERYWHERE, {"lifetime": timedelta(0)}, InvalidData),
    ],
)
def test_a_key_is_not_made(office: Office, caller: Caller, changes: dict[str, Any], refusal: type[Refusal]) -> None:
    """Nobody makes a key that opens more than they may enter, or one that breaks a rule; then nothing is recorded."""
    with pytest.raises(refusal):
        office.key(caller, **changes)

    assert office.do(lambda tx: tx.keys.any()) is False
    assert office.events(Action.KEY_CREATED) == []


def test_a_keys_name_is_taken_where_it_opens(office: Office) -> None:
    """A name is taken once in each tenant and once for all, so that the audit's names are unique."""
    for tenant in (None, "acme", "other"):
        office.key(EVERYWHERE, tenant=tenant)
    for tenant in (None, "acme"):
        with pytest.raises(NotUniqueName):
            office.key(EVERYWHERE, tenant=tenant)


def test_a_key_is_revoked(office: Office) -> None:
    """A key is revoked once: who asks again gets the record as it is, and the audit has one event."""
    _, key = office.key(EVERYWHERE, tenant="acme")

    revoked = office.do(lambda tx: access.revoke_api_key(tx, LIMITED, key.id, now=LATER))
    again = office.do(lambda tx: access.revoke_api_key(tx, EVERYWHERE, key.id, now=LATER + timedelta(hours=1)))

    assert revoked == again == replace(key, revoked_at=LATER)
    (event,) = office.events(Action.KEY_REVOKED)
    tenant = office.do(lambda tx: tx.tenants.find("acme"))
    assert tenant is not None
    assert (event.actor, event.reason, event.tenant_id) == (LIMITED.actor, "robot", tenant.id)


def test_no_other_key_is_revoked(office: Office) -> None:
    """To who is limited, a key for another tenant or for all is as unknown as one that never was."""
    ids = [office.key(EVERYWHERE, tenant=tenant)[1].id for tenant in (None, "other")]
    answers = set()
    for unknown in (*ids, str(uuid4()), ""):
        with pytest.raises(ObjectNotFound) as refused:
            office.do(lambda tx, unknown=unknown: access.revoke_api_key(tx, LIMITED, unknown, now=LATER))
        answers.add(str(refused.value))

    assert len(answers) == 1
    assert [key.revoked_at for key in office.do(lambda tx: tx.keys.list())] == [None, None]
    assert office.events(Action.KEY_REVOKED) == []


@pytest.mark.parametrize("name", [access.OPERATOR.actor, "system"])
def test_no_key_acts_under_the_name_of_a_command(office: Office, name: str) -> None:
    """The audit tells a key apart from a command and from the server itself, whatever the key is called."""
    text, key = office.key(EVERYWHERE, name=name, tenant=None)

    bearer = principals.check(key, principals.digest(text), now=NOW)
    assert bearer.actor not in {access.OPERATOR.actor, "system"}
