"""A session that ends while somebody fills in a form: the form is kept, and sent after the next sign-in."""

import re

import pytest
from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.acceptance.console.test_everybody import judged
from tests.support.console import PASSWORD, Visitor, Window, visitor
from tests.support.server import Server

T = "/console/t/default"
COOKIE = "__Host-connector-unsent"
END = re.compile(r'action="(/console/sessions/[^"]+/end)"')


def end_all_sessions(server: Server) -> None:
    """End every session but that of the one who does it."""
    with visitor(server, "administrator") as made:
        page = made.get("/console/sessions").text
        own = page.partition("this one")[2]
        mine = END.search(own)
        assert mine is not None
        for path in END.findall(page):
            if path != mine[1]:
                assert made.post(path).status_code == 303


def signed_in_again(made: Visitor, name: str) -> str:
    """Sign in, and follow to the page that comes first."""
    assert made.sign_in(name).headers["location"] == "/console"
    return made.get("/console").headers["location"]


def test_form_is_kept_and_sent_after_the_next_sign_in(stage: Stage) -> None:
    """A form that comes after its session had ended changes nothing; after the sign-in it is there with all that was
    typed, is sent with one click, and is kept no longer.
    """
    typed = {"name": "typed 'in' <vain>", "description": "日本語 " * 40}
    with visitor(stage.server, "operator") as made:
        made.get(f"{T}/applications?sort=newest")
        end_all_sessions(stage.server)
        page = f"{stage.server.urls['public']}{T}/applications?sort=newest"
        answer = made.post(f"{T}/applications", headers={"Referer": page}, **typed)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?done=unsent")
        assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= set(answer.headers["set-cookie"].split("; "))
        assert "the form that you sent is kept" in made.get("/console/sign-in?done=unsent").text
        assert signed_in_again(made, "operator") == "/console/unsent"
        shown = made.get("/console/unsent").text
        assert f'href="{T}/applications?sort=newest"' in shown
        assert f'action="{T}/applications"' in shown
        assert 'value="typed &#39;in&#39; &lt;vain&gt;"' in shown
        assert "typed" not in made.get(f"{T}/applications").text
        sent = made.post(f"{T}/applications", **typed)
        assert sent.headers["location"].endswith("?done=registered")
        assert made.get("/console").headers["location"] == T
        assert made.get("/console/unsent").headers["location"] == "/console"


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_form_of_another_site_is_not_kept(stage: Stage, headers: dict[str, str]) -> None:
    """What did not come from our own page in the former session is refused, and no browser keeps it."""
    with visitor(stage.server, "operator") as made:
        made.get(f"{T}/applications")
        end_all_sessions(stage.server)
        forged = made.post(f"{T}/applications", headers=headers, name="forged")
        token = made.csrf
        made.csrf = "A" * 43
        guessed = made.post(f"{T}/applications", name="forged")
        made.csrf = token
        for answer in (forged, guessed):
            assert answer.status_code == 401
            assert COOKIE not in answer.headers.get("set-cookie", "")
        assert signed_in_again(made, "operator") == T


def test_form_that_is_too_long_leads_back_to_its_page(stage: Stage) -> None:
    """A form that no cookie can hold is not kept; the page says that the session has ended, and leads back."""
    with visitor(stage.server, "operator") as made:
        made.get(f"{T}/applications")
        end_all_sessions(stage.server)
        text = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(1900))
        page = f"{stage.server.urls['public']}{T}/applications?sort=newest"
        answer = made.post(f"{T}/applications", headers={"Referer": page}, name="long", description=text)
        assert (answer.status_code, COOKIE in answer.headers.get("set-cookie", "")) == (401, False)
        assert 'href="/console/sign-in?next=%2Fconsole%2Ft%2Fdefault%2Fapplications%3Fsort%3Dnewest"' in answer.text


@pytest.mark.parametrize("referer", ["https://elsewhere.example/x", "http://[", "", "https://x/console/../../etc"])
def test_nobody_is_led_elsewhere(stage: Stage, referer: str) -> None:
    """The way back is a page of the console, whatever the browser says."""
    with visitor(stage.server) as made:
        answer = made.post(f"{T}/applications", headers={"Referer": referer}, name="x")
        assert answer.status_code == 401
        assert 'href="/console/sign-in?next=%2Fconsole"' in answer.text


@pytest.mark.parametrize("value", ["", "x", "eJw=", "AAAA", "eJyrVipILMlQslJQ0k_OzyvOz0nVVtJRSktMTkWSqgUAqLkKJw=="])
def test_cookie_that_holds_no_form_is_as_none(stage: Stage, value: str) -> None:
    """What is no form of the console is not shown."""
    with visitor(stage.server, "viewer") as made:
        made.http.cookies.set(COOKIE, value)
        assert made.get("/console").headers["location"] == T
        assert made.get("/console/unsent").headers["location"] == "/console"


def test_form_is_kept_in_a_browser(browser: Browser, stage: Stage) -> None:
    """The administrator signs in again, reads what was typed, and sends it; on a phone as well."""
    window = Window.open(browser, stage.server, viewport={"width": 390, "height": 844})
    window.sign_in("operator")
    page = window.go(f"{T}/applications")
    page.get_by_text("Register an application").click()
    page.get_by_label("Name", exact=True).fill("kept for later")
    end_all_sessions(stage.server)
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("the form that you sent is kept")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This form was not sent")
    assert judged(page) == []
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("kept for later")
    assert window.complaints == []
