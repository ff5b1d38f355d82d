"""The way into a tenant, and the keys that open it: who may, and what the others are told."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from tests.support.authority import Timed
from tests.support.memory.store import MemoryStore
from tests.support.records import audited, certificate, event, token

from connector.domain import principals
from connector.domain.audit import Action, Event
from connector.domain.certificates import RevocationReason
from connector.domain.directory import Entity, EntityKind
from connector.domain.principals import SCOPES, ApiKey, Caller, Role, Scope
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound, TenantRequired
from connector.ports.audit import EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.usecases import administrators, offices, registration
from connector.usecases.keys import make_api_key, revoke_api_key
from connector.usecases.quotas import Allowances
from connector.usecases.realms import COMMAND, Installation, Realm, enter_as_owner
from connector.usecases.revocation import revoke, withdraw
from connector.usecases.tenants import create_tenant

T = TypeVar("T")

UNSPECIFIED = RevocationReason.UNSPECIFIED
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EVERYWHERE = Caller("root", "admin:root", Role.ADMINISTRATOR, None)
LIMITED = Caller("acme", "admin:acme/acme", Role.ADMINISTRATOR, frozenset({"acme"}))
NOWHERE = Caller("none", "admin:none", Role.ADMINISTRATOR, frozenset())


@dataclass(slots=True)
class Office:
    """A store with the tenants acme and other, asked from outside an event loop."""

    store: Timed
    runner: Runner
    time: datetime = NOW

    def do(self, function: Callable[[Transaction], T]) -> T:
        return self.runner.run(self.store.transaction(function))

    def installed(self, caller: Caller, use_case: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the use case of the installation returns to the caller."""
        office = offices.Office(self.store, lambda tx: Installation(tx, caller))
        return self.runner.run(office.run(use_case, *args, **kwargs))

    def enter(self, caller: Caller, external_id: str | None) -> Realm:
        return self.installed(caller, Installation.enter, external_id)

    def within(self, external_id: str, use_case: Callable[..., T], *args: Any) -> T:
        """What the use case of that tenant's realm returns."""
        return self.installed(EVERYWHERE, lambda installation: use_case(installation.enter(external_id), *args))

    def key(self, caller: Caller, name: str = "robot", **changes: Any) -> tuple[str, ApiKey]:
        arguments = {"role": Role.VIEWER, "tenant": None, "lifetime": None, **changes}
        return self.installed(caller, make_api_key, name, **arguments)

    def events(self, action: Action) -> list[Event]:
        return self.do(lambda tx: audited(tx, action))


@pytest.fixture
def office() -> Iterator[Office]:
    with Runner() as runner:
        office = Office(Timed(MemoryStore(), lambda: office.time), runner)
        for name in ("acme", "other"):
            office.installed(COMMAND, create_tenant, name, name)
        yield office


@pytest.mark.parametrize("caller", [EVERYWHERE, LIMITED])
@pytest.mark.parametrize("role", Role)
def test_the_way_in(office: Office, caller: Caller, role: Role) -> None:
    """Who may enter a tenant acts there under their own name, with the scopes of their role."""
    realm = office.enter(replace(caller, role=role), "acme")

    assert realm.tenant == office.do(lambda tx: tx.tenants.find("acme"))
    assert (realm.tenant_id, realm.actor, realm.scopes) == (realm.tenant.id, caller.actor, SCOPES[role])


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
        office.enter(caller, external_id)


def test_who_is_limited_does_not_learn_which_tenants_there_are(office: Office) -> None:
    """A tenant that is there and one that is not are answered word for word alike."""
    answers = []
    for external_id in ("other", "nobody"):
        with pytest.raises(TenantForbidden) as refused:
            office.enter(LIMITED, external_id)
        answers.append((type(refused.value), str(refused.value)))

    assert answers[0] == answers[1]
    assert "other" not in answers[0][1]


def test_a_holder_enters_the_certificates_tenant(office: Office) -> None:
    """A certificate leads into its own tenant, named or not, with the scopes that the operation grants it."""
    tenant = office.do(lambda tx: tx.tenants.find("acme"))
    assert tenant is not None
    held = certificate(255, tenant_id=tenant.id)

    for named in (None, "", "acme"):
        realm = office.do(lambda tx, named=named: enter_as_owner(tx, held, named, Scope.APPLICATION_READ))
        assert (realm.tenant, realm.actor, realm.scopes) == (tenant, "certificate:ff", {Scope.APPLICATION_READ})
    for named in ("other", "nobody"):
        with pytest.raises(TenantForbidden):
            office.do(lambda tx, named=named: enter_as_owner(tx, held, named))


def test_tenants_are_created_by_callers_for_every_tenant(office: Office) -> None:
    """Who is limited to tenants creates none, not even one of a name that they may enter; nothing is recorded."""
    for name in ("new", "acme"):
        with pytest.raises(TenantForbidden):
            office.installed(LIMITED, create_tenant, name, name)
    with pytest.raises(NotUniqueName):
        office.installed(EVERYWHERE, create_tenant, "acme", "Acme")
    assert [event.reason for event in office.events(Action.TENANT_CREATED)] == ["other", "acme"]

    office.installed(EVERYWHERE, create_tenant, "new", "New")
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

    office.time = LATER
    revoked = office.installed(LIMITED, revoke_api_key, key.id)
    office.time = LATER + timedelta(hours=1)
    again = office.installed(EVERYWHERE, revoke_api_key, key.id)

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
            office.installed(LIMITED, revoke_api_key, unknown)
        answers.add(str(refused.value))

    assert len(answers) == 1
    assert [key.revoked_at for key in office.do(lambda tx: tx.keys.list())] == [None, None]
    assert office.events(Action.KEY_REVOKED) == []


@pytest.mark.parametrize("name", [COMMAND.actor, "system"])
def test_no_key_acts_under_the_name_of_a_command(office: Office, name: str) -> None:
    """The audit tells a key apart from a command and from the server itself, whatever the key is called."""
    text, key = office.key(EVERYWHERE, name=name, tenant=None)

    bearer = principals.check(key, principals.digest(text), now=NOW)
    assert bearer.actor not in {COMMAND.actor, "system"}


def test_a_realm_reaches_its_own_tenant_whatever_a_filter_says(office: Office) -> None:
    """Filters that name another tenant, or none, find and change what is the realm's, and nothing else."""
    theirs, ours = (office.enter(EVERYWHERE, name).tenant for name in ("other", "acme"))

    def add(tx: Transaction) -> None:
        for number, tenant in enumerate((theirs, ours), start=1):
            tx.tokens.add(token(number, tenant_id=tenant.id, expires_at=LATER))
            tx.inventory.add(certificate(number, tenant_id=tenant.id))
            tx.audit.append(event(number, tenant_id=tenant.id))

    def act(installation: Installation) -> list[set[str]]:
        realm, found = installation.enter("acme"), []
        for tenant_id in (theirs.id, "", ours.id):
            which = CertificateFilter(tenant_id)
            found += [
                {each.tenant_id for each in realm.tokens.list(TokenFilter(tenant_id))},
                {each.tenant_id for each in realm.certificates.list(which)},
                {each.event.tenant_id or "" for each in realm.events.page(EventFilter(tenant_id), most=9)},
            ]
            assert (realm.tokens.count(TokenFilter(tenant_id)), realm.certificates.count(which)) == (1, 1)
        found.append({each.tenant_id for each in withdraw(realm, TokenFilter(theirs.id))})
        found.append({each.tenant_id for each in revoke(realm, CertificateFilter(theirs.id), UNSPECIFIED)})
        return found

    office.do(add)
    assert all(tenant_ids == {ours.id} for tenant_ids in office.installed(EVERYWHERE, act))
    assert office.do(lambda tx: tx.tokens.list(TokenFilter(theirs.id)))[0].withdrawn_at is None
    assert office.do(lambda tx: tx.inventory.list(CertificateFilter(theirs.id)))[0].revoked_at is None


def test_a_filter_without_a_tenant_fits_nothing(office: Office) -> None:
    """A filter that never went through a realm finds no tenant's records."""
    office.do(lambda tx: (tx.tokens.add(token()), tx.inventory.add(certificate()), tx.audit.append(event())))

    assert office.do(lambda tx: [*tx.tokens.list(TokenFilter()), *tx.inventory.list(CertificateFilter())]) == []
    assert office.do(lambda tx: tx.audit.page(EventFilter(), most=9)) == []


def test_a_realm_records_nothing_about_anothers_records(office: Office) -> None:
    """An event about another tenant's record is a mistake of the program: it is not recorded."""
    office.installed(EVERYWHERE, lambda each: each.enter("acme").record(Action.LABEL_SET, reason="ours"))
    with pytest.raises(ValueError, match="another tenant"):
        office.installed(EVERYWHERE, lambda each: each.enter("acme").record(Action.TOKEN_MINTED, token()))

    assert [event.reason for event in office.events(Action.LABEL_SET)] == ["ours"]
    assert office.events(Action.TOKEN_MINTED) == []


def test_a_name_that_equals_an_id_does_not_shadow_its_owner(office: Office) -> None:
    """Where a name or an id may be given, an id means its owner, even if another entity has that text as its name."""

    def named(realm: Realm, name: str) -> Entity:
        return registration.register(realm, EntityKind.APPLICATION, {"name": name}, allowances=Allowances())

    def found(realm: Realm, name_or_id: str) -> Entity:
        return registration.named_or_identified(realm, EntityKind.APPLICATION, name_or_id)

    meant = office.within("acme", named, "shop")
    other = office.within("acme", named, meant.id)

    assert office.within("acme", found, meant.id) == meant
    assert office.within("acme", found, "shop") == meant
    assert office.within("acme", found, other.id) == other


def test_events_of_no_tenant_are_read_by_callers_for_every_tenant(office: Office) -> None:
    """Events outside of tenants, such as a new key for every tenant, are for callers who may enter every tenant."""
    office.key(EVERYWHERE, "anywhere")
    office.key(LIMITED, "local", tenant="acme")

    created = EventFilter(actions=[Action.KEY_CREATED])
    listed = office.installed(EVERYWHERE, Installation.events, created, most=9)
    assert [each.event.reason for each in listed] == ["anywhere"]
    acme = office.enter(EVERYWHERE, "acme").tenant_id
    assert office.installed(EVERYWHERE, Installation.events, replace(created, tenant_id=acme), most=9) == listed
    with pytest.raises(TenantForbidden):
        office.installed(LIMITED, Installation.events, created, most=9)


def test_each_attempt_has_one_moment(office: Office) -> None:
    """All of one attempt has the same time; an office identifies its caller at that time too, and anew for each use."""
    seen: list[datetime] = []

    def identify(tx: Transaction) -> Installation:
        seen.append(tx.now)
        return Installation(tx, EVERYWHERE)

    work = offices.Office(office.store, identify)
    for time in (NOW, LATER):
        office.time = time
        assert office.runner.run(work.run(lambda each: (each.now, each.enter("acme").now))) == (time, time)
    assert seen == [NOW, LATER]


@pytest.mark.parametrize(
    ("use_case", "is_together"),
    [
        (registration.register, True),
        (registration.hand_over, True),
        (registration.hand_over_under, False),
        (registration.unregister, False),
        (registration.delete_system_auth, False),
        (registration.withdraw_token, False),
        (revoke, False),
        (administrators.begin, True),
        (administrators.end, True),
        (administrators.set_disabled, False),
        (administrators.redeem_link, False),
        (administrators.change_password, False),
        (administrators.change_rights, False),
        (administrators.remove, False),
        (create_tenant, False),
        (make_api_key, False),
        (revoke_api_key, False),
    ],
)
def test_a_use_case_runs_alone_unless_it_says_otherwise(
    office: Office, use_case: Callable[..., object], *, is_together: bool
) -> None:
    """Whatever ends the good standing of several records, or writes what it has read, runs alone (decision 0017)."""
    asked: list[bool] = []

    class Asked:
        async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> None:
            asked.append(alone)

    office.runner.run(offices.Office(Asked(), lambda tx: tx).run(use_case))
    office.runner.run(offices.Office(Asked(), lambda tx: tx).run_then(lambda *_: None, use_case))
    assert asked == [not is_together] * 2
