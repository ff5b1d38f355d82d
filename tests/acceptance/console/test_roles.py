"""Every page and form, asked for by each role and by nobody.

What is expected stands in this file, written out by hand: a page that is not listed here fails.
"""

from collections.abc import Iterator

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import Visitor, administrator, visitor

from connector.web.console import PAGES
from connector.web.console.routes import OPEN

T = "/console/t/{tenant}"
EACH = ("applications", "runtimes")

# Whoever is signed in.
ANY = {
    "GET /console",
    "GET /console/unsent",
    "GET /console/sessions",
    "POST /console/sessions/{id}/end",
    "POST /console/sign-out",
}
ANY |= {"POST /console/theme", "GET /console/password", "POST /console/password"}
VIEWER = {
    f"GET {T}",
    *(f"GET {T}/{each}{rest}" for each in EACH for rest in ("", "/{id}", "/{id}/tokens/{token}")),
    *(f"GET {T}/{each}/{{id}}/tokens/{{token}}/events" for each in EACH),
    f"GET {T}/applications/{{id}}/services",
    f"GET {T}/profiles",
    f"GET {T}/formations",
    f"GET {T}/formations/{{id}}",
    f"GET {T}/certificates",
    f"GET {T}/certificates/{{certificate}}",
    f"GET {T}/certificates/{{certificate}}/pem",
    f"GET {T}/search",
    f"GET {T}/tokens",
    f"GET {T}/audit",
    f"GET {T}/audit/export",
    "GET /console/audit",
    "GET /console/audit/export",
    "GET /console/ca",
    "GET /console/ca/{name}",
    "GET /console/move",
    "GET /console/tenants",
    "GET /console/integration-systems",
}
OPERATOR = {
    *(f"POST {T}/{each}{rest}" for each in EACH for rest in ("", "/{id}", "/{id}/labels", "/{id}/labels/delete")),
    *(f"POST {T}/{each}/{{id}}/profile" for each in EACH),
    *(f"POST {T}/{each}/{{id}}/{rest}" for each in EACH for rest in ("connect", "revoke", "unregister")),
    *(f"POST {T}/{each}/{{id}}/tokens/{{token}}/withdraw" for each in EACH),
    *(f"GET {T}/{each}/{{id}}/unregister" for each in EACH),
    f"POST {T}/tokens/withdraw",
    f"POST {T}/certificates/{{certificate}}/renewal",
    f"POST {T}/formations",
    *(f"POST {T}/formations/{{id}}/{rest}" for rest in ("assign", "unassign", "delete")),
    f"GET {T}/formations/{{id}}/delete",
    f"GET {T}/certificates/{{certificate}}/revoke",
    f"POST {T}/certificates/{{certificate}}/revoke",
}
ADMINISTRATOR = {
    "GET /console/settings",
    f"POST {T}/profiles",
    f"POST {T}/name",
    "POST /console/tenants",
    "POST /console/integration-systems",
    "POST /console/integration-systems/{id}/withdraw",
    "GET /console/administrators",
    "POST /console/administrators",
    "POST /console/administrators/{id}/link",
    "POST /console/administrators/{id}/disable",
    "POST /console/administrators/{id}/enable",
    "POST /console/administrators/{id}/rights",
    "POST /console/administrators/{id}/remove",
    "GET /console/keys",
    "POST /console/keys",
    "POST /console/keys/{id}/revoke",
}
NOBODY = {
    "GET /console/sign-in",
    "POST /console/sign-in",
    "POST /console/sign-in/elsewhere",
    "GET /console/sign-in/callback",
    "GET /console/welcome",
    "POST /console/welcome",
    "GET /console/assets/{name}",
}
ALLOWED = {
    "viewer": ANY | VIEWER,
    "operator": ANY | VIEWER | OPERATOR,
    "administrator": ANY | VIEWER | OPERATOR | ADMINISTRATOR,
}
FOR_EVERY_TENANT = {
    "GET /console/audit",
    "GET /console/audit/export",
    "GET /console/move",
    "GET /console/settings",
    "POST /console/tenants",
}
# What would end the session that asks, or run on for a minute.
APART = {"POST /console/sign-out", *(f"GET {T}/{each}/{{id}}/tokens/{{token}}/events" for each in EACH)}
NAMES = [f"{page.method} {page.path}" for page in PAGES]


def ask(guest: Visitor, stage: Stage, name: str, **fields: str) -> int:
    """The status of an answer. Forms are empty, and name what never was, so that nothing is changed."""
    method, _, template = name.partition(" ")
    path = stage.path(template)
    if method == "GET":
        return guest.http.get(path).status_code
    for there in (stage.application, stage.runtime, stage.token, stage.fingerprint, stage.formation):
        path = path.replace(there, "0" * len(there))
    return guest.post(path, **fields).status_code


def test_every_page_is_listed() -> None:
    """A page that is not listed above fails, and so does a line above that is no page."""
    assert set(NAMES) == ANY | VIEWER | OPERATOR | ADMINISTRATOR
    assert {f"{method} {path}" for method, path in OPEN} == NOBODY
    assert len(NAMES) == len(set(NAMES))


@pytest.fixture(scope="module", params=sorted(ALLOWED))
def guest(request: pytest.FixtureRequest, stage: Stage) -> Iterator[tuple[str, Visitor]]:
    """Somebody of each role, signed in."""
    with visitor(stage.server, request.param) as made:
        yield request.param, made


@pytest.mark.parametrize("name", sorted(set(NAMES) - APART))
def test_a_role_gets_what_is_its_own_and_no_more(guest: tuple[str, Visitor], stage: Stage, name: str) -> None:
    """What a role may not is refused with 403; what it may is answered, or refused for another reason."""
    role, made = guest
    status = ask(made, stage, name)

    if name in ALLOWED[role]:
        assert status not in (401, 403, 405, 500), status
    else:
        assert status == 403


@pytest.mark.parametrize("name", NAMES)
def test_nobody_gets_nothing(stage: Stage, name: str) -> None:
    """Without a session a page leads to the sign-in, and a form is refused before it is looked at."""
    with visitor(stage.server) as nobody:
        nobody.get("/console/sign-in")
        assert ask(nobody, stage, name) == (303 if name.startswith("GET") else 401)
        nobody.http.cookies.set("__Host-connector-session", "A" * 43)
        assert ask(nobody, stage, name) == (303 if name.startswith("GET") else 401)


@pytest.fixture(scope="module")
def abroad(stage: Stage) -> Iterator[Visitor]:
    """An administrator for another tenant alone."""
    stage.server.administer('mutation { result: createTenant(in: {externalID: "abroad", name: "Abroad"}) { id } }')
    administrator(stage.server, "foreigner", "administrator", tenant="abroad")
    with visitor(stage.server, "foreigner") as made:
        yield made


@pytest.mark.parametrize("name", [name for name in NAMES if "{tenant}" in name or name in FOR_EVERY_TENANT])
def test_a_tenant_is_closed_to_administrators_of_another(abroad: Visitor, stage: Stage, name: str) -> None:
    """Nothing of the tenant, nor of the whole installation, is shown or changed; its own is."""
    assert ask(abroad, stage, name) == 403
    if "{tenant}" in name:
        own = name.replace("{tenant}", "abroad")
        method, _, template = own.partition(" ")
        status = abroad.http.get(stage.path(template)).status_code if method == "GET" else 404
        assert status == (404 if "{id}" in name or "{certificate}" in name else status)


def test_a_viewer_sees_no_button_that_would_be_refused(stage: Stage) -> None:
    """The only forms on a viewer's pages are searches, the look, their own password, signing out, and ending their own
    sessions.
    """
    with visitor(stage.server, "viewer") as made:
        for name in sorted(ALLOWED["viewer"] - APART):
            if not name.startswith("GET") or name.endswith(("/pem", "/export", "{name}")):
                continue
            text = made.http.get(stage.path(name.removeprefix("GET ")), follow_redirects=True).text
            actions = {part.split('"')[0] for part in text.split('method="post" action="')[1:]}
            assert {each for each in actions if not each.startswith("/console/sessions/")} <= {
                "/console/theme",
                "/console/sign-out",
                "/console/password",
            }, name
            assert "Register an" not in text
