"""Formations in the console: created, filled, emptied and deleted; what is refused says why, in its place."""

from secrets import token_hex

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.acceptance.console.conftest import Stage
from tests.acceptance.console.test_everybody import PHONE, judged, press
from tests.support.console import Visitor, Window, visitor

T = "/console/t/default"
SEEN = "query ($id: ID!) { result: applicationsForRuntime(runtimeID: $id) { data { name } } }"


def runtime(stage: Stage, name: str) -> str:
    document = "mutation ($name: String!) { result: registerRuntime(in: {name: $name}) { id } }"
    return str(stage.server.administer(document, {"name": name})["id"])


def seen(stage: Stage, id_: str) -> list[str]:
    return [each["name"] for each in stage.server.administer(SEEN, {"id": id_})["data"]]


def create(guest: Visitor, name: str) -> str:
    """Create a formation by its form: its path."""
    guest.get(f"{T}/formations")
    made = guest.post(f"{T}/formations", name=name)
    assert made.status_code == 303, made.text
    return made.headers["location"].partition("?")[0]


def follow(page: Page, link: str, heading: str) -> None:
    """Go on to a page by keyboard."""
    press(page, link)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_formation_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    """Create a formation, assign an application and a runtime by name, follow the link from the application's page,
    unassign, and delete: Tab and Enter. What the runtime sees follows; deleting is refused until it is empty.
    """
    name = f"keys-{token_hex(4)}"
    stage.server.application(f"app-{name}")
    id_ = runtime(stage, f"run-{name}")
    window = Window.open(browser, stage.server)
    page = window.sign_in("operator")
    follow(page, "Formations", "Formations")
    press(page, "Create a formation")
    page.keyboard.press("Enter")
    press(page, "new-name")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    for kind, letter in (("app", "a"), ("run", "r")):
        press(page, "Assign")
        page.keyboard.press("Enter")
        press(page, "kind")
        page.keyboard.type(letter)
        press(page, "object")
        page.keyboard.type(f"{kind}-{name}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=f"{kind}-{name}")).to_be_visible()
        expect(page.get_by_role("status")).to_have_text("Assigned.")
    assert seen(stage, id_) == [f"app-{name}"]
    follow(page, "Delete …", f"Delete {name}?")
    press(page, "Delete it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("are assigned to this formation. Unassign them first.")
    follow(page, f"app-{name}", f"app-{name}")
    expect(page.locator("section[aria-labelledby=formations]")).to_contain_text(name)
    follow(page, name, name)
    for kind in ("app", "run"):
        press(page, f"Unassign {kind}-{name}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=f"{kind}-{name}")).to_have_count(0)
        expect(page.get_by_role("status")).to_have_text("Unassigned.")
    assert seen(stage, id_) == []
    follow(page, "Delete …", f"Delete {name}?")
    press(page, "Delete it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Deleted.")
    expect(page.get_by_role("main")).not_to_contain_text(name)
    # The browser itself notes the status of an answer that is a refusal, 409.
    assert [each for each in window.complaints if "409" not in each] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_names_fit_a_phone_and_axe_finds_nothing(browser: Browser, stage: Stage, scheme: str) -> None:
    """With the longest names, and with everything unfolded, no page of formations is wider than a phone, nor has axe a
    complaint; a refusal does not change that.
    """
    long = f"{scheme}-{'formation' * 27}"[:256]
    with visitor(stage.server, "operator") as guest:
        path = create(guest, long)
        name = f"{scheme}{'W' * 90}"
        stage.server.application(name)
        assert guest.post(f"{path}/assign", kind="application", object=name).status_code == 303
    window = Window.open(browser, stage.server, color_scheme=scheme, viewport=PHONE)
    page = window.sign_in("operator")
    for each in (f"{T}/formations", path, f"{path}/delete"):
        window.go(each)
        assert judged(page) == [], each
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, each
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("alert")).to_contain_text("Unassign them first")
    assert judged(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name=name[:20]).click()
    assert judged(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_refused_stands_on_the_page(stage: Stage) -> None:
    """A name that is taken, empty or unprintable, an object that does not exist or is of the other kind, a kind that is
    none, and an application in a formation that is to be unregistered: each is refused with its status and text, and
    what was typed is still there.
    """
    name = f"refused-{token_hex(4)}"
    application = stage.server.application(f"app-{name}")
    with visitor(stage.server, "operator") as guest:
        path = create(guest, name)
        for wrong, status in ((name, 409), ("", 400), ("a\x07b", 400), ("x" * 257, 400)):
            answer = guest.post(f"{T}/formations", name=wrong)
            assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), wrong
        for kind, sought, status in (
            ("application", "nobody", 404),
            ("runtime", f"app-{name}", 404),
            ("application", stage.runtime, 404),
            ("tenant", f"app-{name}", 400),
        ):
            answer = guest.post(f"{path}/assign", kind=kind, object=sought)
            assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), sought
        unknown = guest.post(f"{path}/assign", kind="application", object="nobody").text
        assert 'value="nobody"' in unknown
        assert '<details class="act" open>' in unknown
        for _ in range(2):  # the second time nothing changes
            assert guest.post(f"{path}/assign", kind="application", object=application).status_code == 303
        refused = guest.post(f"{T}/applications/{application}/unregister")
        assert (refused.status_code, "part of a formation" in refused.text) == (409, True)
        kept = guest.post(f"{path}/delete")
        assert (kept.status_code, "are assigned to this formation" in kept.text) == (409, True)
        assert '<details class="act" open>' not in kept.text  # what was refused is not the form that unfolds
        assert guest.post(f"{path}/unassign", kind="application", object=application).status_code == 303
        assert guest.post(f"{path}/delete").status_code == 303
        for method in (guest.get(path), guest.post(f"{path}/assign", kind="application", object=application)):
            assert method.status_code == 404


def test_members_of_a_large_formation_come_page_by_page(stage: Stage) -> None:
    """Forty applications are on two pages, each once, in the order in which they were assigned."""
    name = f"large-{token_hex(4)}"
    with visitor(stage.server, "operator") as guest:
        path = create(guest, name)
        for number in range(40):
            id_ = stage.server.application(f"{name}-{number:02}")
            assert guest.post(f"{path}/assign", kind="application", object=id_).status_code == 303
        first = guest.get(path).text
        following = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        second = guest.get(following).text
        shown = [number for text in (first, second) for number in range(40) if f">{name}-{number:02}<" in _plain(text)]
    assert shown == list(range(40))


def _plain(text: str) -> str:
    """The page without what keeps the direction of names apart."""
    return text.replace("<bdi>", "").replace("</bdi>", "")
