"""Who may come in: administrators, API keys, sessions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from connector.domain.principals import Caller, Role, Scope
from connector.domain.refusals import Refusal
from connector.domain.refusals.objects import InvalidData, NotUniqueName
from connector.domain.refusals.tenants import TenantNotFound
from connector.ports.transaction import Transaction
from connector.usecases import access, accounts
from connector.web.console.forms import given
from connector.web.console.lists import rows
from connector.web.console.visits import Visit, chosen
from connector.web.notes import note
from connector.web.problems import problem

DAY = timedelta(days=1)
MOST_SESSIONS = 200
WRONG = (InvalidData, NotUniqueName, TenantNotFound)


async def administrators(visit: Visit) -> Response:
    """Those who sign in with a password."""
    return await _administrators(visit)


async def create_administrator(visit: Visit) -> Response:
    """Create one, and show the link by which they set their password, this once."""
    form, enrollment = visit.form, visit.desk.enrollment

    def create(tx: Transaction, caller: Caller) -> tuple[str, str]:
        now = enrollment.clock()
        made = accounts.create(
            tx,
            caller,
            given(form, "name"),
            role=chosen(given(form, "role"), Role, "role"),
            tenant=given(form, "tenant") or None,
            make_id=enrollment.make_id,
            now=now,
        )
        return made.name, accounts.hand_link(tx, caller, made, random=enrollment.random, now=now).text

    try:
        name, code = await visit.change(create)
    except WRONG as error:
        return await _administrators(visit, error=error)
    return _link_shown(visit, name, code)


async def make_link(visit: Visit) -> Response:
    """Make a sign-in link, and show it this once."""
    enrollment = visit.desk.enrollment

    def make(tx: Transaction, caller: Caller) -> tuple[str, str]:
        found = accounts.administrator(tx, caller, _id(visit))
        return found.name, accounts.hand_link(tx, caller, found, random=enrollment.random, now=enrollment.clock()).text

    try:
        name, code = await visit.change(make)
    except WRONG as error:
        return await _administrators(visit, error=error)
    return _link_shown(visit, name, code)


async def disable_administrator(visit: Visit) -> Response:
    """Disable one."""
    return await _set_disabled(visit, disabled=True)


async def enable_administrator(visit: Visit) -> Response:
    """Enable one again."""
    return await _set_disabled(visit, disabled=False)


async def keys(visit: Visit) -> Response:
    """The API keys."""
    return await _keys(visit)


async def create_key(visit: Visit) -> Response:
    """Create a key, and show it this once."""
    form, enrollment = visit.form, visit.desk.enrollment
    days = given(form, "days")

    def create(tx: Transaction, caller: Caller) -> tuple[str, Any]:
        return access.make_api_key(
            tx,
            caller,
            given(form, "name"),
            role=chosen(given(form, "role"), Role, "role"),
            tenant=given(form, "tenant") or None,
            lifetime=_days(days),
            random=enrollment.random,
            make_id=enrollment.make_id,
            now=enrollment.clock(),
        )

    try:
        text, key = await visit.change(create)
    except WRONG as error:
        return await _keys(visit, error=error)
    return visit.show("key_shown.html", text=text, key=key)


async def revoke_key(visit: Visit) -> Response:
    """Revoke a key."""
    now = visit.desk.enrollment.clock()
    await visit.change(lambda tx, caller: access.revoke_api_key(tx, caller, _id(visit), now=now))
    return visit.done("/console/keys", "revoked")


async def sessions(visit: Visit) -> Response:
    """The caller's own sessions; for administrators of every tenant, those of everybody."""
    now = visit.desk.enrollment.clock()
    found = await visit.ask(
        lambda tx, caller: tx.sessions.list(
            actor=None if _sees_all(caller) else caller.actor, now=now, most=MOST_SESSIONS
        )
    )
    idle = visit.desk.sessions.idle
    return visit.show(
        "sessions.html",
        found=[each for each in found if now < each.seen_at + idle],
        current=visit.presence.session.id,
        policy=visit.desk.sessions,
    )


async def end_session(visit: Visit) -> Response:
    """End a session."""
    now = visit.desk.enrollment.clock()
    await visit.change(lambda tx, caller: accounts.end(tx, caller, _id(visit), anybodys=_sees_all(caller), now=now))
    if _id(visit) == visit.presence.session.id:
        return visit.done("/console/sign-in", "signed-out")
    return visit.done("/console/sessions", "ended")


def _sees_all(caller: Caller) -> bool:
    return caller.tenants is None and caller.may(Scope.ADMINISTRATOR_WRITE)


async def _set_disabled(visit: Visit, *, disabled: bool) -> Response:
    now = visit.desk.enrollment.clock()
    try:
        await visit.change(
            lambda tx, caller: accounts.set_disabled(
                tx, caller, accounts.administrator(tx, caller, _id(visit)), disabled=disabled, now=now
            )
        )
    except InvalidData as error:
        return await _administrators(visit, error=error)
    return visit.done("/console/administrators", "disabled" if disabled else "enabled")


def _link_shown(visit: Visit, name: str, code: str) -> Response:
    return visit.show("link_shown.html", name=name, link=f"{visit.desk.public_url}/console/welcome#{code}")


async def _administrators(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(tx: Transaction, caller: Caller) -> object:
        return rows(
            visit.query,
            "/console/administrators",
            ("administrators", caller.actor),
            (str,),
            read=lambda after, most: tx.administrators.list(
                within=caller.tenants, after=after[0] if after else None, most=most
            ),
            place=lambda each: (each.name,),
            kept=(),
        )

    return await _shown(visit, "administrators.html", read, error)


async def _keys(visit: Visit, *, error: Refusal | None = None) -> Response:
    def read(tx: Transaction, caller: Caller) -> object:
        return rows(
            visit.query,
            "/console/keys",
            ("keys", caller.actor),
            (datetime, str),
            read=lambda after, most: tx.keys.list(within=caller.tenants, after=after, most=most),
            place=lambda each: (each.created_at, each.id),
            kept=(),
        )

    return await _shown(visit, "keys.html", read, error)


async def _shown(
    visit: Visit, template: str, read: Callable[[Transaction, Caller], object], error: Refusal | None
) -> Response:
    if error is not None:
        note(error)
    return visit.show(
        template,
        status=200 if error is None else problem(error).status,
        found=await visit.ask(read),
        roles=list(Role),
        wrong=None if error is None else str(error),
        given=visit.form,
    )


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["id"])


def _days(text: str) -> timedelta | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):  # noqa: PLR2004 - centuries of days
        raise InvalidData("Invalid data days: use a whole number, or nothing.")
    return int(text) * DAY
