"""Certificate profiles in the console: which one counts and why, and the choice of another."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.acceptance.test_profiles import name_in
from tests.support.console import Visitor, Window, administrator, visitor
from tests.support.server import Server

T = "/console/t/default"
INSTALLATION, TENANT, OWN = "the default of this installation", "the default of this tenant", "chosen for this"


def told(guest: Visitor, path: str) -> str:
    """What a page says of the profile that counts."""
    section = guest.get(path).text.partition('id="profile"')[2]
    return " ".join(section.partition("<p>")[2].partition("</p>")[0].split())


def test_choice_decides_what_is_issued(stage: Stage, tmp_path: Path) -> None:
    """The page of an application says which profile it has and where that was chosen, and so does its next certificate:
    the installation's default, then its tenant's, then its own, and back. Each choice is in the audit with its actor.
    """
    server, application = stage.server, stage.server.application("profiled")
    page, default = f"{T}/applications/{application}", f"{T}/profiles"
    steps = ((default, "spiffe", TENANT), (page, "client", OWN), (page, "", TENANT), (default, "", INSTALLATION))
    with visitor(server, "administrator") as guest:
        assert told(guest, page).startswith(f"<b>client</b>, {INSTALLATION}.")
        for number, (path, profile, origin) in enumerate(steps):
            guest.get(path)
            answer = guest.post(path if path == default else f"{path}/profile", profile=profile)
            assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=profile-chosen")
            name = "spiffe" if origin == TENANT else "client"
            assert told(guest, page).startswith(f"<b>{name}</b>, {origin}"), number
            assert (name_in(server, application, tmp_path / str(number)) is not None) is (name == "spiffe"), number
        events = guest.http.get(f"{T}/audit/export?format=jsonl&what=profile.chosen").text
        assert events.count("administrator:administrator") == events.count("profile.chosen") == len(steps)
        assert "from the default to spiffe" in guest.get(f"{T}/audit?what=profile.chosen").text
        assert "Certificate profile chosen" in guest.get(page).text


@pytest.mark.parametrize("path", ["applications/{application}/profile", "runtimes/{runtime}/profile", "profiles"])
def test_profile_that_is_not_set_up_is_refused_on_the_page(stage: Stage, path: str) -> None:
    """The page of the form comes back and says which profiles there are, and nothing is chosen."""
    path = path.format(application=stage.application, runtime=stage.runtime)
    with visitor(stage.server, "administrator") as guest:
        guest.get(f"{T}/profiles")
        answer = guest.post(f"{T}/{path}", profile="of-yesterday")
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
        assert "Choose client or spiffe." in answer.text
        assert "default of this installation" in guest.get(f"{T}/applications/{stage.application}").text
        assert "of-yesterday" not in guest.http.get(f"{T}/audit/export?format=jsonl").text


def test_operator_chooses_for_one_and_not_the_default(stage: Stage) -> None:
    """Whoever may change an application chooses its profile; the tenant's default takes an administrator. Without the
    right there is no form, and what is posted all the same is 403 and changes nothing.
    """
    with visitor(stage.server, "viewer") as viewer, visitor(stage.server, "operator") as operator:
        for guest, for_one in ((viewer, False), (operator, True)):
            assert (f'/{stage.runtime}/profile"' in guest.get(f"{T}/runtimes/{stage.runtime}").text) is for_one
            assert f'action="{T}/profiles"' not in guest.get(f"{T}/profiles").text
            assert guest.post(f"{T}/profiles", profile="spiffe").status_code == 403
        assert viewer.post(f"{T}/runtimes/{stage.runtime}/profile", profile="spiffe").status_code == 403
        assert told(viewer, f"{T}/runtimes/{stage.runtime}").startswith(f"<b>client</b>, {INSTALLATION}")
        assert operator.post(f"{T}/runtimes/{stage.runtime}/profile", profile="spiffe").status_code == 303
        assert told(viewer, f"{T}/runtimes/{stage.runtime}").startswith(f"<b>spiffe</b>, {OWN} runtime")
        assert operator.post(f"{T}/runtimes/{stage.runtime}/profile", profile="").status_code == 303


def test_default_is_chosen_in_a_browser(browser: Browser, stage: Stage) -> None:
    """The menu leads to the profiles, whose contents are told in words; the list has the default, and changes it."""
    window = Window.open(browser, stage.server)
    page = window.sign_in("administrator")
    page.get_by_role("link", name="Profiles").click()
    expect(page.get_by_text("spiffe://example.org/tenant/{tenant}/{kind}/{owner}")).to_be_visible()
    expect(page.get_by_label("Default", exact=True)).to_have_value("")
    page.get_by_label("Default", exact=True).select_option("client")
    page.get_by_role("button", name="Choose").click()
    expect(page.get_by_role("status")).to_contain_text("counts from the next certificate on")
    expect(page.get_by_label("Default", exact=True)).to_have_value("client")
    page.get_by_label("Default", exact=True).select_option("")
    page.get_by_role("button", name="Choose").click()
    expect(page.get_by_label("Default", exact=True)).to_have_value("")
    assert window.complaints == []


def test_with_one_profile_there_is_nothing_to_choose(server: Server) -> None:
    """The pages tell the profile and its contents, without a form and without a place in the menu."""
    administrator(server, "only-one", "administrator")
    application = server.application("of the only profile")
    with visitor(server, "only-one") as guest:
        page = guest.get(f"{T}/applications/{application}").text
        assert "<b>client</b>, the default of this installation" in page
        assert '/profile"' not in page
        assert page.count("/profiles") == 1
        text = guest.get(f"{T}/profiles").text
        assert "certificates.spiffe_trust_domain" in text
        assert f'action="{T}/profiles"' not in text
