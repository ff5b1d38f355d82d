from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.records import LATER, NOW

from connector.domain.administrators import (
    LINK_LIFETIME,
    Administrator,
    SessionPolicy,
    check_link,
    check_password,
    check_session,
    digest,
    make_administrator,
    make_link,
    make_session,
)
from connector.domain.principals import Caller, Role
from connector.domain.refusals.administrators import LinkRefused, SessionEnded
from connector.domain.refusals.objects import InvalidData

POLICY = SessionPolicy(idle=timedelta(hours=1), longest=timedelta(hours=12))
CALLER = Caller("ann", "user:ann", Role.VIEWER, frozenset({"a"}))
MICROSECOND = timedelta(microseconds=1)


def administrator() -> Administrator:
    return make_administrator("ann", id=UUID(int=1), role=Role.OPERATOR, tenant="a", created_by="command", now=NOW)


def test_a_session_ends_by_disuse_and_by_age() -> None:
    """An hour after its last use, and twelve after its beginning, to the microsecond."""
    text, session = make_session(bytes(32), CALLER, None, id=UUID(int=1), policy=POLICY, now=NOW)

    assert check_session(session, None, digest(text), policy=POLICY, now=NOW + POLICY.idle - MICROSECOND) == CALLER
    with pytest.raises(SessionEnded):
        check_session(session, None, digest(text), policy=POLICY, now=NOW + POLICY.idle)
    used = replace(session, seen_at=NOW + POLICY.longest)
    check_session(used, None, digest(text), policy=POLICY, now=NOW + POLICY.longest - MICROSECOND)
    with pytest.raises(SessionEnded):
        check_session(used, None, digest(text), policy=POLICY, now=NOW + POLICY.longest)


def test_the_account_counts_and_not_what_it_was() -> None:
    """A session of an administrator acts with the role that the account has now; gone or disabled, with none."""
    account = administrator()
    text, session = make_session(bytes(32), CALLER, account.id, id=UUID(int=1), policy=POLICY, now=NOW)

    assert check_session(session, account, digest(text), policy=POLICY, now=LATER) == Caller(
        "ann", "administrator:ann", Role.OPERATOR, frozenset({"a"})
    )
    for gone in (None, replace(account, disabled_at=NOW)):
        with pytest.raises(SessionEnded):
            check_session(session, gone, digest(text), policy=POLICY, now=LATER)


def test_no_other_cookie_is_a_session() -> None:
    """Another text, no session, and one that was ended are refused."""
    text, session = make_session(bytes(32), CALLER, None, id=UUID(int=1), policy=POLICY, now=NOW)
    for found, presented in ((session, "x"), (None, text), (replace(session, ended_at=NOW), text)):
        with pytest.raises(SessionEnded):
            check_session(found, None, digest(presented), policy=POLICY, now=NOW)


def test_a_link_ends() -> None:
    """After an hour, when it was used, and for any other text."""
    text, link = make_link(bytes(32), administrator(), now=NOW)
    assert check_link(link, digest(text), now=NOW + LINK_LIFETIME - MICROSECOND) is link
    for found, presented, now in (
        (link, text, NOW + LINK_LIFETIME),
        (link, "x", NOW),
        (None, text, NOW),
        (replace(link, used_at=NOW), text, NOW),
    ):
        with pytest.raises(LinkRefused):
            check_link(found, digest(presented), now=now)


def test_no_secret_is_in_a_repr() -> None:
    """Neither a password's hash nor a digest shows in what is logged by accident."""
    text, link = make_link(bytes(32), administrator(), now=NOW)
    _, session = make_session(bytes(32), CALLER, None, id=UUID(int=1), policy=POLICY, now=NOW)
    shown = repr((link, session, replace(administrator(), password="$argon2id$")))  # noqa: S106 - no hash
    assert text not in shown
    assert repr(digest(text)) not in shown
    assert "argon2" not in shown


@pytest.mark.parametrize("password", ["", "eleven char", "xy" * 101, "x" * 12, "abcd" * 9])
def test_short_and_endless_passwords_are_refused(password: str) -> None:
    """Twelve characters are the least, two hundred the most."""
    assert check_password("abcde" * 3) == "abcde" * 3
    with pytest.raises(InvalidData):
        check_password(password)


def test_a_secret_takes_its_octets() -> None:
    """A text is made of 32 octets, no less."""
    with pytest.raises(ValueError, match="32"):
        make_link(bytes(31), administrator(), now=NOW)
