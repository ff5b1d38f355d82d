"""Administrators of the console, their sign-in links and sessions: who comes in, and who is put out.

What a caller may see and change ends at the tenants that they may enter, as with API keys.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.domain import administrators
from connector.domain.administrators import (
    SEEN_AGAIN,
    Administrator,
    Session,
    SessionPolicy,
    check_link,
    check_session,
    digest,
    make_link,
    make_session,
)
from connector.domain.audit import Action, Event
from connector.domain.principals import Caller, Role
from connector.domain.refusals.administrators import SignInRefused
from connector.domain.refusals.objects import InvalidData, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden
from connector.domain.secrets import Secret
from connector.ports.transaction import MakeID, Random, Transaction
from connector.usecases.access import enter

KEPT = timedelta(days=1)
"""How long sessions and links are kept after their end."""

UNKNOWN = "unknown_name"
"""The reason of a refused sign-in with a name that no administrator has."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A session in which somebody acts; ``is_due`` says that its last use should be recorded anew."""

    session: Session
    caller: Caller
    is_due: bool


def create(
    tx: Transaction, caller: Caller, name: str, *, role: Role, tenant: str | None, make_id: MakeID, now: datetime
) -> Administrator:
    """Create an administrator, for one tenant by its external id, or for every tenant.

    Raises:
        TenantForbidden, TenantNotFound: the caller has no right to that tenant, or there is no such tenant.
        InvalidData, NotUniqueName: the name breaks a rule, or is taken.
    """
    if tenant is not None:
        enter(tx, caller, tenant)
    elif caller.tenants is not None:
        raise TenantForbidden
    made = administrators.make_administrator(
        name, id=make_id(), role=role, tenant=tenant, created_by=caller.actor, now=now
    )
    tx.administrators.add(made)
    tx.audit.append(_event(tx, Action.ADMINISTRATOR_CREATED, made, caller.actor, now=now))
    return made


def administrator(tx: Transaction, caller: Caller, id: str) -> Administrator:
    """The administrator of that id.

    Raises:
        ObjectNotFound: there is none among those that the caller may see.
    """
    found = tx.administrators.of_id(id)
    if found is None or (caller.tenants is not None and found.tenant not in caller.tenants):
        raise ObjectNotFound
    return found


def hand_link(
    tx: Transaction, caller: Caller, administrator: Administrator, *, random: Random, now: datetime
) -> Secret:
    """Make a link by which the administrator sets a password and signs in, once. Earlier ones are good no more."""
    if administrator.disabled_at is not None:
        raise InvalidData("Invalid data id: the administrator is disabled. Enable them first.")
    text, link = make_link(random(administrators.SECRET_OCTETS), administrator, now=now)
    tx.links.add(link)
    tx.audit.append(_event(tx, Action.LINK_MADE, administrator, caller.actor, now=now))
    return Secret(text)


def set_disabled(
    tx: Transaction, caller: Caller, administrator: Administrator, *, disabled: bool, now: datetime
) -> Administrator:
    """Disable an administrator, whose sessions end with it, or enable them again.

    Raises:
        InvalidData: it is the caller's own account.
    """
    if disabled == (administrator.disabled_at is not None):
        return administrator
    if administrator.caller.actor == caller.actor:
        raise InvalidData("Invalid data id: it is your own account. Have somebody else disable it.")
    at = now if disabled else None
    tx.administrators.set_disabled(administrator.id, at)
    if disabled:
        tx.sessions.end_all(administrator.caller.actor, now=now)
    action = Action.ADMINISTRATOR_DISABLED if disabled else Action.ADMINISTRATOR_ENABLED
    tx.audit.append(_event(tx, action, administrator, caller.actor, now=now))
    return replace(administrator, disabled_at=at)


def redeem_link(tx: Transaction, text: str, password: str, *, now: datetime) -> Administrator:
    """Set the password, given as its hash, with a link that is used up thereby. Sessions that were open end.

    Raises:
        LinkRefused: the link is unknown, used or expired, or its administrator is disabled.
    """
    presented = digest(text)
    link = check_link(tx.links.find(presented), presented, now=now)
    tx.links.use(link, now=now)
    found = tx.administrators.of_id(link.administrator_id)
    if found is None or found.disabled_at is not None:
        return check_link(None, presented, now=now)  # type: ignore[return-value] # which raises
    tx.administrators.set_password(found.id, password)
    tx.sessions.end_all(found.caller.actor, now=now)
    tx.audit.append(_event(tx, Action.PASSWORD_SET, found, found.caller.actor, now=now))
    return replace(found, password=password)


def begin(
    tx: Transaction,
    caller: Caller,
    administrator_id: str | None,
    *,
    policy: SessionPolicy,
    random: Random,
    make_id: MakeID,
    now: datetime,
) -> tuple[Secret, Session]:
    """Begin a session: the text of its cookie, and its record.

    Raises:
        SignInRefused: the administrator was disabled meanwhile.
    """
    if administrator_id is not None:
        found = tx.administrators.of_id(administrator_id)
        if found is None or found.disabled_at is not None:
            raise SignInRefused
    text, session = make_session(
        random(administrators.SECRET_OCTETS), caller, administrator_id, id=make_id(), policy=policy, now=now
    )
    tx.sessions.add(session)
    tx.audit.append(_session_event(tx, Action.SESSION_BEGAN, session, caller.actor, now=now))
    return Secret(text), session


def resume(tx: Transaction, text: str, *, policy: SessionPolicy, now: datetime) -> Presence:
    """Who acts with the cookie of a session.

    Raises:
        SessionEnded: nobody does.
    """
    presented = digest(text)
    session = tx.sessions.find(presented)
    found = None
    if session is not None and session.administrator_id is not None:
        found = tx.administrators.of_id(session.administrator_id)
    caller = check_session(session, found, presented, policy=policy, now=now)
    if session is None:
        raise AssertionError  # check_session has refused it
    return Presence(session, caller, now - session.seen_at >= SEEN_AGAIN)


def end(tx: Transaction, caller: Caller, id: str, *, anybodys: bool, now: datetime) -> Session:
    """End a session: one of the caller's own, or with ``anybodys`` one of any actor.

    Raises:
        ObjectNotFound: there is none of that id that has not ended.
    """
    session = tx.sessions.end(id, actor=None if anybodys else caller.actor, now=now)
    if session is None:
        raise ObjectNotFound
    tx.audit.append(_session_event(tx, Action.SESSION_ENDED, session, caller.actor, now=now))
    return session


def refused(tx: Transaction, name: str, *, now: datetime) -> None:
    """Record that a sign-in was refused: under the administrator's name, or for an unknown name without it.

    The same statements either way. Otherwise a slow disk would tell which names exist. An unknown name is not recorded
    since it can be a password that was typed into the wrong field.
    """
    found = tx.administrators.find(name)
    tenant = tx.tenants.find((found.tenant if found is not None else None) or "")
    tx.audit.append(
        Event(
            at=now,
            action=Action.SIGN_IN_REFUSED,
            actor="system",
            tenant_id=None if tenant is None else tenant.id,
            reason=UNKNOWN if found is None else found.name,
        )
    )


def remove_ended(tx: Transaction, *, most: int, now: datetime) -> int:
    """Remove a batch of the sessions and links that ended long ago; how many it were."""
    return max(tx.sessions.remove_ended(now - KEPT, most), tx.links.remove_ended(now - KEPT, most))


def _event(tx: Transaction, action: Action, about: Administrator, actor: str, *, now: datetime) -> Event:
    return Event(at=now, action=action, actor=actor, tenant_id=_tenant_id(tx, about.tenant), reason=about.name)


def _session_event(tx: Transaction, action: Action, session: Session, actor: str, *, now: datetime) -> Event:
    only = next(iter(session.tenants)) if session.tenants is not None and len(session.tenants) == 1 else None
    return Event(at=now, action=action, actor=actor, tenant_id=_tenant_id(tx, only), reason=session.actor)


def _tenant_id(tx: Transaction, external_id: str | None) -> str | None:
    tenant = tx.tenants.find(external_id) if external_id is not None else None
    return None if tenant is None else tenant.id
