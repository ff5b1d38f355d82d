"""Accounts of administrators: who changes which, and what ends with it."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from tests.support.authority import Timed
from tests.support.memory.store import MemoryStore
from tests.support.records import audited

from connector.domain.administrators import Administrator, SessionPolicy, code_of, link_url
from connector.domain.audit import Action, Event
from connector.domain.principals import Caller, Role
from connector.domain.refusals import Refusal
from connector.domain.refusals.administrators import SignInRefused
from connector.domain.refusals.objects import InvalidData, ObjectInUse, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound
from connector.usecases import administrators, offices
from connector.usecases.realms import COMMAND, Installation
from connector.usecases.tenants import create_tenant

T = TypeVar("T")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = SessionPolicy(timedelta(hours=1), timedelta(hours=12))
KEPT, NEW = "$argon2id$kept", "$argon2id$new"


@dataclass(slots=True)
class Office:
    """A store with the administrator ann, who has a password."""

    store: Timed
    runner: Runner

    def do(self, caller: Caller, use_case: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What the use case returns to the caller."""
        return self.runner.run(
            offices.Office(self.store, lambda tx: Installation(tx, caller)).run(use_case, *args, **kwargs)
        )

    def ann(self) -> Administrator:
        found: Administrator | None = self.do(COMMAND, lambda installation: installation.administrators.find("ann"))
        assert found is not None
        return found

    def events(self, action: Action) -> list[Event]:
        return self.runner.run(self.store.transaction(lambda tx: audited(tx, action)))


def make(installation: Installation) -> None:
    made = administrators.create(installation, "ann", role=Role.OPERATOR, tenant=None)
    installation.administrators.set_password(made.id, KEPT)


@pytest.fixture
def office() -> Iterator[Office]:
    with Runner() as runner:
        made = Office(Timed(MemoryStore(), lambda: NOW), runner)
        made.do(COMMAND, make)
        yield made


def test_own_password_ends_all_sessions_and_is_recorded(office: Office) -> None:
    """Whoever changes their password acts under their own name, and no session of theirs goes on."""
    ann = office.ann()
    for _ in range(2):
        office.do(ann.caller, administrators.begin, ann.id, policy=POLICY)

    assert office.do(ann.caller, administrators.change_password, ann, NEW).password == NEW

    assert office.ann().password == NEW
    assert office.do(COMMAND, lambda it: it.sessions.list(now=NOW, most=9)) == []
    assert [(each.actor, each.reason) for each in office.events(Action.PASSWORD_SET)] == [("administrator:ann", "ann")]


def test_password_that_changed_since_it_was_checked_is_not_set(office: Office) -> None:
    """Of two changes at once the second has checked a password that is no more; a disabled account sets none; and
    nobody sets another's.
    """
    ann = office.ann()
    with pytest.raises(SignInRefused):
        office.do(ann.caller, administrators.change_password, replace(ann, password="$argon2id$older"), NEW)  # noqa: S106 - a hash
    with pytest.raises(SignInRefused):
        office.do(replace(ann.caller, actor="administrator:bob"), administrators.change_password, ann, NEW)
    with pytest.raises(ObjectNotFound):
        office.do(ann.caller, administrators.change_password, replace(ann, id="nobody"), NEW)
    office.do(COMMAND, administrators.set_disabled, ann, disabled=True)
    with pytest.raises(SignInRefused):
        office.do(ann.caller, administrators.change_password, ann, NEW)
    assert office.ann().password == KEPT
    assert office.events(Action.PASSWORD_SET) == []


def test_sign_in_is_noted(office: Office) -> None:
    """The account says when its administrator signed in last."""
    ann = office.ann()
    assert ann.signed_in_at is None
    office.do(ann.caller, administrators.begin, ann.id, policy=POLICY)
    assert office.ann().signed_in_at == NOW


def test_rights_are_changed_and_recorded(office: Office) -> None:
    """Role and tenant are what was chosen, and the audit says from what to what; the same again changes nothing."""
    office.do(COMMAND, create_tenant, "acme", "acme")
    for _ in range(2):
        office.do(COMMAND, administrators.change_rights, office.ann(), role=Role.VIEWER, tenant="acme")
    assert (office.ann().role, office.ann().tenant) == (Role.VIEWER, "acme")
    assert [each.reason for each in office.events(Action.ADMINISTRATOR_CHANGED)] == [
        "ann: from operator in every tenant to viewer in acme"
    ]


LIMITED = Caller("root", "administrator:root", Role.ADMINISTRATOR, frozenset({"acme"}))


@pytest.mark.parametrize(
    ("caller", "tenant", "refusal"),
    [
        (LIMITED, None, TenantForbidden),
        (LIMITED, "other", TenantForbidden),
        (COMMAND, "nowhere", TenantNotFound),
        (Caller("ann", "administrator:ann", Role.ADMINISTRATOR, None), None, InvalidData),
    ],
)
def test_nobody_gives_more_than_they_have(
    office: Office, caller: Caller, tenant: str | None, refusal: type[Refusal]
) -> None:
    """A caller for one tenant gives rights to that one alone; a tenant that is not there is none; and nobody changes
    their own account.
    """
    office.do(COMMAND, create_tenant, "acme", "acme")
    with pytest.raises(refusal):
        office.do(caller, administrators.change_rights, office.ann(), role=Role.ADMINISTRATOR, tenant=tenant)
    assert office.ann().role is Role.OPERATOR
    assert office.events(Action.ADMINISTRATOR_CHANGED) == []


def test_caller_for_one_tenant_does_not_reach_accounts_for_every_tenant(office: Office) -> None:
    """Such an account is not there for them, neither to be changed nor to be removed."""
    office.do(COMMAND, create_tenant, "acme", "acme")
    with pytest.raises(ObjectNotFound):
        office.do(LIMITED, administrators.change_rights, office.ann(), role=Role.VIEWER, tenant="acme")
    with pytest.raises(ObjectNotFound):
        office.do(LIMITED, administrators.remove, office.ann())
    assert office.ann().role is Role.OPERATOR


def test_last_administrator_is_kept(office: Office) -> None:
    """The last who can sign in and do everything is neither removed nor given less, unless somebody insists; and nobody
    removes their own account.
    """
    ann = office.do(COMMAND, administrators.change_rights, office.ann(), role=Role.ADMINISTRATOR, tenant=None)
    for use_case, changes in ((administrators.remove, {}), (administrators.change_rights, {"role": Role.VIEWER})):
        with pytest.raises(ObjectInUse, match="last administrator"):
            office.do(COMMAND, use_case, ann, **({**changes, "tenant": None} if changes else {}))
    with pytest.raises(InvalidData, match="your own account"):
        office.do(ann.caller, administrators.remove, ann)
    office.do(COMMAND, administrators.remove, ann, last_too=True)
    assert office.do(COMMAND, lambda it: it.administrators.list()) == []
    assert [each.reason for each in office.events(Action.ADMINISTRATOR_REMOVED)] == ["ann"]


@pytest.mark.parametrize("name", ["ann", "a#b&c", "日本 語", 'x"<b>'])
def test_code_is_found_in_a_whole_link_and_alone(name: str) -> None:
    """Whatever part of a link somebody pastes, its code is read, and the name in it changes nothing."""
    code = "A" * 43
    link = link_url("https://connector.example", code, name)
    assert link.isascii()
    for typed in (link, link.rpartition("#")[2], f"#{code}", code):
        assert code_of(typed) == code
