"""The explorer page in a real browser, on a real server."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from tests.support.server import Server

OPEN = {"CONNECTOR_GRAPHQL__EXPLORER": "true", "CONNECTOR_GRAPHQL__INTROSPECTION": "true"}
LONG_MILLISECONDS = 10_000


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the page."""
    with Server(tmp_path_factory.mktemp("explored") / "data", settings=OPEN) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing: make test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, server: Server, **context: object) -> tuple[Page, list[str]]:
    """The page, and whatever the browser complains of."""
    page = browser.new_context(ignore_https_errors=True, **context).new_page()
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(LONG_MILLISECONDS)
    page.goto(f"{server.urls['public']}/explorer")
    return page, complaints


def test_a_query_by_keyboard_alone(browser: Browser, explored: Server) -> None:
    """From the first key press to the answer without a mouse; the answer says how it went; nothing is complained of."""
    page, complaints = opened(browser, explored)

    page.keyboard.press("Tab")
    page.keyboard.type((explored.data / "admin.key").read_text().strip())
    page.keyboard.press("Control+Enter")
    page.get_by_role("status").get_by_text("Done: HTTP 200").wait_for()

    assert '"type": "USER"' in page.locator("#answer").inner_text()
    assert complaints == []


def test_a_refusal_is_told_as_one(browser: Browser, explored: Server) -> None:
    """Without a key the answer is shown, and marked as refused."""
    page, _ = opened(browser, explored)

    page.get_by_role("button", name="Run").click()
    page.get_by_role("status").get_by_text("Refused").wait_for()

    assert "credential_missing" in page.locator("#answer").inner_text()


def test_variables_that_are_not_json_are_told_at_the_field(browser: Browser, explored: Server) -> None:
    """Nothing is sent, the field has the focus, and an alert says what is wrong."""
    page, _ = opened(browser, explored)
    sent: list[str] = []

    def count(route: Route) -> None:
        sent.append(route.request.url)
        route.continue_()

    page.route("**/director/graphql", count)
    for wrong in ("{wrong", "[1]", "3", '"x"'):
        page.get_by_label("Variables, as JSON").fill(wrong)
        page.get_by_role("button", name="Run").click()
        assert page.get_by_role("alert").inner_text().startswith("The variables cannot be sent")
        assert page.evaluate("document.activeElement.id") == "variables"
        page.get_by_label("Tenant").focus()
    assert sent == []


def test_every_root_field_is_listed(browser: Browser, explored: Server) -> None:
    """The page lists all queries and mutations with their arguments, as the schema says."""
    page, _ = opened(browser, explored)
    page.get_by_text("createAPIKey: NewAPIKey!").wait_for()

    page.get_by_text("certificate: Certificate", exact=True).click()
    assert page.get_by_text("serial: String!").first.is_visible()
    told = page.locator("#fields summary").count()
    listed = explored.administer(
        "{ result: __schema { queryType { fields { name } } mutationType { fields { name } } } }"
    )
    assert told == len(listed["queryType"]["fields"]) + len(listed["mutationType"]["fields"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(browser: Browser, explored: Server, scheme: str) -> None:
    """At 360 pixels nothing is cut off sideways, in light and dark."""
    page, complaints = opened(browser, explored, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.get_by_text("createAPIKey: NewAPIKey!").wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []


def test_the_page_is_there_only_where_it_is_allowed(server: Server) -> None:
    """By default neither the page nor the schema is served."""
    told = subprocess.run(
        ["curl", "--silent", "--cacert", server.data / "ca" / "root.pem", f"{server.urls['public']}/explorer"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "path_not_found" in told.stdout
