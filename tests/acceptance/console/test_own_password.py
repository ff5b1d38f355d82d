"""A change of one's own password."""

import re
from hashlib import sha256

import pytest
from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.acceptance.console.test_everybody import judged
from tests.support.console import PASSWORD, Window, administrator, visitor

PATH = "/console/password"
NEW = "quite another horse of mine"


def test_password_is_changed_and_other_sessions_end(stage: Stage) -> None:
    """The new password counts from now on and the old one no more; every other session ends, and this one goes on under
    a new cookie. The audit has it.
    """
    administrator(stage.server, "changing", "viewer")
    with visitor(stage.server, "changing") as made, visitor(stage.server, "changing") as other:
        cookie = made.http.cookies["__Host-connector-session"]
        made.get(PATH)
        answer = made.post(PATH, current=PASSWORD, password=NEW, again=NEW)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sessions?done=password-set")
        assert "Your password is changed" in made.get("/console/sessions?done=password-set").text
        assert made.http.cookies["__Host-connector-session"] != cookie
        assert other.get("/console/sessions").status_code == 303
    with visitor(stage.server) as made:
        assert made.sign_in("changing", PASSWORD).status_code == 401
        assert made.sign_in("changing", NEW).status_code == 303
    events = stage.server.command("audit", "--installation", "--action", "password.set").stdout
    assert "administrator:changing" in events


@pytest.mark.parametrize(
    ("current", "password", "again", "said"),
    [
        ("wrong", NEW, NEW, "Current password: it is not"),
        ("", NEW, NEW, "Current password: it is not"),
        (PASSWORD, "short", "short", "Password: use 12 to 200"),
        (PASSWORD, "a" * 20, "a" * 20, "different characters"),
        (PASSWORD, NEW, f"{NEW}.", "the two are not the same"),
    ],
)
def test_password_that_may_not_be_is_not_set(
    stage: Stage, current: str, password: str, again: str, said: str, request: pytest.FixtureRequest
) -> None:
    """A wrong current password, one that is too easy, and two that differ: the page says which, and nothing changes."""
    name = f"kept-{sha256(request.node.name.encode()).hexdigest()[:12]}"
    administrator(stage.server, name, "viewer")
    with visitor(stage.server, name) as made:
        made.get(PATH)
        answer = made.post(PATH, current=current, password=password, again=again)
        assert (answer.status_code, said in answer.text) == (400, True)
        assert not re.search(r'type="password"[^>]* value=', answer.text)
        assert made.get("/console/sessions").status_code == 200
        assert made.sign_in(name).status_code == 303
    refused = stage.server.command("audit", "--installation", "--action", "sign_in.refused").stdout
    assert (name in refused) == said.startswith("Current")


def test_password_is_changed_in_a_browser(browser: Browser, stage: Stage) -> None:
    """The menu leads there; the form is for everybody, on a phone too."""
    administrator(stage.server, "by-browser", "operator")
    window = Window.open(browser, stage.server, viewport={"width": 390, "height": 844})
    page = window.sign_in("by-browser")
    page.locator("details.who summary").click()
    page.get_by_role("link", name="Change your password").click()
    assert judged(page) == []
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The same again").fill(NEW)
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("status")).to_contain_text("Your password is changed")
    assert window.complaints == []
