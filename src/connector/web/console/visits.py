"""One request for a page: who asks, whether they may, and for which tenant.

That somebody may is looked at twice: before the page's own function runs, and again in the very transaction in which
it reads or writes. The role decides the content of a page, and this module the permission, each on its own. Pages
run their use cases in the visit's office.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from connector.domain.principals import Caller, Scope
from connector.domain.refusals import Refusal
from connector.domain.refusals.administrators import SessionEnded
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.quotas import RateLimited
from connector.domain.refusals.requests import BadRequest
from connector.domain.refusals.tenants import TenantForbidden
from connector.ports.transaction import Transaction
from connector.usecases import administrators
from connector.usecases.administrators import Presence
from connector.usecases.offices import Office
from connector.usecases.realms import Installation, Realm
from connector.web.console import unsent
from connector.web.console.desk import Desk
from connector.web.console.forms import (
    SESSION,
    THEME,
    THEMES,
    Form,
    cookie,
    csrf,
    read_form,
    remember_tenant,
    remembered_tenant,
    zone_of,
)
from connector.web.console.layout import redirect, rendered
from connector.web.console.sentences import sentence
from connector.web.notes import note
from connector.web.problems import INTERNAL_MESSAGE, problem
from connector.web.requests import vouch
from connector.web.shares import Seat

T = TypeVar("T")

Function = Callable[["Visit"], Awaitable[Response]]

DONE = {
    "registered": "Registered.",
    "updated": "Saved.",
    "profile-chosen": "The certificate profile is chosen. It counts from the next certificate on.",
    "labeled": "The label is set.",
    "unlabeled": "The label is deleted.",
    "unregistered": "Unregistered: its certificates are revoked, its tokens withdrawn.",
    "withdrawn": "The token is withdrawn. Nobody can use it any more.",
    "partly-withdrawn": "Some of them are withdrawn. The others were redeemed or withdrawn before, or have expired.",
    "revoked": "Revoked, from its next use on.",
    "revoked-all": "Revoked, from its next use on. Its outstanding tokens are withdrawn.",
    "created": "Created.",
    "assigned": "Assigned.",
    "unassigned": "Unassigned.",
    "deleted": "Deleted.",
    "permitted": "The permission is given.",
    "forbidden": "The permission is withdrawn, from the next request on.",
    "disabled": "Disabled. Their sessions have ended.",
    "enabled": "Enabled again.",
    "removed": "Removed. Their sessions have ended.",
    "ended": "The session has ended.",
    "signed-out": "You are signed out.",
    "password-set": "Your password is changed. Your other sessions have ended.",
    "asked": "Its holder is asked to renew it. Agents look every few hours.",
    "unsent": "Your session has ended. Sign in again: the form that you sent is kept.",
}
"""The message of a page after a change: the query says which, so that no text of anybody else's is shown."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page or form. ``scope`` is what it takes, None for whoever is signed in.

    ``is_global`` pages concern the whole installation: only who may enter every tenant sees them.
    """

    method: str
    path: str
    function: Function
    scope: Scope | None = None
    is_global: bool = False


@dataclass(slots=True)
class Visit:
    """A request of somebody who is signed in, for a page that they may ask for."""

    desk: Desk
    request: Request
    page: Page
    secret: str
    presence: Presence
    seat: Seat
    form: Form = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """The caller."""
        return self.presence.caller

    @property
    def tenant(self) -> str | None:
        """The tenant that the path names."""
        return self.request.path_params.get("tenant")

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the URL."""
        return self.request.query_params

    @property
    def zone(self) -> tzinfo:
        """The reader's time zone."""
        return zone_of(self.request)

    @property
    def now(self) -> datetime:
        """The time now, in the reader's zone."""
        return self.desk.clock().astimezone(self.zone)

    def identify(self, tx: Transaction) -> Caller:
        """The caller, looked up in this transaction.

        Raises:
            SessionEnded: the session has ended meanwhile.
            InsufficientScopes, TenantForbidden: they may not do this any more.
        """
        caller = administrators.resume(tx, self.secret, policy=self.desk.sessions).caller
        allow(self.page, caller, self.tenant)
        return caller

    @property
    def office(self) -> Office[Realm]:
        """Where the page's use cases are run, in the path's tenant."""
        return Office(self.desk.store, self._enter)

    @property
    def installation(self) -> Office[Installation]:
        """Where the page's use cases are run that are no tenant's."""
        return Office(self.desk.store, lambda tx: Installation(tx, self.identify(tx)))

    def path(self, *parts: str) -> str:
        """A path under the tenant's."""
        return "/".join((f"/console/t/{self.tenant}", *parts))

    def show(self, template: str, *, error: Refusal | None = None, status: int = 200, **values: Any) -> Response:
        """The page, in the frame of somebody who is signed in; with ``error``, it says what was refused."""
        if error is not None:
            note(error)
            status, values = problem(error).status, {"wrong": sentence(error), **values}
        response = rendered(template, status=status, **{**self._frame(), **values})
        if self.tenant is not None and status < HTTPStatus.BAD_REQUEST:
            remember_tenant(response, self.tenant)
        return response

    def done(self, path: str, what: str) -> Response:
        """Go on to a page that says what was done."""
        if what not in DONE:
            raise KeyError(what)
        return redirect(f"{path}{'&' if '?' in path else '?'}done={what}")

    def _enter(self, tx: Transaction) -> Realm:
        realm = Installation(tx, self.identify(tx)).enter(self.tenant)
        self.seat.enter(realm.tenant_id)
        return realm

    def _frame(self) -> dict[str, Any]:
        caller = self.caller
        return {
            **theme_of(self.request),
            "caller": caller,
            "may": lambda scope: caller.may(Scope(scope)),
            "everywhere": caller.tenants is None,
            "tenant": self.tenant or remembered_tenant(self.request),
            "csrf": csrf(self.secret),
            "here": self.request.url.path,
            "has_profiles": len(self.desk.profiles.names) > 1,
            "has_password": self.presence.session.administrator_id is not None,
            "is_moving": caller.tenants is None and bool(self.desk.issuers.adopted),
            "now": self.now,
            "done": DONE.get(self.query.get("done", "")),
            "wrong": None,
            "given": self.form,
        }


def theme_of(request: Request) -> dict[str, Any]:
    """The look that was chosen, if one was."""
    chosen = request.cookies.get(THEME)
    return {"theme": chosen if chosen in THEMES else None}


def allow(page: Page, caller: Caller, tenant: str | None) -> None:
    """Return if the caller may ask for the page, of that tenant where it is one's.

    Raises:
        InsufficientScopes, TenantForbidden: they may not.
    """
    if page.scope is not None:
        caller.require(page.scope)
    if tenant is not None and caller.tenants is not None and tenant not in caller.tenants:
        raise TenantForbidden
    if page.is_global and caller.tenants is not None:
        raise TenantForbidden("Unauthorized: this page is for callers for every tenant. Ask one of them.")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A page for those who are signed in, as the endpoint for a request."""

    desk: Desk
    page: Page

    async def __call__(self, request: Request) -> Response:
        """Answer; nothing is raised."""
        try:
            with self.desk.shares.seat(cookie(request, SESSION) or None) as seat:
                return await self._answer(request, seat)
        except RateLimited as error:
            note(error)
            return refused(request, error, None)

    async def _answer(self, request: Request, seat: Seat) -> Response:
        visit = None
        try:
            visit = await self._visit(request, seat)
            allow(self.page, visit.caller, visit.tenant)
            if request.method == "POST":
                visit.form = await read_form(request, self.desk.body, visit.secret)
            return await self.page.function(visit)
        except SessionEnded as error:
            return await self._ended(request, visit, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the browser gets a page, and we a report
            note(error)
            return refused(request, error, visit)

    async def _visit(self, request: Request, seat: Seat) -> Visit:
        secret, desk = cookie(request, SESSION), self.desk
        if any("\0" in str(value) for value in (*request.path_params.values(), *request.query_params.values())):
            raise BadRequest("The address holds a NUL. Go there from another page.")
        if not secret:
            raise SessionEnded
        presence = await desk.store.read(lambda tx: administrators.resume(tx, secret, policy=desk.sessions))
        vouch(request.scope)
        if presence.is_due:
            await desk.store.transaction(lambda tx: tx.sessions.touch(presence.session, now=tx.now), alone=False)
        return Visit(desk, request, self.page, secret, presence, seat)

    async def _ended(self, request: Request, visit: Visit | None, error: SessionEnded) -> Response:
        """Lead to the sign-in, and from there back to the page, or to the form that came too late."""
        if request.method != "POST":
            query = f"?{request.url.query}" if request.url.query else ""
            return redirect(_sign_in(request.url.path + query))
        response = redirect("/console/sign-in?done=unsent")
        try:
            # The token in it still proves that our own page sent it: the browser has the cookie of the session.
            secret = cookie(request, SESSION)
            form = visit.form if visit is not None else await read_form(request, self.desk.body, secret)
            is_kept = unsent.keep(request, form, response)
        except Refusal as refusal:
            note(refusal)
            is_kept = False
        return response if is_kept else refused(request, error, None)


def _sign_in(path: str) -> str:
    return f"/console/sign-in?next={quote(path, safe='')}"


def refused(request: Request, error: Exception, visit: Visit | None) -> Response:
    """A page that says what is wrong. The text of anything but a refusal is withheld."""
    values: dict[str, Any] = {
        "message": sentence(error) if isinstance(error, Refusal) else INTERNAL_MESSAGE,
        "code": error.code if isinstance(error, Refusal) else "internal",
    }
    status = problem(error).status
    if visit is not None:
        response = visit.show("refused.html", status=status, **values)
    else:
        values["sign_in"] = _sign_in(unsent.page_of(request)) if isinstance(error, SessionEnded) else None
        response = rendered("refused_outside.html", status=status, **theme_of(request), **values)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["retry-after"] = str(retry_after)
    return response


def chosen(text: str, among: type[T], field_name: str) -> T:
    """The member of an enumeration that a field names.

    Raises:
        InvalidData: it names none.
    """
    try:
        return among(text)  # type: ignore[call-arg]
    except ValueError as error:
        raise InvalidData(f"Invalid data {field_name}: choose one of the list.") from error
