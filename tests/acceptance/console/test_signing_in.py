"""Coming in and going out."""

import json
import re
import time
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import PASSWORD, Visitor, administrator, visitor
from tests.support.server import Server

from connector.domain.administrators import digest

LINK = re.compile(r"https://\S+/console/welcome#([A-Za-z0-9_\-]{43})")
SESSION = "__Host-connector-session"


def started_with_link(server: Server) -> str:
    """Start it for the first time: the code of the link that it prints."""
    server.start()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = LINK.search(server.log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())


def redeem(made: Visitor, code: str, password: str = PASSWORD) -> int:
    made.get("/console/welcome")
    return made.post("/console/welcome", code=code, password=password, again=password).status_code


def test_the_first_start_prints_a_link_that_is_good_once(fresh_server: Server) -> None:
    """Looking at it spends nothing; one of two redeems it; a restart prints none; its text is kept nowhere."""
    code = started_with_link(fresh_server)
    with visitor(fresh_server) as made, visitor(fresh_server) as other:
        assert made.http.get("/console/welcome").status_code == 200
        assert redeem(made, code, "too short") == 400
        assert redeem(made, f"{fresh_server.urls['public']}/console/welcome#{code}") == 303
        assert made.http.get("/console/t/default").status_code == 200
        assert redeem(other, code, "another password of it") == 401
        assert other.sign_in("admin").status_code == 303
    fresh_server.stop()
    printed = fresh_server.log.read_text()
    fresh_server.start()
    assert len(LINK.findall(fresh_server.log.read_text())) == len(LINK.findall(printed)) == 1
    for file in fresh_server.data.rglob("*"):
        if file.is_file():
            assert code.encode() not in file.read_bytes(), file
            assert PASSWORD.encode() not in file.read_bytes(), file


def test_a_new_link_ends_the_one_before_and_the_sessions(stage: Stage) -> None:
    """Of several links the last is good; when the password is set, whoever was signed in is out."""
    made = stage.server.command("admin", "create", "linked", "--role", "viewer").stdout
    first = LINK.search(made)
    second = LINK.search(stage.server.command("admin", "password", "linked").stdout)
    assert first is not None
    assert second is not None
    with visitor(stage.server) as one, visitor(stage.server) as two:
        assert redeem(one, first[1]) == 401
        assert redeem(one, second[1]) == 303
        assert one.http.get("/console/sessions").status_code == 200
        third = LINK.search(stage.server.command("admin", "password", "linked").stdout)
        assert third is not None
        assert redeem(two, third[1], "a quite different password") == 303
        assert one.http.get("/console/sessions").status_code == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [("viewer", "wrong"), ("nobody", PASSWORD), ("viewer", ""), ("", ""), ("x" * 1000, "y" * 1000), ("\u202e", "x")],
)
def test_who_is_not_known_does_not_come_in(stage: Stage, name: str, password: str) -> None:
    """Unknown, wrong, empty and absurd: one answer, which does not say which of the two was wrong."""
    with visitor(stage.server) as made:
        answer = made.sign_in(name, password)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert SESSION not in answer.headers.get("set-cookie", "")


def test_guessing_is_throttled(fresh_server: Server) -> None:
    """After twenty wrong passwords from one address even the right one is not looked at; the answer says how long."""
    fresh_server.settings = {"CONNECTOR_LIMITS__ATTEMPTS": "5"}
    fresh_server.start()
    administrator(fresh_server, "ann", "viewer")
    with visitor(fresh_server) as made:
        statuses = [made.sign_in("ann", "wrong").status_code for _ in range(7)]
        assert statuses[:5] == [401] * 5
        assert statuses[-1] == 429
        answer = made.sign_in("ann")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


def test_the_session_is_new_at_each_sign_in_and_kept_as_a_digest(stage: Stage) -> None:
    """A planted cookie is not taken over; the cookie is strict and ours alone; its text is not stored."""
    with visitor(stage.server) as made:
        made.http.cookies.set(SESSION, "B" * 43)
        answer = made.sign_in("viewer")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{SESSION}=")
        assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} <= set(cookie.split("; "))
        text = cookie.split(";")[0].partition("=")[2]
        assert text != "B" * 43
    with sqlite.connect(f"file:{stage.server.data / 'connector.db'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT * FROM sessions").fetchall()
    assert any(digest(text) in row for row in rows)
    assert not any(text in row for row in rows)


def test_signing_out_counts_at_once_and_everywhere(tmp_path: Path) -> None:
    """With two workers, whichever answers: the cookie of a session that was ended is good for nothing."""
    with Server(tmp_path / "a" / "data", settings={"CONNECTOR_SERVING__WORKERS": "2"}) as server:
        administrator(server, "ann", "viewer")
        with visitor(server, "ann") as made:
            stolen = made.http.cookies[SESSION]
            assert made.post("/console/sign-out").headers["location"] == "/console/sign-in?done=signed-out"
        for _ in range(8):
            with visitor(server) as thief:
                thief.http.cookies.set(SESSION, stolen)
                assert thief.http.get("/console/t/default").status_code == 303


def test_a_disabled_administrator_is_out(stage: Stage) -> None:
    """Their sessions end, they cannot sign in, their links are not made; enabled again, they can."""
    administrator(stage.server, "gone", "operator")
    with visitor(stage.server, "gone") as made:
        stage.server.command("admin", "disable", "gone")
        assert made.http.get("/console/t/default").status_code == 303
        late = made.post("/console/t/default/applications", name="late")
        assert (late.status_code, late.headers["location"]) == (303, "/console/sign-in?done=unsent")
        assert made.sign_in("gone").status_code == 401
        assert stage.server.command("admin", "password", "gone", check=False).returncode == 3
        stage.server.command("admin", "enable", "gone")
        assert made.sign_in("gone").status_code == 303
    listed = stage.server.command("application", "list", "--json").stdout
    assert "late" not in {each["name"] for each in json.loads(listed)}


def test_sessions_end_by_themselves(stage: Stage) -> None:
    """A session that was idle for an hour, or began twelve hours ago, has ended."""
    for column, moment in (("seen_at", -3600), ("expires_at", 0)):
        with visitor(stage.server, "viewer") as made:
            mine = digest(made.http.cookies[SESSION])
            database = sqlite.connect(stage.server.data / "connector.db", timeout=20)
            with database:
                now = int(time.time() * 1e6)
                database.execute(f"UPDATE sessions SET {column} = ? WHERE digest = ?", (now + moment * 1_000_000, mine))  # noqa: S608
            database.close()
            assert made.http.get("/console/t/default").status_code == 303


def test_after_signing_in_one_is_where_one_wanted_to_be(stage: Stage) -> None:
    """The sign-in leads back to the page, with its filter; but never to another site."""
    with visitor(stage.server) as made:
        asked = made.http.get("/console/t/default/audit?what=refusals").headers["location"]
        assert asked == "/console/sign-in?next=%2Fconsole%2Ft%2Fdefault%2Faudit%3Fwhat%3Drefusals"
        for wanted, got in (
            ("/console/t/default/audit?what=refusals", "/console/t/default/audit?what=refusals"),
            ("https://evil.example/", "/console"),
            ("//evil.example/", "/console"),
            ("/console/../evil", "/console"),
            ("/\\evil.example", "/console"),
            ("javascript:alert(1)", "/console"),
            ("/consoles", "/console"),
        ):
            made.get("/console/sign-in")
            answer = made.post("/console/sign-in", name="viewer", password=PASSWORD, next=wanted)
            assert answer.headers["location"] == got


def test_without_a_console_there_is_none(fresh_server: Server) -> None:
    """Switched off, it is not served, and the first start prints no link."""
    fresh_server.settings = {"CONNECTOR_CONSOLE__ENABLED": "false"}
    fresh_server.start()
    with visitor(fresh_server) as made:
        for path in ("/console", "/console/sign-in", "/console/welcome"):
            assert made.http.get(path).status_code == 404
    assert "/console" not in fresh_server.log.read_text()
