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

from connector.domain.administrators import Administrator, SessionPolicy
from connector.domain.audit import Action, Event
from connector.domain.principals import Caller, Role
from connector.domain.refusals.administrators import SignInRefused
from connector.domain.refusals.objects import ObjectNotFound
from connector.usecases import administrators, offices
from connector.usecases.realms import COMMAND, Installation

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
