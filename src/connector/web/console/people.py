"""People and programs that may come in: administrators, API keys, sessions."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from starlette.responses import Response

from connector.domain.administrators import Session, link_url
from connector.domain.directory import Tenant
from connector.domain.principals import MAX_KEY_LIFETIME, Caller, Role, Scope
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectInUse
from connector.domain.refusals.tenants import TenantNotFound
from connector.domain.secrets import Secret
from connector.usecases import administrators as accounts
from connector.usecases.keys import make_api_key, revoke_api_key
from connector.usecases.realms import Installation
from connector.web.console.forms import given, whole_number
from connector.web.console.lists import Listed, rows
from connector.web.console.visits import Visit, chosen

DAY = timedelta(days=1)
MOST_SESSIONS = 200
MOST_TENANTS = 100
"""The most tenants that a form lists to choose from; beyond, the id is typed."""
MOST_DAYS = MAX_KEY_LIFETIME // DAY
WRONG = (InvalidData, NotUniqueName, ObjectInUse, TenantNotFound)


async def administrators(visit: Visit) -> Response:
    """Those who sign in with a password."""
    return await _administrators(visit)


async def create_administrator(visit: Visit) -> Response:
    """Create one, and show the link by which they set their password, this once."""
    form = visit.form

    def create(installation: Installation) -> tuple[str, Secret]:
        made = accounts.create(
            installation,
            given(form, "name"),
            role=chosen(given(form, "role"), Role, "role"),
            tenant=given(form, "tenant") or None,
        )
        return made.name, accounts.hand_link(installation, made)

    try:
        name, code = await visit.installation.run(create)
    except WRONG as error:
        return await _administrators(visit, error=error)
    return _link_shown(visit, name, code)


async def make_link(visit: Visit) -> Response:
    """Make a sign-in link, and show it this once."""

    def make(installation: Installation) -> tuple[str, Secret]:
        found = accounts.administrator(installation, _id(visit))
        return found.name, accounts.hand_link(installation, found)

    try:
        name, code = await visit.installation.run(make)
    except WRONG as error:
        return await _administrators(visit, error=error)
    return _link_shown(visit, name, code)


async def disable_administrator(visit: Visit) -> Response:
    """Disable one."""
    return await _set_disabled(visit, disabled=True)


async def change_rights(visit: Visit) -> Response:
    """Change role and tenant of one."""
    form = visit.form

    def change(installation: Installation) -> None:
        accounts.change_rights(
            installation,
            accounts.administrator(installation, _id(visit)),
            role=chosen(given(form, "role"), Role, "role"),
            tenant=given(form, "tenant") or None,
        )

    return await _done_to_one(visit, change, "updated")


async def remove_administrator(visit: Visit) -> Response:
    """Remove one."""

    def remove(installation: Installation) -> None:
        accounts.remove(installation, accounts.administrator(installation, _id(visit)))

    return await _done_to_one(visit, remove, "removed")


async def enable_administrator(visit: Visit) -> Response:
    """Enable one again."""
    return await _set_disabled(visit, disabled=False)


async def keys(visit: Visit) -> Response:
    """The API keys."""
    return await _keys(visit)


async def create_key(visit: Visit) -> Response:
    """Create a key, and show it this once."""
    form = visit.form
    try:
        text, key = await visit.installation.run(
            make_api_key,
            given(form, "name"),
            role=chosen(given(form, "role"), Role, "role"),
            tenant=given(form, "tenant") or None,
            lifetime=_days(given(form, "days")),
        )
    except WRONG as error:
        return await _keys(visit, error=error)
    return visit.show("key_shown.html", text=text, key=key)


async def revoke_key(visit: Visit) -> Response:
    """Revoke a key."""
    await visit.installation.run(revoke_api_key, _id(visit))
    return visit.done("/console/keys", "revoked")


async def sessions(visit: Visit) -> Response:
    """The caller's own sessions; for administrators of every tenant, those of everybody."""
    idle = visit.desk.sessions.idle

    def open_now(installation: Installation) -> list[Session]:
        actor = None if _sees_all(installation.caller) else installation.caller.actor
        found = installation.sessions.list(actor=actor, now=installation.now, most=MOST_SESSIONS)
        return [each for each in found if installation.now < each.seen_at + idle]

    return visit.show(
        "sessions.html",
        found=await visit.installation.read(open_now),
        current=visit.presence.session.id,
        policy=visit.desk.sessions,
    )


async def end_session(visit: Visit) -> Response:
    """End a session."""
    await visit.installation.run(accounts.end, _id(visit), any_actor=_sees_all(visit.caller))
    if _id(visit) == visit.presence.session.id:
        return visit.done("/console/sign-in", "signed-out")
    return visit.done("/console/sessions", "ended")


def _sees_all(caller: Caller) -> bool:
    return caller.tenants is None and caller.may(Scope.ADMINISTRATOR_WRITE)


async def _set_disabled(visit: Visit, *, disabled: bool) -> Response:
    def change(installation: Installation) -> None:
        accounts.set_disabled(installation, accounts.administrator(installation, _id(visit)), disabled=disabled)

    return await _done_to_one(visit, change, "disabled" if disabled else "enabled")


async def _done_to_one(visit: Visit, change: Callable[[Installation], None], what: str) -> Response:
    try:
        await visit.installation.run(change)
    except WRONG as error:
        return await _administrators(visit, error=error)
    return visit.done("/console/administrators", what)


def _link_shown(visit: Visit, name: str, code: Secret) -> Response:
    return visit.show("link_shown.html", name=name, link=link_url(visit.desk.public_url, code.text, name))


async def _administrators(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(installation: Installation) -> object:
        administrators = installation.administrators
        return rows(
            visit.query,
            Listed("/console/administrators", ("administrators", installation.caller.actor), (str,), kept=()),
            read=lambda after, most: administrators.list(after=after[0] if after else None, most=most),
            place=lambda each: (each.name,),
        )

    return await _shown(visit, "administrators.html", read, error)


async def _keys(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(installation: Installation) -> object:
        keys = installation.keys
        return rows(
            visit.query,
            Listed("/console/keys", ("keys", installation.caller.actor), (datetime, str), kept=()),
            read=lambda after, most: keys.list(after=after, most=most),
            place=lambda each: (each.created_at, each.id),
        )

    return await _shown(visit, "keys.html", read, error)


async def _shown(
    visit: Visit, template: str, read: Callable[[Installation], object], error: Refusal | None
) -> Response:
    def read_all(installation: Installation) -> tuple[object, Sequence[Tenant]]:
        return read(installation), installation.tenants.list(most=MOST_TENANTS + 1)

    found, tenants = await visit.installation.read(read_all)
    return visit.show(
        template,
        error=error,
        found=found,
        tenants=tenants if len(tenants) <= MOST_TENANTS else None,
        roles=list(Role),
        most_days=MOST_DAYS,
    )


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["id"])


def _days(text: str) -> timedelta | None:
    if not text:
        return None
    days = whole_number(text, most=MOST_DAYS)
    if days is None:
        raise InvalidData(f"Good for: use a whole number of days, 1 to {MOST_DAYS}, or leave it empty.")
    return days * DAY
