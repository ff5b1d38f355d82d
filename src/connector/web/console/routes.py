"""Every page and form, with what it takes. A test goes through this table by each role and by nobody."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.domain.administrators import LINK_PATH
from connector.domain.principals import Scope
from connector.domain.refusals.requests import PathNotFound
from connector.web.console import (
    certificates,
    connect,
    events,
    formations,
    installation,
    moving,
    overview,
    own_password,
    people,
    permissions,
    profiles,
    search,
    services,
    signing,
    tokens,
    unsent,
)
from connector.web.console.desk import Desk
from connector.web.console.entities import APPLICATIONS, RUNTIMES, Kind
from connector.web.console.layout import compile_templates, redirect
from connector.web.console.signing import Unguarded
from connector.web.console.visits import Guarded, Page, refused

T = "/console/t/{tenant}"


def _of_kind(kind: Kind, read: Scope, write: Scope) -> list[Page]:
    """The pages of one kind."""
    one = f"{T}/{kind.plural}"
    each = f"{one}/{{id}}"
    return [
        Page("GET", one, kind.list, read),
        Page("POST", one, kind.register, write),
        Page("GET", each, kind.one, read),
        Page("POST", each, kind.update, write),
        Page("POST", f"{each}/profile", kind.choose_profile, write),
        Page("POST", f"{each}/labels", kind.set_label, write),
        Page("POST", f"{each}/labels/delete", kind.delete_label, write),
        Page("POST", f"{each}/connect", partial(connect.connect, kind), write),
        Page("GET", f"{each}/tokens/{{token}}", partial(connect.token, kind), Scope.TOKEN_READ),
        Page("GET", f"{each}/tokens/{{token}}/events", partial(connect.events, kind), Scope.TOKEN_READ),
        Page("POST", f"{each}/tokens/{{token}}/withdraw", partial(connect.withdraw, kind), Scope.TOKEN_WRITE),
        Page("POST", f"{each}/revoke", kind.revoke, Scope.CERTIFICATE_WRITE),
        Page("GET", f"{each}/unregister", kind.end_page, write),
        Page("POST", f"{each}/unregister", kind.unregister, write),
    ]


PAGES = [
    Page("GET", "/console", installation.start),
    Page("POST", "/console/sign-out", signing.sign_out),
    Page("POST", "/console/theme", signing.set_theme),
    Page("GET", unsent.PATH, signing.unsent_page),
    Page("GET", own_password.PATH, own_password.show),
    Page("POST", own_password.PATH, own_password.change),
    Page("GET", T, overview.overview, Scope.APPLICATION_READ),
    *_of_kind(APPLICATIONS, Scope.APPLICATION_READ, Scope.APPLICATION_WRITE),
    *_of_kind(RUNTIMES, Scope.RUNTIME_READ, Scope.RUNTIME_WRITE),
    Page("GET", f"{T}/applications/{{id}}/services", services.list_services, Scope.APPLICATION_READ),
    Page("GET", f"{T}/profiles", profiles.show, Scope.TENANT_READ),
    Page("POST", f"{T}/profiles", profiles.choose_default, Scope.TENANT_WRITE),
    Page("GET", f"{T}/formations", formations.list_formations, Scope.FORMATION_READ),
    Page("POST", f"{T}/formations", formations.create, Scope.FORMATION_WRITE),
    Page("GET", f"{T}/formations/{{id}}", formations.one, Scope.FORMATION_READ),
    Page("POST", f"{T}/formations/{{id}}/assign", formations.assign, Scope.FORMATION_WRITE),
    Page("POST", f"{T}/formations/{{id}}/unassign", formations.unassign, Scope.FORMATION_WRITE),
    Page("GET", f"{T}/formations/{{id}}/delete", formations.end_page, Scope.FORMATION_WRITE),
    Page("POST", f"{T}/formations/{{id}}/delete", formations.delete, Scope.FORMATION_WRITE),
    Page("GET", f"{T}/certificates", certificates.list_certificates, Scope.CERTIFICATE_READ),
    Page("GET", f"{T}/certificates/{{certificate}}", certificates.one, Scope.CERTIFICATE_READ),
    Page("GET", f"{T}/certificates/{{certificate}}/pem", certificates.pem, Scope.CERTIFICATE_READ),
    Page("GET", f"{T}/certificates/{{certificate}}/revoke", certificates.revoke_page, Scope.CERTIFICATE_WRITE),
    Page("POST", f"{T}/certificates/{{certificate}}/revoke", certificates.revoke, Scope.CERTIFICATE_WRITE),
    Page("POST", f"{T}/certificates/{{certificate}}/renewal", certificates.ask_renewal, Scope.CERTIFICATE_WRITE),
    Page("GET", f"{T}/{search.SEARCH}", search.search, Scope.APPLICATION_READ),
    Page("GET", f"{T}/tokens", tokens.list_tokens, Scope.TOKEN_READ),
    Page("POST", f"{T}/tokens/withdraw", tokens.withdraw_tokens, Scope.TOKEN_WRITE),
    Page("GET", f"{T}/audit", events.audit, Scope.AUDIT_READ),
    Page("GET", f"{T}/audit/export", events.export, Scope.AUDIT_READ),
    Page("GET", events.PATH, events.audit, Scope.AUDIT_READ, is_global=True),
    Page("GET", f"{events.PATH}/export", events.export, Scope.AUDIT_READ, is_global=True),
    Page("GET", "/console/ca", installation.ca, Scope.CERTIFICATE_READ),
    Page("GET", "/console/ca/{name}", installation.ca_file, Scope.CERTIFICATE_READ),
    Page("GET", moving.PATH, moving.move, Scope.CERTIFICATE_READ, is_global=True),
    Page("GET", "/console/settings", installation.settings, Scope.SETTINGS_READ, is_global=True),
    Page("GET", "/console/tenants", installation.tenants, Scope.TENANT_READ),
    Page("POST", "/console/tenants", installation.create_tenant, Scope.TENANT_WRITE, is_global=True),
    Page("POST", f"{T}/name", installation.rename, Scope.TENANT_WRITE),
    Page("GET", permissions.PATH, permissions.list_permissions, Scope.INTEGRATION_SYSTEM_READ),
    Page("POST", permissions.PATH, permissions.give, Scope.TENANT_WRITE),
    Page("POST", f"{permissions.PATH}/{{id}}/withdraw", permissions.withdraw, Scope.TENANT_WRITE),
    Page("GET", "/console/administrators", people.administrators, Scope.ADMINISTRATOR_READ),
    Page("POST", "/console/administrators", people.create_administrator, Scope.ADMINISTRATOR_WRITE),
    Page("POST", "/console/administrators/{id}/link", people.make_link, Scope.ADMINISTRATOR_WRITE),
    Page("POST", "/console/administrators/{id}/disable", people.disable_administrator, Scope.ADMINISTRATOR_WRITE),
    Page("POST", "/console/administrators/{id}/rights", people.change_rights, Scope.ADMINISTRATOR_WRITE),
    Page("POST", "/console/administrators/{id}/remove", people.remove_administrator, Scope.ADMINISTRATOR_WRITE),
    Page("POST", "/console/administrators/{id}/enable", people.enable_administrator, Scope.ADMINISTRATOR_WRITE),
    Page("GET", "/console/keys", people.keys, Scope.API_KEY_READ),
    Page("POST", "/console/keys", people.create_key, Scope.API_KEY_WRITE),
    Page("POST", "/console/keys/{id}/revoke", people.revoke_key, Scope.API_KEY_WRITE),
    Page("GET", "/console/sessions", people.sessions),
    Page("POST", "/console/sessions/{id}/end", people.end_session),
]
"""The pages of those who are signed in."""

OPEN = {
    ("GET", "/console/sign-in"): signing.sign_in_page,
    ("POST", "/console/sign-in"): signing.sign_in,
    ("POST", "/console/sign-in/elsewhere"): signing.sign_in_elsewhere,
    ("GET", "/console/sign-in/callback"): signing.callback,
    ("GET", LINK_PATH): signing.welcome_page,
    ("POST", LINK_PATH): signing.welcome,
    ("GET", "/console/assets/{name}"): installation.assets,
}
"""The pages of everybody."""


async def _start(_: Request) -> Response:
    return redirect("/console")


async def _unknown(request: Request) -> Response:
    return refused(request, PathNotFound(), None)


def routes(desk: Desk) -> list[BaseRoute]:
    """All of them. What is below /console and no page is answered with a page that says so."""
    compile_templates()
    answers: list[BaseRoute] = [Route(path, _start, methods=["GET"]) for path in ("/", "/console/")]
    answers += [
        Route(path, _plain(Unguarded(desk, function)), methods=[method]) for (method, path), function in OPEN.items()
    ]
    answers += [Route(page.path, _plain(Guarded(desk, page)), methods=[page.method]) for page in PAGES]
    return [*answers, Route("/console/{rest:path}", _unknown, methods=["GET", "POST"])]


def _plain(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A function: Starlette takes an object that can be called for an ASGI application."""

    async def endpoint(request: Request) -> Response:
        return await answer(request)

    return endpoint
