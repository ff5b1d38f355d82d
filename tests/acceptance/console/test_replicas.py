"""Two replicas on one PostgreSQL: what is done on one counts on the other."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.support.console import Window, administrator, visitor
from tests.support.postgres import Postgres
from tests.support.server import Server

from connector.client import Client, Refused, make_csr, make_key
from connector.domain.pairing import parse

T = "/console/t/default"
SESSION = "__Host-connector-session"


@pytest.fixture(scope="module")
def replicas(postgresql: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers on one database, with one CA."""
    with postgresql.database() as url:
        settings = {"CONNECTOR_DATABASE__URL": url}
        with Server(tmp_path_factory.mktemp("one") / "data", settings=settings) as one:
            other: Path = tmp_path_factory.mktemp("two") / "data"
            other.mkdir(mode=0o700)
            shutil.copytree(one.data / "ca", other / "ca")
            with Server(other, settings=settings) as two:
                administrator(one, "ann", "operator")
                yield one, two


def test_signing_out_counts_on_the_other_replica(replicas: tuple[Server, Server]) -> None:
    """A session is good on both, and on neither after it was ended on one."""
    one, two = replicas
    with visitor(one, "ann") as here, visitor(two) as there:
        there.http.cookies.set(SESSION, here.http.cookies[SESSION])
        assert there.http.get(T).status_code == 200
        here.post("/console/sign-out")
        assert there.http.get(T).status_code == 303


def test_the_page_hears_of_the_other_replica(browser: Browser, replicas: tuple[Server, Server]) -> None:
    """A page that is open on one shows what the system does on the other: refused, configured, connected."""
    one, two = replicas
    application = one.application("shop")
    window = Window.open(browser, one)
    page = window.sign_in("ann")
    window.go(f"{T}/applications/{application}")
    page.get_by_role("button", name="Connect", exact=True).click()
    token = parse(page.get_by_role("textbox", name="The pairing string").input_value()).token
    with Client(root=two.root, token=token) as client:
        told = client.configuration(two.public_connector)
        expect(page.locator("[data-step=configured]")).to_have_class("done")
        with pytest.raises(Refused):
            client.configuration(two.public_connector)
        expect(page.locator("[data-refusals]")).to_contain_text("already been redeemed")
    with Client(root=two.root, token=told.token) as client:
        client.sign(two.public_connector, make_csr(make_key(), told.subject))
    expect(page.locator(".countdown")).to_have_text("Connected.")
    window.go(T)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    for path in ("applications?q=SHOP", "applications?q=ho&anywhere=1", "certificates", "audit", "certificates?q=shop"):
        window.go(f"{T}/{path}")
        assert page.locator("tbody tr").count() >= 1, path
    assert window.complaints == []
