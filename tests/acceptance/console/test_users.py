"""The page of users: their rights are changed, they are removed, and it says when each signed in last."""

import re

from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.acceptance.console.test_everybody import judged
from tests.support.console import Window, administrator, visitor

PATH = "/console/administrators"
T = "/console/t/default"


def row_of(text: str, name: str) -> str:
    """The row of that user."""
    return next(each for each in text.split("<tr>") if f"<bdi>{name}</bdi>" in each)


def id_of(text: str, name: str) -> str:
    found = re.search(r"/console/administrators/([^/]+)/", row_of(text, name))
    assert found is not None
    return found[1]


def test_rights_hold_from_the_next_request_on(stage: Stage) -> None:
    """A viewer who becomes an operator registers in the same session; back again, they do not. The audit says from what
    to what, and the page when they signed in.
    """
    administrator(stage.server, "promoted", "viewer")
    with visitor(stage.server, "administrator") as made:
        assert '<span class="quiet">\u2013</span>' in row_of(made.get(PATH).text, "promoted")
        with visitor(stage.server, "promoted") as theirs:
            page = made.get(PATH).text
            assert "just now" in row_of(page, "promoted") or "ago" in row_of(page, "promoted")
            path = f"{PATH}/{id_of(page, 'promoted')}/rights"
            for role, status in (("operator", 303), ("viewer", 403)):
                assert made.post(path, role=role, tenant="").headers["location"] == f"{PATH}?done=updated"
                assert theirs.post(f"{T}/applications", name=f"by {role}").status_code == status
        assert made.post(path, role="emperor", tenant="").status_code == 400
        assert made.post(path, role="viewer", tenant="nowhere").status_code in (400, 404)
    events = stage.server.command("audit", "--installation", "--action", "administrator.changed").stdout
    assert "promoted: from viewer in every tenant to operator in every tenant" in events


def test_removed_user_is_out_and_the_name_is_free(stage: Stage) -> None:
    """Their session ends with the account, and they do not come in again; somebody new may have the name."""
    administrator(stage.server, "leaving", "viewer")
    with visitor(stage.server, "administrator") as made, visitor(stage.server, "leaving") as theirs:
        path = f"{PATH}/{id_of(made.get(PATH).text, 'leaving')}/remove"
        assert made.post(path).headers["location"] == f"{PATH}?done=removed"
        assert theirs.get(T).status_code == 303
        assert "<bdi>leaving</bdi>" not in made.get(PATH).text
        assert made.post(path).status_code == 404
        assert theirs.sign_in("leaving").status_code == 401
        assert made.post(PATH, name="leaving", role="viewer", tenant="").status_code == 200


def test_administrator_of_one_tenant_changes_nobody_beyond(stage: Stage) -> None:
    """They see users of their tenant alone, choose no other tenant, and reach no account for every tenant."""
    administrator(stage.server, "of-default", "administrator", tenant="default")
    administrator(stage.server, "beneath", "viewer", tenant="default")
    with visitor(stage.server, "administrator") as made:
        everywhere = id_of(made.get(PATH).text, "operator")
    with visitor(stage.server, "of-default") as made:
        page = made.get(PATH).text
        assert "every tenant</option>" not in page
        assert "<bdi>operator</bdi>" not in page
        for what in ("rights", "remove"):
            assert made.post(f"{PATH}/{everywhere}/{what}", role="viewer", tenant="default").status_code == 404
        path = f"{PATH}/{id_of(page, 'beneath')}/rights"
        assert made.post(path, role="administrator", tenant="").status_code == 403
        assert made.post(path, role="administrator", tenant="default").status_code == 303


def test_commands_change_and_remove(stage: Stage) -> None:
    """What is not given stays as it was: a change of the role never opens more tenants."""
    stage.server.command("admin", "create", "by-command", "--role", "viewer", "--tenant", "default")
    stage.server.command("admin", "change", "by-command", "--role", "operator")
    listed = stage.server.command("admin", "list", "--json").stdout
    assert re.search(r'"name": "by-command",\s+"role": "operator",\s+"tenant": "default"', listed)
    assert stage.server.command(
        "admin", "change", "by-command", "--everywhere", "--tenant", "x", check=False
    ).returncode
    stage.server.command("admin", "remove", "by-command")
    assert "by-command" not in stage.server.command("admin", "list").stdout


def test_user_is_changed_in_a_browser(browser: Browser, stage: Stage) -> None:
    """The forms unfold in the row, list the tenants, and are for everybody."""
    administrator(stage.server, "clicked", "viewer")
    window = Window.open(browser, stage.server)
    window.sign_in("administrator")
    page = window.go(PATH)
    page.get_by_label("Change clicked").click()
    assert judged(page) == []
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="clicked", exact=True))
    row.get_by_label("Role").select_option("operator")
    row.get_by_label("Tenant").select_option("default")
    row.get_by_label("Save clicked").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(row).to_contain_text("operator")
    row.get_by_label("Remove clicked", exact=True).click()
    row.get_by_label("Remove clicked now").click()
    expect(page.get_by_role("status")).to_contain_text("Removed.")
    expect(row).to_have_count(0)
    assert window.complaints == []
