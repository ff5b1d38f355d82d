"""Outstanding tokens: listed, withdrawn one by one and many at once, and with the certificates of their owner."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.support.console import Visitor, Window, visitor
from tests.support.server import Server

from connector.client import Client, Refused, fetch_root
from connector.domain.pairing import parse

T = "/console/t/default"
STATES = "query ($id: ID!) { result: oneTimeTokens(filter: {ownerID: $id}) { data { id state } } }"


def states(server: Server, application: str) -> dict[str, str]:
    """The states of the application's tokens by their ids."""
    return {each["id"]: each["state"] for each in server.administer(STATES, {"id": application})["data"]}


def listed(guest: Visitor) -> set[str]:
    """The ids on all pages of the list."""
    found, path = set(), f"{T}/tokens"
    while path:
        text = guest.get(path).text
        found |= set(re.findall(r'name="token-([0-9a-f-]{36})"', text))
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following[1].replace("&amp;", "&") if following else ""
    return found


def test_outstanding_tokens_are_listed_and_withdrawn(stage: Stage, tmp_path: Path) -> None:
    """The list has every token that can be redeemed, and no other. Those that are chosen are withdrawn, and refused
    from then on; what was redeemed meanwhile stays, and the page says so. Each withdrawal is in the audit.
    """
    server, application = stage.server, stage.server.application("of many tokens")
    texts = [server.token(application) for _ in range(33)]
    with visitor(server, "operator") as guest:
        ids = [id_ for id_, state in states(server, application).items() if state == "minted"]
        assert len(ids) == 33
        assert set(ids) <= listed(guest)
        answer = guest.post(f"{T}/tokens/withdraw", **{f"token-{each}": "on" for each in ids[:32]})
        assert answer.headers["location"] == f"{T}/tokens?done=withdrawn"
        assert list(states(server, application).values()).count("withdrawn") == 32
        assert listed(guest) & set(ids) == {ids[32]}
        with pytest.raises(Refused) as refused:
            server.enroll(texts[-1], tmp_path / "late")
        assert refused.value.code == "token_withdrawn"
        answer = guest.post(f"{T}/tokens/withdraw", **{f"token-{each}": "on" for each in ids[31:]})
        assert answer.headers["location"] == f"{T}/tokens?done=partly-withdrawn"
        for given in ({}, {f"token-{ids[0]}": "on"}, {"token-nobodys": "on"}):
            answer = guest.post(f"{T}/tokens/withdraw", **given)
            assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
        audit = guest.http.get(f"{T}/audit/export?format=jsonl&what=token.withdrawn&about={application}").text
        assert audit.count("token.withdrawn") == 33


def test_viewer_sees_tokens_and_withdraws_none(stage: Stage) -> None:
    """A viewer sees for whom tokens are and until when, without anything to choose; no secret is on the page."""
    secret = stage.server.token(stage.application)
    with visitor(stage.server, "viewer") as guest:
        text = guest.get(f"{T}/tokens").text
        assert f"{T}/applications/{stage.application}/tokens/" in text
        assert "checkbox" not in text
        assert secret not in text
        assert guest.post(f"{T}/tokens/withdraw", **{f"token-{stage.token}": "on"}).status_code == 403


@pytest.mark.parametrize("with_tokens", [True, False])
def test_revocation_leaves_no_token_unless_it_is_told(stage: Stage, tmp_path: Path, *, with_tokens: bool) -> None:
    """Whoever revokes an owner's certificates, all or one, is told how many tokens are outstanding, and withdraws them
    unless the box is unchecked.
    """
    server, application = stage.server, stage.server.application(f"compromised {with_tokens}")
    ticked = {"tokens": "withdraw"} if with_tokens else {}
    for number, page in enumerate((f"{T}/applications/{application}", f"{T}/certificates/%s/revoke")):
        server.enroll(server.token(application), tmp_path / str(number))
        server.token(application)
        newest = server.administer("{ result: certificates(first: 1) { data { fingerprint } } }")["data"][0]
        path = page.replace("%s", newest["fingerprint"])
        with visitor(server, "operator") as guest:
            outstanding = list(states(server, application).values()).count("minted")
            shown = re.sub(r"\s+", " ", guest.get(path).text)
            assert (
                f"Withdraw its {'outstanding token' if outstanding == 1 else f'{outstanding} outstanding tokens'}"
                in shown
            )
            action = path if path.endswith("revoke") else f"{path}/revoke"
            assert guest.post(action, reason="keyCompromise", **ticked).status_code == 303
        left = list(states(server, application).values()).count("minted")
        assert left == (0 if with_tokens else number + 1)


def test_tokens_are_chosen_and_withdrawn_in_a_browser(browser: Browser, stage: Stage) -> None:
    """From the menu to the list; the boxes have names, and the button withdraws those that are ticked."""
    application = stage.server.application("ticked")
    stage.server.token(application)
    window = Window.open(browser, stage.server)
    page = window.sign_in("operator")
    page.get_by_role("link", name="Tokens", exact=True).click()
    page.get_by_role("checkbox", name="for ticked").check()
    page.get_by_role("button", name="Withdraw the chosen tokens").click()
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    assert list(states(stage.server, application).values()) == ["withdrawn"]
    assert window.complaints == []


def test_page_that_is_loaded_again_mints_nothing(browser: Browser, stage: Stage) -> None:
    """The pairing string is on the page once. To load it again, or to go back and forth, mints no other token; another
    token's page does not show it.
    """
    application = stage.server.application("loaded again")
    window = Window.open(browser, stage.server)
    page = window.sign_in("operator")
    window.go(f"{T}/applications/{application}")
    page.get_by_role("button", name="Connect", exact=True).click()
    box = page.get_by_role("textbox", name="The pairing string")
    first = parse(box.input_value())
    for go in (page.reload, page.go_back, page.go_forward, page.reload):
        go()
    expect(box).to_have_count(0)
    assert list(states(stage.server, application).values()) == ["minted"]
    with Client(root=fetch_root(first), token=first.token) as client:
        assert client.configuration(first.connector_url).token
    cookies = [each for each in window.context.cookies() if "pairing" in each["name"]]
    assert cookies == []


def test_pairing_string_of_another_token_is_not_shown(stage: Stage) -> None:
    """A cookie that does not hold the pairing string of this very token puts nothing on the page."""
    with visitor(stage.server, "operator") as guest:
        guest.get(f"{T}/applications/{stage.application}")
        made = guest.post(f"{T}/applications/{stage.application}/connect")
        assert made.status_code == 303
        (cookie,) = [each for each in made.headers.get_list("set-cookie") if "pairing" in each]
        for attribute in ("HttpOnly", "Secure", "SameSite=strict", f"Path={made.headers['location']}", "Max-Age=60"):
            assert attribute in cookie
        value = cookie.partition("=")[2].partition(";")[0]
        path = f"{T}/applications/{stage.application}/tokens/{stage.token}"
        for text in (value, "nonsense", '"<script>"'):
            shown = guest.http.get(
                path, headers={"Cookie": f"__Secure-connector-pairing={text}; {_session(guest)}"}
            ).text
            assert 'id="pairing"' not in shown
            assert "<script>" not in shown
        own = guest.http.get(made.headers["location"])
        assert 'id="pairing"' in own.text
        assert 'id="pairing"' not in guest.http.get(made.headers["location"]).text


def _session(guest: Visitor) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in guest.http.cookies.jar if "session" in each.name)
