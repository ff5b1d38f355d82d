"""What the console says when something is refused, and at addresses where there is nothing."""

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import administrator, visitor
from tests.support.server import Server

from connector.domain.refusals.callers import InsufficientScopes
from connector.domain.refusals.objects import InvalidData, NotUniqueName, ObjectInUse, ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound
from connector.web.console.sentences import sentence

T = "/console/t/default"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (InvalidData("Invalid data name: use 1 to 100 letters."), "Name: use 1 to 100 letters."),
        (InvalidData("Invalid data lifetimeSeconds: use 1 to 9."), "Good for: use 1 to 9."),
        (InvalidData("Invalid data id: it is your own account."), "It is your own account."),
        (InvalidData("Choose one."), "Choose one."),
        (
            ObjectNotFound("Object not found: the tenant has no runtime of that id."),
            "The tenant has no runtime of that id.",
        ),
        (ObjectNotFound(), "It does not exist, or not any more. Look for it in the list."),
        (ObjectInUse("Object is in use: it is the last."), "It is the last."),
        (NotUniqueName(), "This name is taken. Choose another one."),
        (TenantNotFound(), "There is no tenant of this id. Choose one of the list of tenants."),
        (TenantForbidden("Unauthorized: tenants are made by others."), "Tenants are made by others."),
        (InsufficientScopes("x"), "Your role does not allow this. Ask an administrator."),
    ],
)
def test_refusals_speak_to_people(refusal: Exception, said: str) -> None:
    """No sentence of the console speaks of headers, scopes, or the names of fields of the API."""
    assert sentence(refusal) == said


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        (f"{T}/applications/%s/connect", {"minutes": "0"}, "Good for: use a whole number of minutes, 1 to "),
        (f"{T}/applications/%s/connect", {"minutes": "99999"}, "Good for: use a whole number of minutes, 1 to "),
        (f"{T}/applications/%s/connect", {"minutes": "soon"}, "Good for: use a whole number of minutes, 1 to "),
        ("/console/keys", {"name": "k", "role": "viewer", "tenant": "nowhere"}, "There is no tenant of this id."),
        (
            "/console/keys",
            {"name": "k", "role": "viewer", "days": "3661"},
            "Good for: use a whole number of days, 1 to ",
        ),
        (
            "/console/keys",
            {"name": "k", "role": "viewer", "days": "soon"},
            "Good for: use a whole number of days, 1 to ",
        ),
        ("/console/tenants", {"external_id": "?", "name": "x"}, "Id: use 1 to 128 letters"),
        (f"{T}/name", {"name": ""}, "Name: "),
        (f"{T}/runtimes", {"name": "two words"}, "Name: "),
    ],
)
def test_forms_that_are_refused_say_why_in_their_own_words(
    stage: Stage, path: str, fields: dict[str, str], said: str
) -> None:
    """The sentence names the field by its label, and no field of the API; what was typed stays in the form."""
    with visitor(stage.server, "administrator") as guest:
        guest.get("/console/keys")
        answer = guest.post(path.replace("%s", stage.application), **fields)
        assert answer.status_code in (400, 404)
        alert = answer.text.partition('role="alert">')[2].partition("</p>")[0]
        assert alert.startswith(said), alert
        assert "Invalid data" not in alert
        assert "header" not in alert


@pytest.mark.parametrize("name", ["administrator", None])
def test_unknown_address_is_answered_with_a_page(stage: Stage, name: str | None) -> None:
    """Below /console every address without a page, and every form's address that is opened by GET, is a page that leads
    to the console: 404. The root of the public listener leads there too.
    """
    with visitor(stage.server, name) as guest:
        for path in ("/console/nothing", "/console/t/default/nothing/at/all", "/console/sign-out"):
            answer = guest.http.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("text/html")
            assert "There is no page at this address." in answer.text
            assert 'href="/console"' in answer.text
            assert guest.post(path + "/x").status_code == 404
        root = guest.http.get("/")
        assert (root.status_code, root.headers["location"]) == (303, "/console")


def test_last_administrator_is_kept(fresh_server: Server) -> None:
    """The last one who can sign in and do everything everywhere is not disabled, by nobody, until there is another:
    one without a password, of one tenant, with a lesser role, or who is disabled is none. A command can be forced to.
    """
    server = fresh_server.start()
    administrator(server, "ann", "administrator")
    administrator(server, "bob", "operator")
    administrator(server, "tom", "administrator", tenant="default")
    server.command("admin", "create", "pat", "--role", "administrator")
    administrator(server, "dan", "administrator")
    server.command("admin", "disable", "dan")
    refused = server.command("admin", "disable", "ann", check=False)
    assert refused.returncode == 3
    assert "ann is the last administrator for every tenant who can sign in" in refused.stderr
    server.command("admin", "disable", "bob")
    server.command("admin", "enable", "dan")
    server.command("admin", "disable", "ann")
    server.command("admin", "disable", "dan", "--force")


def test_key_is_revoked_after_a_question(stage: Stage) -> None:
    """The page asks, and says what happens, before a key is revoked, or an administrator disabled or removed."""
    with visitor(stage.server, "administrator") as guest:
        guest.get("/console/keys")
        guest.post("/console/keys", name="asked", role="viewer")
        for path, verb, action, said in (
            ("/console/keys", "Revoke", "/revoke", "refused with their next call. This cannot be undone."),
            ("/console/administrators", "Disable", "/disable", "cannot sign in until they are enabled again."),
            ("/console/administrators", "Remove", "/remove", "The audit keeps the name. This cannot be undone."),
        ):
            text = guest.get(path).text
            summary = f'<details class="ask"><summary class="button small danger" aria-label="{verb} '
            asked = text.count(summary)
            assert asked == text.count(said) == text.count(f'{action}"')
            assert asked
