"""`connector doctor`: each thing that it finds, provoked once, with the text that a person reads."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from tests.support.server import Server

from connector.bootstrap.doctor import CA_WARNING, LEAST_FREE, ca, disk

WELL = ["settings", "tables", "root CA", "issuing CA", "disk", "public address", "mtls address", "server"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def examined(server: Server, **settings: str) -> tuple[int, dict[str, tuple[str, str | None]]]:
    """The exit status, and what was found and advised of each thing."""
    former, server.settings = server.settings, {**server.settings, **settings}
    try:
        done = server.command("doctor", "--json", check=False)
    finally:
        server.settings = former
    assert "Traceback" not in done.stderr
    return done.returncode, {each["what"]: (each["found"], each["advice"]) for each in json.loads(done.stdout)}


def test_a_server_that_is_well(server: Server) -> None:
    """Nothing to do: every check says what it saw, and the exit status is 0."""
    status, found = examined(server)
    assert (status, list(found)) == (0, WELL)
    assert [advice for _, advice in found.values()] == [None] * len(WELL)
    assert found["public address"][0].endswith(" days")
    assert "TLSv1.3" in found["mtls address"][0]
    assert found["server"][0] == "ready"


def test_wrong_settings_come_first(server: Server) -> None:
    """What is wrong with the settings, or with a file that they name, is all that is looked at."""
    for settings, sentence in (
        ({"CONNECTOR_CERTIFICATES__VALIDITY": "soon"}, "certificates.validity"),
        ({"CONNECTOR_CA__PASSPHRASE_FILE": "/nowhere/passphrase"}, "/nowhere/passphrase"),
    ):
        status, found = examined(server, **settings)
        assert (status, list(found)) == (1, ["settings"])
        assert sentence in found["settings"][0]
        assert found["settings"][1] == "Correct it, then ask again: nothing else was looked at."


def test_clients_are_refused_where_the_name_is_wrong(tmp_path: Path) -> None:
    """The URL that clients are told has a host that the certificate does not: they refuse it, and so does this."""
    with Server(tmp_path / "named" / "data", arguments=("--public", "0.0.0.0:0")) as server:
        port = server.urls["public"].rpartition(":")[2]
        status, found = examined(server, CONNECTOR_URLS__PUBLIC=f"https://127.0.0.2:{port}")
        assert status == 1
        told, advice = found["public address"]
        assert told.startswith(f"127.0.0.2:{port}: IP address mismatch")
        assert advice == "Clients refuse it too. Add the name to tls.names, or correct urls or tls.certificate_file."
        assert found["mtls address"][1] is None


def test_the_issuer_of_sign_ins(server: Server) -> None:
    """An OpenID Connect issuer that is away, and what waits for it."""
    status, found = examined(server, CONNECTOR_OIDC__ISSUER="https://localhost:1", CONNECTOR_OIDC__AUDIENCE="connector")
    assert status == 1
    told, advice = found["OpenID Connect"]
    assert told == "The issuer cannot be reached: fetching its discovery document failed (ConnectError)"
    assert advice == "Sign-ins there fail until it answers: see [oidc]."


@pytest.mark.parametrize(
    ("harm", "what", "sentence", "advice"),
    [
        (lambda data: (data / "connector.db").unlink(), "database", "holds no database", "The first start makes it"),
        (lambda data: (data / "connector.db").write_bytes(b"x" * 8192), "database", "", "See that it runs"),
        (lambda data: (data / "ca" / "issuing.key").write_text("x"), "CA", "issuing.key cannot be read", "backup"),
        (lambda data: (data / "ca" / "root.pem").unlink(), "CA", "lacks root.pem", "backup"),
        (lambda data: (data / "ca").rename(data / "away"), "CA", "none in", "The first start makes it"),
        (lambda data: (data / "addresses.json").write_text("x"), "addresses", "is damaged", "Start the server again."),
    ],
    ids=["no database", "no SQLite", "no key", "no root", "no CA", "no addresses"],
)
def test_what_is_missing_or_damaged(
    tmp_path: Path, harm: Callable[[Path], object], what: str, sentence: str, advice: str
) -> None:
    """Of a server that does not run: which file it is, and what to do. The addresses cannot be reached."""
    with Server(tmp_path / "harmed" / "data") as server:
        assert server.stop() == 0
        harm(server.data)
        status, found = examined(server)
        assert status == 1
        told, advised = found[what]
        assert sentence in told
        assert advised is not None
        assert advice in advised
        if what != "addresses":
            assert "cannot be reached from here" in found["public address"][0]
            assert "Start the server" in str(found["public address"][1])
            assert "server" not in found


def test_files_that_others_can_read(tmp_path: Path) -> None:
    """The file, and the command that mends it."""
    with Server(tmp_path / "exposed" / "data") as server:
        assert server.stop() == 0
        (server.data / "admin.key").chmod(0o644)
        status, found = examined(server)
        assert (status, list(found)) == (1, ["settings"])
        assert f"Run: chmod 600 {server.data}/admin.key" in found["settings"][0]


def test_a_server_that_is_not_ready(tmp_path: Path) -> None:
    """It answers, and says that it can do nothing: somebody holds its database."""
    with Server(tmp_path / "held" / "data") as server:
        holder = sqlite.connect(server.data / "connector.db", timeout=20)
        holder.execute("BEGIN IMMEDIATE")
        status, found = examined(server)
        holder.rollback()
        holder.close()
        assert status == 1
        told, advice = found["server"]
        assert told.startswith("not ready ")
        assert advice == "Look at the server's log."


@pytest.mark.parametrize(
    ("left", "found", "is_advised"),
    [
        (timedelta(days=3000, hours=5), "until 2034-03-20, 3000 days", False),
        (CA_WARNING, "until 2026-06-30, 180 days", False),
        (CA_WARNING - timedelta(seconds=1), "until 2026-06-29, 179 days", True),
        (timedelta(0), "ended on 2026-01-01", True),
        (timedelta(days=-9), "ended on 2025-12-23", True),
    ],
)
def test_ends_are_told_in_time(left: timedelta, found: str, *, is_advised: bool) -> None:
    """Half a year before a CA ends it is time to do something."""
    fact = ca("root CA", NOW + left, now=NOW)
    assert (fact.found, fact.advice is not None) == (found, is_advised)


@pytest.mark.parametrize(
    ("total", "free", "is_advised"),
    [
        (100 * 2**30, 50 * 2**30, False),
        (100 * 2**30, 5 * 2**30 - 1, True),
        (2**30, LEAST_FREE - 1, True),
        (2**30, LEAST_FREE, False),
    ],
)
def test_a_disk_that_fills_up(total: int, free: int, *, is_advised: bool) -> None:
    """Too little in all, or too small a share."""
    fact = disk(Path("/data"), total, free)
    assert fact.found.endswith(" at /data")
    assert (fact.advice is not None) == is_advised
