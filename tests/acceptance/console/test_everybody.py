"""For everybody: whoever cannot see, or uses no mouse, or has a small screen."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect
from tests.acceptance.console.conftest import Stage
from tests.support.console import PASSWORD, Window

from connector.web.console import PAGES

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
FILES = ("/pem", "/export", "{name}", "/events")
SHOWN = [page.path for page in PAGES if page.method == "GET" and not page.path.endswith(FILES)]
OPEN = ["/console/sign-in", "/console/welcome"]
PHONE = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
MOST_OCTETS = 100_000


def judged(page: Page) -> list[str]:
    """What axe-core has against the page, with what it is against."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    # A script of the page's own may not be added to it: this one runs as the developer tools' would.
    page.evaluate(AXE.read_text())
    told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html'][:200]}" for each in told["violations"] for node in each["nodes"]]


def everything(window: Window, stage: Stage) -> list[str]:
    """The complaints about every page."""
    found = []
    for path in SHOWN:
        window.go(stage.path(path))
        found += [f"{path}: {each}" for each in judged(window.page)]
    window.go(f"/console/t/default/applications/{stage.application}")
    window.page.get_by_role("button", name="Connect", exact=True).click()
    found += [f"connect: {each}" for each in judged(window.page)]
    for path in ("/console/t/default/applications?q=none-of-this", "/console/t/nowhere"):
        window.go(path)
        found += [f"{path}: {each}" for each in judged(window.page)]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, stage: Stage, scheme: str) -> None:
    """On every page, in light and dark, with everything unfolded, axe-core has no complaint."""
    window = Window.open(browser, stage.server, color_scheme=scheme, viewport=WIDE)
    found = []
    for path in OPEN:
        window.go(path)
        found += [f"{path}: {each}" for each in judged(window.page)]
    window.sign_in("administrator")
    assert found + everything(window, stage) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(browser: Browser, stage: Stage, scheme: str) -> None:
    """At 360 pixels no page is wider than the screen, with everything unfolded; nor has axe-core a complaint."""
    window = Window.open(browser, stage.server, color_scheme=scheme, viewport=PHONE)
    for path in OPEN:
        window.go(path)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= 360
    window.sign_in("administrator")
    wide = []
    for path in SHOWN:
        window.go(stage.path(path))
        window.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        width = window.page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide.append(f"{path}: {width}")
    assert wide == []


def test_a_page_is_small(browser: Browser, stage: Stage) -> None:
    """Every page with all that it loads is under 100 KB, comes from us alone, and its scripts and styles are files."""
    window = Window.open(browser, stage.server)
    window.sign_in("administrator")
    for path in SHOWN:
        addresses: list[Response] = []
        page = window.context.new_page()
        page.on("response", lambda answer, addresses=addresses: addresses.append(answer))
        page.goto(stage.server.urls["public"] + stage.path(path))
        page.wait_for_load_state("load")
        octets = sum(
            len(answer.body()) for answer in addresses if answer.status == 200 and answer.url.startswith("https:")
        )
        assert octets < MOST_OCTETS, path
        assert all(answer.url.startswith((stage.server.urls["public"], "data:")) for answer in addresses)
        assert page.locator("script:not([src])").count() == 0
        assert page.locator("style, [style]").count() == 0
        page.close()


def press(page: Page, wanted: str) -> None:
    """Go on with Tab until what has the focus says so."""
    for _ in range(80):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(({innerText, value, ariaLabel, id, labels}) => [innerText, ariaLabel, id, labels?.[0]?.innerText, value]"
            ".filter(Boolean).join(' | '))(document.activeElement)"
        )
        if wanted in told:
            return
    raise AssertionError(f"{wanted} is not reached")


def _another(stage: Stage, directory: Path) -> str:
    """The fingerprint of a certificate that nobody else looks at."""
    application = stage.server.application("by keyboard too")
    stage.server.enroll(stage.server.token(application), directory)
    newest = stage.server.administer("{ result: certificates(first: 1) { data { fingerprint } } }")["data"]
    return str(newest[0]["fingerprint"])


def test_every_flow_by_keyboard_alone(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """Sign in, register, connect, choose a tab, cancel, find a certificate, revoke it, sign out: Tab, Enter, arrows."""
    window = Window.open(browser, stage.server)
    page = window.go("/console")
    page.keyboard.type("operator")
    press(page, "password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    press(page, "Applications")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Applications")
    press(page, "Register an application")
    page.keyboard.press("Enter")
    expect(page.locator("#new-name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#new-name")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#new-name")).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("by keyboard")
    press(page, "minutes")
    press(page, "Connect")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="The pairing string")).to_be_visible()
    press(page, "way-agent")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#python")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert "Cancel" in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    page.goto(f"{stage.server.urls['public']}/console/t/default/certificates/{stage.fingerprint}")
    press(page, "Revoke")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Revoke this certificate?")
    press(page, "Keep it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Certificate of")
    page.goto(f"{stage.server.urls['public']}/console/t/default/certificates/{_another(stage, tmp_path)}/revoke")
    press(page, "Revoke it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Revoked")
    press(page, "operator")
    page.keyboard.press("Enter")
    press(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    assert window.complaints == []


@pytest.mark.parametrize(("scheme", "chosen"), [("light", "Dark"), ("dark", "Light")])
def test_the_look_can_be_chosen(browser: Browser, stage: Stage, scheme: str, chosen: str) -> None:
    """The look follows the system until it is chosen, and stays chosen; Auto follows the system again."""
    window = Window.open(browser, stage.server, color_scheme=scheme)
    page = window.sign_in("viewer")

    def colour() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    first = colour()
    page.locator("details.who summary").click()
    page.get_by_role("button", name=chosen).click()
    page.wait_for_url("**/console/t/default")
    assert colour() != first
    window.go("/console/ca")
    assert colour() != first
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Auto").click()
    page.wait_for_url("**/console/ca")
    assert colour() == first
