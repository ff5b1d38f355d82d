"""Coming in and going out: by password, by a sign-in link, by OpenID Connect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connector.domain.administrators import (
    MOST_PASSWORD,
    SECRET_OCTETS,
    check_link,
    check_password,
    code_of,
    digest,
    make_secret,
)
from connector.domain.principals import Caller
from connector.domain.refusals import Refusal
from connector.domain.refusals.administrators import FormRefused, LinkRefused, SignInRefused
from connector.domain.refusals.callers import JWTRefused
from connector.domain.refusals.objects import InvalidData
from connector.usecases import administrators
from connector.usecases.offices import Office
from connector.usecases.realms import Installation
from connector.web.console import unsent
from connector.web.console.desk import Desk
from connector.web.console.forms import (
    SESSION,
    THEME,
    THEMES,
    VISIT,
    cookie,
    csrf,
    delete_cookie,
    derived,
    given,
    local_path,
    read_form,
    set_cookie,
)
from connector.web.console.layout import redirect, rendered
from connector.web.console.sentences import sentence
from connector.web.console.visits import DONE, Visit, refused, theme_of
from connector.web.notes import note
from connector.web.problems import problem

VISIT_SECONDS = 3600
MOST_NAME = 100
CALLBACK = "/console/sign-in/callback"

Open = Callable[["Desk", Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Unguarded:
    """A page for everybody, as the endpoint for a request."""

    desk: Desk
    function: Open

    async def __call__(self, request: Request) -> Response:
        """Answer; nothing is raised."""
        try:
            return await self.function(self.desk, request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the browser gets a page, and we a report
            note(error)
            return refused(request, error, None)


async def sign_in_page(desk: Desk, request: Request) -> Response:
    """The form for name and password."""
    return _form(desk, request, "sign_in.html", done=DONE.get(request.query_params.get("done", "")))


async def sign_in(desk: Desk, request: Request) -> Response:
    """Check name and password, and begin a session."""
    form = await read_form(request, desk.body, cookie(request, VISIT))
    name, password = given(form, "name"), form.get("password", "")
    # No administrator has an empty name: one that none can have is looked for as well, so that it takes as long.
    looked_for = name if len(name) <= MOST_NAME and name.isprintable() else ""
    address = source(request)
    try:
        desk.throttle.admit(address)
        caller, administrator_id = await _known(desk, looked_for, password)
    except SignInRefused as error:
        desk.throttle.failed(address)
        note(error)
        await desk.office.run(administrators.refused, looked_for)
        return _form(desk, request, "sign_in.html", error=error, name=name, next=given(form, "next"))
    except Refusal as error:
        note(error)
        return _form(desk, request, "sign_in.html", error=error, name=name, next=given(form, "next"))
    return await began(desk, caller, administrator_id, redirect(local_path(given(form, "next"))))


async def _known(desk: Desk, name: str, password: str) -> tuple[Caller, str]:
    """Return the administrator with that name and password. An unknown name costs what a wrong password costs."""
    found = await desk.store.read(lambda tx: tx.administrators.find(name), single=True)
    kept = found.password if found is not None and found.disabled_at is None else None
    is_right = await desk.passwords.check(kept, password[: MOST_PASSWORD + 1])
    if found is None or not is_right:
        raise SignInRefused
    return found.caller, found.id


async def welcome_page(desk: Desk, request: Request) -> Response:
    """The form for a sign-in link. The link's secret is behind the #, which browsers do not send; and a GET spends
    nothing, so that previews of links do no harm.
    """
    return _form(desk, request, "welcome.html")


async def welcome(desk: Desk, request: Request) -> Response:
    """Set a password with a sign-in link, and begin a session."""
    form = await read_form(request, desk.body, cookie(request, VISIT))
    code, password = code_of(given(form, "code")), form.get("password", "")
    address = source(request)
    try:
        desk.throttle.admit(address)
        check_password(password)
        if password != form.get("again", ""):
            raise InvalidData("Invalid data password: the two are not the same. Type it again.")
        await _check_link(desk, code)
        kept = await desk.passwords.make(password)
        found = await desk.office.run(administrators.redeem_link, code, kept)
    except Refusal as error:
        if isinstance(error, LinkRefused):
            desk.throttle.failed(address)
        note(error)
        return _form(desk, request, "welcome.html", error=error, code=code)
    return await began(desk, found.caller, found.id, redirect("/console"))


async def _check_link(desk: Desk, code: str) -> None:
    """Before a tenth of a second is spent on the hash: whether the link can be used."""
    presented = digest(code)
    await desk.store.read(lambda tx: check_link(tx.links.find(presented), presented, now=tx.now), single=True)


async def sign_in_elsewhere(desk: Desk, request: Request) -> Response:
    """Send the browser to the OpenID Connect issuer. Everything about this sign-in hangs on a cookie of its own."""
    await read_form(request, desk.body, cookie(request, VISIT))
    if desk.signs_in is None:
        raise JWTRefused("Nobody signs in by OpenID Connect here. Sign in with name and password.")
    visit = make_secret(desk.random(SECRET_OCTETS))
    url = await desk.signs_in.begin(
        redirect_uri=desk.public_url + CALLBACK,
        state=derived(visit, "state"),
        nonce=derived(visit, "nonce"),
        verifier=derived(visit, "verifier"),
    )
    response = rendered("onward.html", **theme_of(request), url=url, label=desk.issuer_name)
    # Lax: the issuer sends the browser back from another site, and a strict cookie would stay behind.
    set_cookie(response, VISIT, visit, seconds=VISIT_SECONDS, lax=True)
    return response


async def callback(desk: Desk, request: Request) -> Response:
    """Where the issuer sends the browser back to."""
    visit, query = cookie(request, VISIT), request.query_params
    if desk.signs_in is None or not visit or query.get("state") != derived(visit, "state"):
        raise FormRefused("The sign-in was not begun in this browser, or it took too long. Sign in again.")
    if "code" not in query:
        raise JWTRefused("The issuer did not sign you in. Try again, or ask its administrator.")
    caller = await desk.signs_in.finish(
        code=query["code"],
        redirect_uri=desk.public_url + CALLBACK,
        nonce=derived(visit, "nonce"),
        verifier=derived(visit, "verifier"),
    )
    # No redirect: that would still count as coming from the issuer's site, and the strict cookie would not be sent.
    response = await began(
        desk, caller, None, rendered("onward.html", **theme_of(request), url="/console", label="the console")
    )
    delete_cookie(response, VISIT)
    return response


async def sign_out(visit: Visit) -> Response:
    """End the session, on every replica."""
    await visit.installation.run(administrators.end, visit.presence.session.id, any_actor=False)
    response = redirect("/console/sign-in?done=signed-out")
    delete_cookie(response, SESSION)
    unsent.forget(response)
    return response


async def unsent_page(visit: Visit) -> Response:
    """The form that came after the session had ended, to be sent again. The page holds it, and the browser no more."""
    found = unsent.kept(visit.request)
    response = redirect("/console") if found is None else visit.show("unsent.html", unsent=found)
    unsent.forget(response)
    return response


async def set_theme(visit: Visit) -> Response:
    """Choose light, dark, or what the system says."""
    response = redirect(local_path(given(visit.form, "next")))
    chosen = given(visit.form, "theme")
    if chosen in THEMES:
        response.set_cookie(
            THEME, chosen, max_age=31_536_000, path="/console", secure=True, httponly=True, samesite="lax"
        )
    else:
        response.delete_cookie(THEME, path="/console", secure=True, httponly=True, samesite="lax")
    return response


async def began(desk: Desk, caller: Caller, administrator_id: str | None, response: Response) -> Response:
    """Begin a session under a new cookie, whatever cookie the browser had."""
    office = Office(desk.store, lambda tx: Installation(tx, caller))
    secret, _ = await office.run(administrators.begin, administrator_id, policy=desk.sessions)
    set_cookie(response, SESSION, secret.text)
    return response


def _form(desk: Desk, request: Request, template: str, *, error: Refusal | None = None, **values: Any) -> Response:
    """A form for somebody who is not signed in, bound to a cookie of its own."""
    visit = cookie(request, VISIT) or make_secret(desk.random(SECRET_OCTETS))
    shown = {
        "name": "",
        "code": "",
        "next": request.query_params.get("next", ""),
        "done": None,
        "elsewhere": desk.issuer_name if desk.signs_in is not None else None,
        "error": sentence(error) if error is not None else None,
        "csrf": csrf(visit),
    }
    status = 200 if error is None else problem(error).status
    response = rendered(template, status=status, **theme_of(request), **{**shown, **values})
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    set_cookie(response, VISIT, visit, seconds=VISIT_SECONDS, lax=True)
    return response


def source(request: Request) -> str | None:
    """The address of the browser, for the throttle."""
    return request.client.host if request.client is not None else None
