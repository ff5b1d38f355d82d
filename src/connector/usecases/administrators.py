"""Administrators of the console, their sign-in links and sessions: signing in, and being signed out.

A caller sees and changes only administrators of tenants that they may enter, as with API keys.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from connector.domain import administrators
from connector.domain.administrators import (
    SECRET_OCTETS,
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
from connector.domain.audit import Action
from connector.domain.principals import Caller, Role
from connector.domain.refusals.administrators import LinkRefused, SessionEnded, SignInRefused
from connector.domain.refusals.objects import InvalidData, ObjectInUse, ObjectNotFound
from connector.domain.secrets import Secret
from connector.ports.transaction import Transaction
from connector.usecases.offices import together
from connector.usecases.realms import Installation

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


def create(installation: Installation, name: str, *, role: Role, tenant: str | None) -> Administrator:
    """Create an administrator, for one tenant by its external id, or for every tenant.

    Raises:
        TenantForbidden, TenantNotFound: the caller has no right to that tenant, or there is no such tenant.
        InvalidData, NotUniqueName: the name breaks a rule, or is taken.
    """
    installation.require_right_to(tenant)
    made = administrators.make_administrator(
        name,
        id=installation.new_id(),
        role=role,
        tenant=tenant,
        created_by=installation.caller.actor,
        now=installation.now,
    )
    installation.administrators.add(made)
    installation.record(Action.ADMINISTRATOR_CREATED, tenant=made.tenant, reason=made.name)
    return made


def administrator(installation: Installation, id: str) -> Administrator:
    """The administrator of that id.

    Raises:
        ObjectNotFound: there is none among those that the caller may see.
    """
    found = installation.administrators.of_id(id)
    if found is None:
        raise ObjectNotFound
    return found


def hand_link(installation: Installation, administrator: Administrator) -> Secret:
    """Make a link by which the administrator sets a password and signs in, once. Earlier ones are good no more."""
    if administrator.disabled_at is not None:
        raise InvalidData("Invalid data id: the administrator is disabled. Enable them first.")
    text, link = make_link(installation.random(SECRET_OCTETS), administrator, now=installation.now)
    installation.links.add(link)
    installation.record(Action.LINK_MADE, tenant=administrator.tenant, reason=administrator.name)
    return Secret(text)


def set_disabled(
    installation: Installation, administrator: Administrator, *, disabled: bool, last_too: bool = False
) -> Administrator:
    """Disable an administrator, whose sessions end with it, or enable them again.

    Raises:
        InvalidData: it is the caller's own account.
        ObjectInUse: nobody else could do everything in every tenant; not with ``last_too``.
    """
    if disabled == (administrator.disabled_at is not None):
        return administrator
    _check_other(installation, administrator)
    if disabled and not last_too:
        _check_not_last(installation, administrator)
    at = installation.now if disabled else None
    installation.administrators.set_disabled(administrator.id, at)
    if disabled:
        installation.sessions.end_all(administrator.caller.actor, now=installation.now)
    action = Action.ADMINISTRATOR_DISABLED if disabled else Action.ADMINISTRATOR_ENABLED
    installation.record(action, tenant=administrator.tenant, reason=administrator.name)
    return replace(administrator, disabled_at=at)


def change_rights(
    installation: Installation, administrator: Administrator, *, role: Role, tenant: str | None, last_too: bool = False
) -> Administrator:
    """Change an administrator's role, and the tenant where it counts. It holds from their next request on.

    Raises:
        TenantForbidden, TenantNotFound: the caller has no right to that tenant, or there is no such tenant.
        InvalidData: it is the caller's own account.
        ObjectInUse: nobody else could do everything in every tenant; not with ``last_too``.
    """
    installation.require_right_to(tenant)
    changed = replace(administrator, role=role, tenant=tenant)
    if changed == administrator:
        return administrator
    _check_other(installation, administrator)
    if not last_too and not _can_do_everything(changed):
        _check_not_last(installation, administrator)
    installation.administrators.set_rights(administrator.id, role, tenant)
    reason = f"{administrator.name}: from {administrator.rights} to {changed.rights}"
    installation.record(Action.ADMINISTRATOR_CHANGED, tenant=administrator.tenant, reason=reason)
    return changed


def remove(installation: Installation, administrator: Administrator, *, last_too: bool = False) -> None:
    """Remove an administrator, with their sessions and links. The audit keeps their name.

    Raises:
        InvalidData: it is the caller's own account.
        ObjectInUse: nobody else could do everything in every tenant; not with ``last_too``.
    """
    _check_other(installation, administrator)
    if not last_too:
        _check_not_last(installation, administrator)
    installation.administrators.remove(administrator.id)
    installation.record(Action.ADMINISTRATOR_REMOVED, tenant=administrator.tenant, reason=administrator.name)


def _check_other(installation: Installation, administrator: Administrator) -> None:
    if administrator.caller.actor == installation.caller.actor:
        raise InvalidData("Invalid data id: it is your own account. Have somebody else do it.")


def _check_not_last(installation: Installation, administrator: Administrator) -> None:
    """Return if somebody else can sign in and do everything in every tenant, or this one cannot either.

    Raises:
        ObjectInUse: this is the last one.
    """
    others = (each for each in installation.administrators.list() if each.id != administrator.id)
    if _can_do_everything(administrator) and not any(map(_can_do_everything, others)):
        raise ObjectInUse(
            f"Object is in use: {administrator.name} is the last administrator for every tenant who can sign in. "
            "Create another one first, and have them set a password."
        )


def _can_do_everything(each: Administrator) -> bool:
    is_able = each.password is not None and each.disabled_at is None
    return is_able and each.role is Role.ADMINISTRATOR and each.tenant is None


def redeem_link(installation: Installation, text: str, password: str) -> Administrator:
    """Set the password, given as its hash, with a link that is used up thereby. Sessions that were open end.

    Whoever has the link acts as its administrator.

    Raises:
        LinkRefused: the link is unknown, used or expired, or its administrator is disabled.
    """
    presented = digest(text)
    link = check_link(installation.links.find(presented), presented, now=installation.now)
    installation.links.use(link, now=installation.now)
    found = installation.administrators.of_id(link.administrator_id)
    if found is None or found.disabled_at is not None:
        raise LinkRefused
    return _with_password(replace(installation, caller=found.caller), found, password)


def change_password(installation: Installation, former: Administrator, password: str) -> Administrator:
    """Set the caller's own password, given as its hash. All their sessions end.

    Raises:
        SignInRefused: the account was disabled, or its password changed, since the former one was checked.
    """
    found = administrator(installation, former.id)
    if found.disabled_at is not None or found.password != former.password or found.caller != installation.caller:
        raise SignInRefused
    return _with_password(installation, found, password)


def _with_password(installation: Installation, found: Administrator, password: str) -> Administrator:
    installation.administrators.set_password(found.id, password)
    installation.sessions.end_all(found.caller.actor, now=installation.now)
    installation.record(Action.PASSWORD_SET, tenant=found.tenant, reason=found.name)
    return replace(found, password=password)


@together
def begin(installation: Installation, administrator_id: str | None, *, policy: SessionPolicy) -> tuple[Secret, Session]:
    """Begin a session of the caller's: the text of its cookie, and its record.

    Raises:
        SignInRefused: the administrator was disabled meanwhile.
    """
    if administrator_id is not None:
        found = installation.administrators.of_id(administrator_id)
        if found is None or found.disabled_at is not None:
            raise SignInRefused
    text, session = make_session(
        installation.random(SECRET_OCTETS),
        installation.caller,
        administrator_id,
        id=installation.new_id(),
        policy=policy,
        now=installation.now,
    )
    installation.sessions.add(session)
    if administrator_id is not None:
        installation.administrators.signed_in(administrator_id, installation.now)
    _record(installation, Action.SESSION_BEGAN, session)
    return Secret(text), session


def resume(tx: Transaction, text: str, *, policy: SessionPolicy) -> Presence:
    """The caller with the cookie of a session.

    Raises:
        SessionEnded: nobody does.
    """
    presented = digest(text)
    session = tx.sessions.find(presented)
    if session is None:
        raise SessionEnded
    found = tx.administrators.of_id(session.administrator_id) if session.administrator_id is not None else None
    caller = check_session(session, found, presented, policy=policy, now=tx.now)
    return Presence(session, caller, tx.now - session.seen_at >= SEEN_AGAIN)


@together
def end(installation: Installation, id: str, *, any_actor: bool) -> Session:
    """End a session: one of the caller's own, or with ``any_actor`` anyone's. It is one conditional write.

    Raises:
        ObjectNotFound: there is none of that id that has not ended.
    """
    actor = None if any_actor else installation.caller.actor
    session = installation.sessions.end(id, actor=actor, now=installation.now)
    if session is None:
        raise ObjectNotFound
    _record(installation, Action.SESSION_ENDED, session)
    return session


@together
def refused(installation: Installation, name: str) -> None:
    """Record that a sign-in was refused: under the administrator's name, or for an unknown name without it.

    The same statements either way. Otherwise a slow disk would tell which names exist. An unknown name is not recorded
    since it can be a password that was typed into the wrong field.
    """
    found = installation.administrators.find(name)
    tenant = found.tenant if found is not None else None
    installation.record(Action.SIGN_IN_REFUSED, tenant=tenant or "", reason=UNKNOWN if found is None else found.name)


def remove_ended(tx: Transaction, *, most: int) -> int:
    """Remove a batch of the sessions and links that ended long ago, and return the size of the larger."""
    before = tx.now - KEPT
    return max(tx.sessions.remove_ended(before, most), tx.links.remove_ended(before, most))


def _record(installation: Installation, action: Action, session: Session) -> None:
    only = next(iter(session.tenants)) if session.tenants is not None and len(session.tenants) == 1 else None
    installation.record(action, tenant=only, reason=session.actor)
