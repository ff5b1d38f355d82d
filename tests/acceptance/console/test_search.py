"""One search over what a tenant has."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from tests.acceptance.console.conftest import Stage
from tests.support.console import Visitor, Window, visitor

T = "/console/t/default"


def found(guest: Visitor, text: str) -> str:
    """The page that is shown for the text, or the address that it leads to."""
    answer = guest.get(f"{T}/search?q={quote(text)}")
    return answer.headers["location"] if answer.status_code == 303 else answer.text


@pytest.fixture(scope="module", autouse=True)
def things(stage: Stage) -> dict[str, str]:
    """What is looked for, each by a text of its own."""
    server = stage.server
    application = server.application("Search Me First")
    server.application("search me second")
    server.administer('mutation { result: createFormation(formation: {name: "search-formation"}) { id } }')
    token = json.loads(server.command("token", "mint", application, "--json").stdout)["id"]
    return {"application": application, "token": token}


def test_what_alone_fits_is_shown_at_once(stage: Stage, things: dict[str, str]) -> None:
    """An id, a serial number as any tool shows it, a fingerprint, a token's id, a formation's name lead to the page."""
    (certificate, *_) = json.loads(stage.server.command("certificate", "list", "--json").stdout)
    shown = json.loads(stage.server.command("certificate", "show", certificate["serial"], "--json").stdout)
    page = f"{T}/certificates/{shown['fingerprint']}"
    serial, fingerprint = shown["serial"], shown["fingerprint"]
    colons = ":".join(fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    with visitor(stage.server, "viewer") as guest:
        assert found(guest, things["application"]) == f"{T}/applications/{things['application']}"
        for text in (serial, serial.upper(), fingerprint, colons, f"  {serial} "):
            assert found(guest, text) == page
        assert found(guest, things["token"]) == f"{T}/applications/{things['application']}"
        assert found(guest, "search-formation").startswith(f"{T}/formations/")


def test_several_are_listed_by_kind(stage: Stage) -> None:
    """Names by their beginning, in small or large letters; with links that look further."""
    with visitor(stage.server, "viewer") as guest:
        page = found(guest, "search me")
        assert "Search Me First" in page
        assert "search me second" in page
        assert page.count("<h2") == 2
        assert f"{T}/applications?anywhere=1&amp;q=search%20me" in page
        assert f"{T}/audit?request=search%20me" in page


def test_what_is_not_there_is_said(stage: Stage) -> None:
    """Nothing fits, nothing was typed, or somebody else's id was: a page that says what can be looked for."""
    stage.server.command("tenant", "create", "searched-elsewhere")
    other = stage.server.administer(
        'mutation { result: registerApplication(in: {name: "search me elsewhere"}) { id } }',
        tenant="searched-elsewhere",
    )["id"]
    with visitor(stage.server, "viewer") as guest:
        for text in ("nothing begins so", other, "%nothing", "_nothing", "<b>nothing", "\u202enothing", "x" * 400):
            page = found(guest, text)
            assert "No name begins with this" in page
            assert "<b>" not in page.replace("<b>default</b>", "")
        for text in ("", "   "):
            assert "Type the beginning of a name" in found(guest, text)
        assert guest.get(f"{T}/search?q={'x' * 600}").status_code == 400


def test_people_are_found_by_administrators_alone(stage: Stage) -> None:
    """A user's name leads to the users, for those who may see them."""
    with visitor(stage.server, "administrator") as guest:
        assert found(guest, "viewer") == "/console/administrators"
    with visitor(stage.server, "viewer") as guest:
        assert "No name begins with this" in found(guest, "viewer")


def test_the_search_is_one_key_away(browser: Browser, stage: Stage, things: dict[str, str]) -> None:
    """The slash leads to the field, from every page, but not while somebody types; Enter leads to the hit."""
    window = Window.open(browser, stage.server)
    page = window.sign_in("viewer")
    window.go(f"{T}/applications")
    page.keyboard.press("/")
    page.keyboard.type("a/b")
    assert page.locator("[data-find]").input_value() == "a/b"
    page.locator("#q").focus()
    page.keyboard.type("/")
    assert page.locator("#q").input_value() == "/"
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type(things["application"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{T}/applications/{things['application']}")
    window.go(f"{T}/search?q=search+me")
    assert page.locator("[data-find]").input_value() == "search me"
    assert window.complaints == []
    window.context.close()
