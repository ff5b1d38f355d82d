"""The page of a move, for everybody: its numbers and links, by keyboard, on a phone, in light and dark."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.acceptance.console.test_everybody import judged, press
from tests.support.compass import SUBJECT, OldCA, compass_database, write_revocations
from tests.support.console import PASSWORD, Window, administrator, visitor
from tests.support.postgres import Postgres
from tests.support.server import Identity, Server

from connector.client import make_csr

# Clients have stored the subject of their CSRs: it has to stay what it was.
SETTINGS = {"CONNECTOR_SUBJECT__LOCALITY": SUBJECT["L"], "CONNECTOR_SUBJECT__PROVINCE": SUBJECT["ST"]}
VIEWER = "{ result: viewer { id } }"
SYSTEMS, FOLLOWED_SECONDS = 34, 20.0
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@dataclass(frozen=True, slots=True)
class Moved:
    """A server to which a small installation was moved: one system renewed, one called, one was cut off."""

    server: Server
    called: str


def call(server: Server, identity: Identity) -> None:
    """Call with a certificate of the old CA; the server follows the records of issuers within two seconds."""
    deadline = time.monotonic() + FOLLOWED_SECONDS
    while True:
        try:
            with server.holder(identity) as client:
                client.query(server.mtls_director, VIEWER)
        except httpx2.HTTPError:
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgres) -> Iterator[Moved]:
    directory, old = tmp_path_factory.mktemp("moved"), OldCA()
    with compass_database(postgresql) as there, Server(directory / "server" / "data", SETTINGS) as server:
        tenant, auths = there.tenant("moved-here"), []
        for number in range(SYSTEMS):
            made = there.application(tenant, f"system-{number:02}")
            auths.append((made, there.auth(tenant, {"CertCommonName": "x"}, app_id=made)))
        old.write(directory / "old-ca")
        write_revocations(directory / "revocations.json")
        places = ("--ca", str(directory / "old-ca"), "--revocations", str(directory / "revocations.json"))
        server.command("import", "compass", "--database", there.url, *places, "--json")
        identities = [old.identity(directory, old.issue(auth), auth) for _, auth in auths[:3]]
        for each in identities:
            call(server, each)
        with server.holder(identities[0]) as client:
            client.sign(server.mtls_connector, make_csr(old.client_key, identities[0].subject))
        cut_off = "mutation ($id: ID!) { result: revokeCertificatesOfApplication(id: $id, reason: unspecified) }"
        server.administer(cut_off, {"id": auths[2][0]}, "moved-here")
        administrator(server, "mover", "viewer")
        yield Moved(server, auths[1][0])


def test_numbers_and_links_are_those_of_the_systems(moved: Moved) -> None:
    """Each state has its number; those who have not renewed are named once each, page by page, and lead to their own
    pages.
    """
    with visitor(moved.server, "mover") as guest:
        text = guest.get("/console/move").text
        numbers = re.findall(r'<span class="state ?\w*">([^<]+)</span></th><td[^>]*>(\d+)</td>', text)
        assert dict(numbers) == {"renewed": "1", "on the old CA": "1", "not seen yet": str(SYSTEMS - 3), "ended": "1"}
        assert "it is not known how long their certificates are valid" in text
        following = re.search(r'href="([^"]+)" rel="next"', text)
        assert following is not None
        text += guest.get(following[1].replace("&amp;", "&")).text
        links = re.findall(r'<th scope="row"><a href="(/console/t/moved-here/applications/[^"]+)"><bdi>([^<]+)<', text)
        assert sorted(name for _, name in links) == [f"system-{number:02}" for number in range(1, SYSTEMS)]
        assert [guest.get(path).status_code for path, _ in links[:3]] == [200, 200, 200]


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_for_everybody(browser: Browser, moved: Moved, scheme: str, viewport: dict[str, int]) -> None:
    """Axe-core has no complaint, nothing scrolls sideways, and the browser reports no error."""
    window = Window.open(browser, moved.server, color_scheme=scheme, viewport=viewport)
    window.sign_in("mover")
    page = window.go("/console/move")
    assert judged(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert window.complaints == []


def test_page_is_reached_and_left_by_keyboard(browser: Browser, moved: Moved) -> None:
    """From the sign-in to the menu, to the page, to its next page and back, and to a system that has not renewed: with
    Tab and Enter alone.
    """
    window = Window.open(browser, moved.server)
    page = window.go("/console")
    page.keyboard.type("mover")
    press(page, "password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    for wanted in ("Move", "Next page", "First page"):
        press(page, wanted)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Move from another installation")
    page.wait_for_url("**/console/move")
    press(page, "system-")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("system-")
