"""The console in a real browser, with real systems beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.acceptance.console.conftest import Stage
from tests.support.console import PASSWORD, Window, administrator
from tests.support.server import Server, environment, obtain

from connector.client import Client, Refused, fetch_root, make_csr, make_key
from connector.domain.pairing import Pairing, parse

T = "/console/t/default"


def registered(window: Window, name: str) -> Page:
    """Register an application, and be on its page."""
    page = window.go(f"{T}/applications")
    page.get_by_text("Register an application").click()
    page.locator("#new-name").fill(name)
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_role("heading", name=name, level=1).wait_for()
    return page


def handed_over(page: Page, minutes: str = "") -> Pairing:
    """Connect, and take the pairing string."""
    page.get_by_label("Good for").fill(minutes)
    page.get_by_role("button", name="Connect", exact=True).click()
    return parse(page.get_by_role("textbox", name="The pairing string").input_value())


def test_from_signing_in_to_the_refusal_of_what_was_revoked(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """Sign in, register, connect with a real client beside the open page, which says by itself how far it is; find the
    certificate, revoke it, and see the system's next call refused.
    """
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = registered(window, "whole way")
    pairing = handed_over(page)
    expect(page.locator("[data-step=configured]")).to_contain_text("not yet")
    expect(page.locator(".countdown")).to_contain_text(re.compile(r"Good for another [45]:\d\d"))

    root = fetch_root(pairing)
    with Client(root=root, token=pairing.token) as client:
        told = client.configuration(pairing.connector_url)
    expect(page.locator("[data-step=configured]")).to_have_class("done")
    expect(page.locator(".countdown")).to_contain_text("Waiting for the certificate request")
    with Client(root=root, token=told.token) as client:
        identity = obtain(client, pairing.connector_url, told, tmp_path)
    expect(page.locator("[data-step=connected]")).to_have_class("done")
    expect(page.locator(".countdown")).to_have_text("Connected.")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    with stage.server.holder(identity) as holder:
        assert holder.viewer(told.director_url)[1] == "APPLICATION"

        page.locator("[data-step=connected] a").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Certificate of whole way")
        expect(page.locator("dl.fields")).to_contain_text("client authentication (TLS)")
        page.get_by_role("link", name="Revoke").click()
        expect(page.get_by_text("What stops working")).to_be_visible()
        expect(page.locator(".note")).to_contain_text("whole way is refused with its very next call")
        page.get_by_label("Reason").select_option("keyCompromise")
        page.get_by_role("button", name="Revoke it").click()
        expect(page.get_by_text("keyCompromise")).to_be_visible()
        with pytest.raises(Refused) as refused:
            holder.viewer(told.director_url)
    assert refused.value.code == "certificate_revoked"
    assert window.complaints == []
    assert window.dialogs == []


def test_a_refused_attempt_shows_at_once_with_its_reason(browser: Browser, stage: Stage) -> None:
    """A CSR that cannot be granted, and a token that is presented again, show on the open page in words."""
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = registered(window, "refused")
    pairing = handed_over(page)
    root = fetch_root(pairing)
    with Client(root=root, token=pairing.token) as client:
        told = client.configuration(pairing.connector_url)
        with pytest.raises(Refused):
            client.configuration(pairing.connector_url)
    expect(page.locator("[data-refusals]")).to_contain_text("The one-time token has already been redeemed.")
    with Client(root=root, token=told.token) as client, pytest.raises(Refused):
        client.sign(pairing.connector_url, make_csr(make_key(), told.subject.replace("O=", "O=Not ")))
    expect(page.locator("[data-refusals]")).to_contain_text("[csr_subject_mismatch]")
    assert page.locator("[data-refusals] li").count() == 2


def test_cancel_withdraws_the_token(browser: Browser, stage: Stage) -> None:
    """After Cancel nobody can redeem it, nor what it was redeemed for; the page says so."""
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = registered(window, "cancelled")
    pairing = handed_over(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_contain_text("The token is withdrawn.")
    with Client(root=fetch_root(pairing), token=pairing.token) as client, pytest.raises(Refused) as refused:
        client.configuration(pairing.connector_url)
    assert refused.value.code == "token_withdrawn"


def test_a_token_that_ends_while_it_is_shown(browser: Browser, tmp_path: Path) -> None:
    """The page says by itself that the token has expired, and what to do; reloaded, it says the same."""
    settings = {"CONNECTOR_TOKENS__APPLICATION_LIFETIME": "3s"}
    with Server(tmp_path / "a" / "data", settings=settings) as server:
        administrator(server, "operator", "operator")
        window = Window.open(browser, server)
        window.sign_in("operator")
        page = registered(window, "late")
        handed_over(page)
        expect(page.locator(".countdown")).to_have_text("The token has expired. Make a new one.")
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
        page.get_by_role("link", name="Look again").click()
        expect(page.locator(".countdown")).to_contain_text("has expired")
        assert window.complaints == []


def test_a_server_that_is_restarted_under_an_open_page(browser: Browser, tmp_path: Path) -> None:
    """The page finds the server again by itself, and misses nothing that happened meanwhile; the session goes on."""
    with Server(tmp_path / "a" / "data") as server:
        administrator(server, "operator", "operator")
        window = Window.open(browser, server)
        window.sign_in("operator")
        page = registered(window, "restarted")
        pairing = handed_over(page)
        port = server.urls["public"].rpartition(":")[2]
        server.kill()
        server.arguments = ("--public", f"localhost:{port}")
        server.start()
        with Client(root=fetch_root(pairing), token=pairing.token) as client:
            client.configuration(pairing.connector_url)
        expect(page.locator("[data-step=configured]")).to_have_class("done", timeout=15_000)
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_session_that_is_ended_in_mid_form(browser: Browser, stage: Stage) -> None:
    """What was typed is not done, and the page says to sign in again."""
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = window.go(f"{T}/applications")
    page.get_by_text("Register an application").click()
    page.locator("#new-name").fill("never there")
    other = Window.open(browser, stage.server)
    there = other.sign_in("administrator")
    other.go("/console/sessions")
    there.get_by_role("button", name="End the session of administrator:operator").first.click()
    while there.get_by_role("button", name="End the session of administrator:operator").count():
        there.get_by_role("button", name="End the session of administrator:operator").first.click()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Sign in again: the form that you sent is kept.")
    names = stage.server.administer("{ result: applications { data { name } } }")["data"]
    assert "never there" not in [each["name"] for each in names]


def test_two_administrators_at_one_application(browser: Browser, stage: Stage) -> None:
    """One unregisters what the other has open: the other is told, and nothing breaks."""
    one, two = (Window.open(browser, stage.server) for _ in range(2))
    one.sign_in("operator")
    two.sign_in("administrator")
    first = registered(one, "contested")
    second = two.page
    second.goto(first.url)
    first.get_by_role("link", name="Unregister").click()
    first.get_by_role("button", name="Unregister it").click()
    expect(first.get_by_role("status")).to_contain_text("Unregistered")
    second.get_by_role("button", name="Connect", exact=True).click()
    expect(second.get_by_role("alert")).to_contain_text("It does not exist, or not any more.")


def test_the_link_leaves_the_address(browser: Browser, stage: Stage) -> None:
    """The code of a sign-in link goes into the form and out of the address, so that no history keeps it; the page says
    whom the link is for.
    """
    made = stage.server.command("admin", "create", "Zoë Neu", "--role", "viewer").stdout
    link = re.search(r"https://\S+", made)
    assert link is not None
    window = Window.open(browser, stage.server)
    window.page.goto(link[0])
    expect(window.page.get_by_label("Sign-in link")).to_have_value(link[0].rpartition("#")[2].partition("&")[0])
    expect(window.page.get_by_text("This link is for")).to_have_text(
        "This link is for Zoë Neu. Sign in with this name from now on."
    )
    assert "#" not in window.page.url
    window.page.get_by_label("New password").fill(PASSWORD)
    window.page.get_by_label("The same again").fill(PASSWORD)
    window.page.get_by_role("button", name="Set it").click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(window.page.locator(".who")).to_contain_text("Zoë Neu")


def test_every_flow_without_scripts(browser: Browser, stage: Stage) -> None:
    """Sign in, register, connect, look again, cancel, choose a look, sign out: with JavaScript switched off."""
    window = Window.open(browser, stage.server, java_script_enabled=False)
    window.sign_in("operator")
    page = registered(window, "no scripts")
    pairing = handed_over(page)
    expect(page.locator(".countdown")).to_contain_text("The token is good until")
    with Client(root=fetch_root(pairing), token=pairing.token) as client:
        client.configuration(pairing.connector_url)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("[data-step=configured]")).to_have_class("done")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    window.go(f"{T}/applications")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_agents_command_works(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    """The agent's command, word for word, with the pairing string on its standard input, while the page watches."""
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = registered(window, "by agent")
    handed_over(page)
    pairing = page.get_by_role("textbox", name="The pairing string").input_value()
    enroll = page.locator("#agent-enroll").inner_text()
    assert page.locator("#agent-run").inner_text() == "connector-agent run"
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", enroll],
        cwd=tmp_path,
        input=pairing,
        capture_output=True,
        text=True,
        env={**environment(), "PATH": programs},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expect(page.locator(".countdown")).to_have_text("Connected.")
    expect(page.locator("[data-step=configured]")).to_have_class("done")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("[data-step=configured]")).to_contain_text("read without spending the token")


@pytest.mark.parametrize("way", ["Python", "openssl + curl"])
def test_what_the_tabs_say_works(browser: Browser, stage: Stage, tmp_path: Path, way: str) -> None:
    """The commands of a tab, word for word, turn the pairing string into a certificate, while the page watches."""
    window = Window.open(browser, stage.server)
    window.sign_in("operator")
    page = registered(window, f"by {way.split(maxsplit=1)[0]}")
    handed_over(page)
    pairing = page.get_by_role("textbox", name="The pairing string").input_value()
    page.get_by_text(way, exact=True).click()
    shown = page.locator("pre:visible").inner_text()
    command = [sys.executable, "-c", shown] if way == "Python" else ["sh", "-c", shown]
    done = subprocess.run(
        command, cwd=tmp_path, input=pairing + "\n", capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chain.pem").read_text().count("BEGIN CERTIFICATE") == 2
    expect(page.locator(".countdown")).to_have_text("Connected.")
