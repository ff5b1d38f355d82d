"""What the pages tell is what there is."""

import csv
import io
import json
import re
from pathlib import Path

from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage, furnished
from tests.support.console import Window, administrator, visitor
from tests.support.server import Server

from connector.client import Client, fetch_root
from connector.domain.pairing import parse

T = "/console/t/default"
PASSPHRASE = "a passphrase of the test"  # noqa: S105 - of the test


def test_the_numbers_lead_to_as_many(fresh_server: Server) -> None:
    """Each number of the overview is the length of the list that it leads to."""
    stage = furnished(fresh_server.start())
    for number in range(3):
        fresh_server.application(f"waits {number}")
    gone = fresh_server.application("gone")
    fresh_server.enroll(fresh_server.token(gone), fresh_server.data.parent / "gone")
    fresh_server.administer(
        "mutation ($id: ID!) { result: revokeCertificatesOfApplication(id: $id, reason: unspecified) }", {"id": gone}
    )
    with visitor(fresh_server, "viewer") as made:
        page = made.get(T).text
        found = re.findall(r'<a href="([^"]+)"><b>(\d+)</b> <span>(\w+)</span>', page)
        assert [(int(number), word) for _, number, word in found] == [
            (1, "connected"),
            (3, "waiting"),
            (1, "disconnected"),
            (0, "connected"),
            (1, "waiting"),
            (0, "disconnected"),
            (1, "valid"),
            (0, "overdue"),
            (0, "expired"),
            (1, "revoked"),
        ]
        for path, number, _ in found:
            assert made.get(path.replace("&amp;", "&")).text.count("<tr><th") == int(number) + (int(number) > 0)
        assert "1</b> application has no valid certificate any more" in page
        attention = page.partition('id="attention"')[2].partition("</section>")[0]
        assert "wait" not in attention  # that is no trouble: their owners connect them when it is time
        assert f"{T}/applications/{stage.application}" in made.get(f"{T}/applications?state=connected").text


def test_a_list_is_read_page_by_page(fresh_server: Server) -> None:
    """In either order, and with a search, each is shown once, and the last page leads nowhere."""
    fresh_server.start()
    administrator(fresh_server, "ann", "viewer")
    names = [f"app-{number:03}" for number in range(95)]
    for name in names:
        fresh_server.application(name)
    with visitor(fresh_server, "ann") as made:
        for query, order in (("", names), ("?sort=newest", names[::-1]), ("?q=app-", names), ("?q=APP-09", names[90:])):
            shown, path = [], f"{T}/applications{query}"
            while path:
                page = made.get(path).text
                shown += re.findall(r"<bdi>(app-\d+)</bdi></a></th>", page)
                following = re.search(r'href="([^"]+)" rel="next"', page)
                path = following[1].replace("&amp;", "&") if following else ""
            assert shown == order


def test_the_audit_is_taken_away(stage: Stage) -> None:
    """As CSV and as JSON lines: every event that the filter fits, in the order of the page, formulas made harmless."""
    stage.server.administer(
        'mutation ($id: ID!) { result: setApplicationLabel(applicationID: $id, key: "k", value: 1) { key } }',
        {"id": stage.application},
    )
    with visitor(stage.server, "viewer") as made:
        lines = made.http.get(f"{T}/audit/export?format=jsonl")
        assert lines.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
        events = [json.loads(line) for line in lines.text.splitlines()]
        rows = list(csv.DictReader(io.StringIO(made.http.get(f"{T}/audit/export?format=csv").text)))
        assert [row["action"] for row in rows] == [event["action"] for event in events]
        assert [int(row["times"]) for row in rows] == [event["times"] for event in events]
        assert {event["action"] for event in events} >= {"entity.registered", "token.minted", "certificate.issued"}
        assert [event["number"] for event in events] == sorted((event["number"] for event in events), reverse=True)
        only = made.http.get(f"{T}/audit/export?format=jsonl&what=enrollments").text.splitlines()
        assert {json.loads(line)["action"] for line in only} <= {"certificate.issued", "certificate.renewed"}
        assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_the_settings_in_force(tmp_path: Path) -> None:
    """Each setting is shown with its value, its meaning and where it came from; those that were changed come first. A
    secret is said to be set, and not shown.
    """
    data = tmp_path / "a" / "data"
    data.mkdir(parents=True, mode=0o700)
    (data / "connector.toml").write_text('[subject]\norganization = "Acme <b>"\n'.replace(" <b>", " b"))
    with Server(data, settings={"CONNECTOR_CA__PASSPHRASE": PASSPHRASE}) as server:
        administrator(server, "ann", "administrator")
        with visitor(server, "ann") as made:
            text = made.get("/console/settings?all=1").text
            changed = _origins(made.get("/console/settings").text)
    told = dict(
        re.findall(r"<code>(\w+)</code>(?:<br><small>[^<]*</small>)?</th><td[^>]*><code><bdi>([^<]*)</bdi>", text)
    )
    origins = _origins(text)
    assert "default" not in changed.values()
    assert (changed["passphrase"], "validity" in changed) == ("environment", False)
    assert PASSPHRASE not in text
    assert told["passphrase"] == "set, and not shown"  # noqa: S105 - no password
    assert origins["passphrase"] == "environment"  # noqa: S105 - no password
    assert told["organization"] == "&#34;Acme b&#34;"
    assert origins["organization"].endswith("connector.toml")
    assert origins["internal"] == "flag"
    assert origins["validity"] == "default"


def _origins(text: str) -> dict[str, str]:
    """Where each setting on the page came from. Two of one name in two sections are one here."""
    return dict(
        re.findall(
            r"<code>(\w+)</code>(?:<br><small>[^<]*</small>)?</th>.*?<td[^>]*><bdi>([^<]*)</bdi></td></tr>", text
        )
    )


def test_it_does_not_matter_which_worker_is_asked(browser: Browser, tmp_path: Path) -> None:
    """With two workers, the open page hears of what happened on either of them."""
    with Server(tmp_path / "a" / "data", settings={"CONNECTOR_SERVING__WORKERS": "2"}) as server:
        administrator(server, "ann", "operator")
        application = server.application("shop")
        window = Window.open(browser, server)
        page = window.sign_in("ann")
        for _ in range(4):
            window.go(f"{T}/applications/{application}")
            page.get_by_role("button", name="Connect", exact=True).click()
            pairing = parse(page.get_by_role("textbox", name="The pairing string").input_value())
            with Client(root=fetch_root(pairing), token=pairing.token) as client:
                client.configuration(pairing.connector_url)
            expect(page.locator("[data-step=configured]")).to_have_class("done")


def test_a_key_is_shown_once(stage: Stage) -> None:
    """A new API key's text is on the answer to its form alone, works, and is refused when it was revoked."""
    with visitor(stage.server, "administrator") as made:
        made.get("/console/keys")
        text = made.post("/console/keys", name="ci", role="viewer", days="7").text
        key = re.search(r"connector-key-[A-Za-z0-9_\-]{43}", text)
        assert key is not None
        listed = made.get("/console/keys").text
        assert key[0] not in listed
        with stage.server.anonymous() as client:
            headers = {"Authorization": f"Bearer {key[0]}", "Tenant": "default"}
            asked = "{ result: applications { totalCount } }"
            assert client.query(stage.server.public_director, asked, None, headers)["totalCount"] >= 1
        assert made.post("/console/keys", name="ci2", role="viewer", tenant="nowhere").status_code == 400
        assert made.post("/console/keys", name="ci3", role="viewer", days="0").status_code == 400


def test_too_many_open_pages_are_refused_one_by_one(stage: Stage) -> None:
    """A process holds so many live pages at most; what comes after is refused, and the rest goes on."""
    from connector.web.console.connect import MOST_STREAMS  # noqa: PLC0415 - used here alone

    path = f"{T}/applications/{stage.application}/tokens/{stage.token}/events"
    with visitor(stage.server, "viewer") as made:
        open_ones = []
        try:
            for _ in range(MOST_STREAMS):
                stream = made.http.stream("GET", path)
                answer = stream.__enter__()
                pieces = answer.iter_raw()
                open_ones.append((stream, pieces))  # the connection is closed with what reads it
                assert answer.status_code == 200
                next(pieces)
            assert made.http.get(path).status_code == 503
            assert made.http.get(T).status_code == 200
        finally:
            for stream, _ in open_ones:
                stream.__exit__(None, None, None)
