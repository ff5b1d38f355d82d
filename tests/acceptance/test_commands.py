"""The commands, as an administrator and a platform engineer type them."""

import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from tests.support.server import COMMAND, Server, environment


def output(server: Server, *arguments: str) -> object:
    return json.loads(server.command(*arguments, "--json").stdout)


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment(variables), timeout=60, check=False
    )


def test_an_applications_life_by_command(server: Server) -> None:
    """Register, list, show, mint, list tokens, unregister: each prints what it did, and JSON on demand."""
    registered = output(server, "application", "register", "by-command", "--description", "A shop")
    assert registered in output(server, "application", "list")  # type: ignore[operator]

    minted = output(server, "token", "mint", "by-command")
    pairing = json.loads(b64decode(minted["pairing"]))  # type: ignore[index]
    assert pairing["connectorURL"] == server.public_connector
    shown = output(server, "application", "show", registered["id"])  # type: ignore[index]
    assert shown["systemAuths"] == [minted["systemAuth"]]  # type: ignore[index]
    listed = server.command("token", "list").stdout
    assert minted["token"] in listed  # type: ignore[index]
    assert pairing["token"] not in listed

    with server.bearer(pairing["token"]) as client:
        client.configuration(server.public_connector)
    states = {token["id"]: token["state"] for token in output(server, "token", "list")}  # type: ignore[union-attr]
    assert states[minted["token"]] == "spent"  # type: ignore[index]
    output(server, "application", "unregister", "by-command")
    assert "by-command" not in server.command("application", "list").stdout


def test_a_runtime_by_command(server: Server) -> None:
    """A runtime has the same commands; its token lives an hour and says Runtime."""
    output(server, "runtime", "register", "runtime-1")
    minted = output(server, "token", "mint", "runtime-1", "--runtime")

    assert json.loads(b64decode(minted["pairing"]))["type"] == "Runtime"  # type: ignore[index]


def test_certificates_by_command(server: Server, tmp_path: Path) -> None:
    """A certificate is listed, shown and revoked by its serial number, however openssl writes it."""
    identity = server.enroll(server.token(server.application("to-revoke")), tmp_path)
    text = subprocess.run(
        ["openssl", "x509", "-in", identity.chain, "-noout", "-serial"], capture_output=True, text=True, check=True
    ).stdout
    serial = text.strip().removeprefix("serial=")
    shown = output(server, "certificate", "show", serial)
    assert shown["state"] == "issued"  # type: ignore[index]
    assert shown["pem"] in identity.chain.read_text()  # type: ignore[index]
    assert shown["serial"] in server.command("certificate", "list").stdout  # type: ignore[index]

    colons = ":".join(re.findall("..", serial))
    assert output(server, "revoke", colons, "--reason", "keyCompromise")["state"] == "revoked"  # type: ignore[index]
    assert output(server, "certificate", "show", serial)["state"] == "revoked"  # type: ignore[index]


def test_the_ca_by_command(server: Server) -> None:
    """The CA's fingerprint is the one that openssl computes."""
    (root, issuing) = output(server, "ca", "show")  # type: ignore[misc]
    for shown in (root, issuing):
        told = subprocess.run(
            ["openssl", "x509", "-in", shown["file"], "-noout", "-fingerprint", "-sha256"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert told.strip().split("=")[1].replace(":", "").lower() == shown["fingerprint"]


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("application", "show", "nobody"), "not_found", 5),
        (("application", "unregister", "nobody"), "not_found", 5),
        (("application", "register", "a/b"), "invalid_data", 3),
        (("application", "list", "--tenant", "nobody"), "tenant_not_found", 5),
        (("tenant", "create", "default"), "not_unique_name", 3),
        (("token", "mint", "nobody"), "not_found", 5),
        (("token", "withdraw", "nothing"), "not_found", 5),
        (("certificate", "show", "ff"), "not_found", 5),
        (("revoke", "ff"), "not_found", 5),
        (("revoke", ""), "not_found", 5),
    ],
)
def test_refusals_by_command(server: Server, arguments: tuple[str, ...], code: str, status: int) -> None:
    """A refusal is one sentence on standard error, with its code, and an exit status of its own."""
    done = server.command(*arguments, check=False)

    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.strip().endswith(f"[{code}]")
    assert "Traceback" not in done.stderr


def test_a_directory_without_a_server(tmp_path: Path) -> None:
    """A command on a directory in which no server ever started says how to start one, and makes nothing."""
    done = run("application", "list", "--data-dir", str(tmp_path / "nothing"))

    assert done.returncode == 2
    assert "connector serve" in done.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("variables", "arguments", "words"),
    [
        ({"CONNECTOR_TOKENS__REFUSALS": "none"}, (), ("tokens.refusals", "environment")),
        (
            {"CONNECTOR_TOKEN__REFUSALS": "5"},
            (),
            ("CONNECTOR_TOKEN__REFUSALS", "no such setting", "CONNECTOR_TOKENS__REFUSALS"),
        ),
        ({}, ("--public", "nowhere"), ("listeners.public", "flag")),
        ({}, ("--public", "localhost:99999"), ("listeners.public", "flag")),
        ({}, ("--config", "/nonexistent/connector.toml"), ("/nonexistent/connector.toml",)),
        ({"CONNECTOR_TLS__CERTIFICATE_FILE": "/a.pem"}, (), ("key_file",)),
    ],
)
def test_wrong_settings_stop_the_start(
    tmp_path: Path, variables: dict[str, str], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """An unknown or wrong setting stops the start by its name; nothing is made."""
    done = run("serve", "--data-dir", str(tmp_path / "data"), *arguments, **variables)

    assert done.returncode == 2
    assert all(word.lower() in done.stderr.lower() for word in words), done.stderr
    assert not (tmp_path / "data").exists()


def test_an_unknown_key_in_the_file_stops_the_start(tmp_path: Path) -> None:
    """A misspelt setting in connector.toml is named, with the one that was meant."""
    (tmp_path / "connector.toml").write_text("[tokens]\nrefusal = 5\n")
    done = run("serve", "--data-dir", str(tmp_path))

    assert done.returncode == 2
    assert "tokens.refusal" in done.stderr
    assert "refusals" in done.stderr


def test_one_server_in_one_directory(server: Server) -> None:
    """A second server in the same directory does not start."""
    done = run("serve", "--data-dir", str(server.data), "--public", "localhost:0")

    assert done.returncode == 2
    assert "in use" in done.stderr


def test_a_taken_address_stops_the_start(server: Server, tmp_path: Path) -> None:
    """An address that somebody else listens at is named."""
    address = server.urls["public"].removeprefix("https://")
    done = run("serve", "--data-dir", str(tmp_path / "data"), "--public", address)

    assert done.returncode == 2
    assert "public listener" in done.stderr


def test_a_lost_ca_stops_the_start(fresh_server: Server) -> None:
    """With a database and without the CA there is no start: a new CA would strand every system."""
    fresh_server.start()
    fresh_server.stop()
    shutil.rmtree(fresh_server.data / "ca")
    done = run("serve", "--data-dir", str(fresh_server.data))

    assert done.returncode == 2
    assert "backup" in done.stderr
    assert not (fresh_server.data / "ca").exists()


def test_an_encrypted_ca_needs_its_passphrase(fresh_server: Server) -> None:
    """With a passphrase the CA's keys are encrypted; without it, and with another, there is no start."""
    fresh_server.settings = {"CONNECTOR_CA__PASSPHRASE": "correct horse battery"}
    fresh_server.start()
    fresh_server.stop()
    assert "ENCRYPTED" in (fresh_server.data / "ca" / "issuing.key").read_text()
    for variables in ({}, {"CONNECTOR_CA__PASSPHRASE": "wrong horse battery"}):
        done = run("serve", "--data-dir", str(fresh_server.data), **variables)
        assert done.returncode == 2
        assert "passphrase" in done.stderr
        assert "wrong horse" not in done.stderr
    fresh_server.start()


def test_what_the_first_start_makes(server: Server) -> None:
    """The first start says where things are; secrets are readable by their owner alone."""
    printed = server.log.read_text()
    for word in (*server.urls.values(), str(server.data / "admin.key"), str(server.data / "ca" / "root.pem")):
        assert word in printed
    for path in ("admin.key", "ca/root.key", "ca/issuing.key", "connector.db", "connector.db-wal"):
        assert stat.S_IMODE((server.data / path).stat().st_mode) == 0o600, path
    assert stat.S_IMODE((server.data / "ca").stat().st_mode) == 0o700
    key = (server.data / "admin.key").read_text().strip()
    assert key not in printed
    for path in ("connector.db", "connector.db-wal"):
        assert key.encode() not in (server.data / path).read_bytes()


def test_the_second_start_makes_nothing(fresh_server: Server) -> None:
    """A restart keeps the CA and the administrator's key, and what was recorded."""
    fresh_server.start()
    kept = [(fresh_server.data / path).read_bytes() for path in ("admin.key", "ca/root.pem", "ca/issuing.pem")]
    application = fresh_server.application("kept")
    fresh_server.stop()
    fresh_server.start()

    assert kept == [(fresh_server.data / path).read_bytes() for path in ("admin.key", "ca/root.pem", "ca/issuing.pem")]
    assert fresh_server.administer(f'{{ result: application(id: "{application}") {{ name }} }}') == {"name": "kept"}


def test_tables_in_a_terminal(server: Server) -> None:
    """In a terminal a list is a table with a heading; into a pipe it is plain lines without one."""
    server.application("in-a-table")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "application", "list", "--data-dir", str(server.data)],
        stdout=slave,
        env=environment({"TERM": "xterm", "COLUMNS": "200"}),
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)

    assert process.wait() == 0
    assert b"createdAt" in shown
    assert b"\x1b[" in shown
    plain = server.command("application", "list").stdout
    assert "createdAt" not in plain
    assert "\x1b" not in plain
    assert "in-a-table\t" in plain


@pytest.mark.timeout(120)
def test_the_demonstration() -> None:
    """`connector demo` goes through the main job, refusals included, and leaves nothing behind."""
    done = run("demo")

    assert done.returncode == 0, done.stdout
    assert "All 16 steps came out right" in done.stdout
    assert done.stdout.count("→ refused,") == 4


@pytest.mark.timeout(120)
def test_the_demonstration_kept(tmp_path: Path) -> None:
    """With --keep the server goes on, and what is printed to try by hand works, letter for letter."""
    done = run("demo", "--keep", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout
    pid = int(re.search(r"as process (\d+)", done.stdout)[1])  # type: ignore[index]
    try:
        directory = re.search(r"rm -r (\S+)", done.stdout)[1]  # type: ignore[index]
        first = done.stdout[done.stdout.index("\ncd /") :].split("\n\nPut the new token")[0]
        tried = subprocess.run(["bash", "-euc", first], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        assert json.loads(tried.stdout)["data"]["configuration"]["token"]["token"]
    finally:
        os.kill(pid, 15)
    shutil.rmtree(directory)


def test_help_names_every_command() -> None:
    """`connector --help` lists what there is."""
    done = run("--help")
    for command in ("serve", "demo", "tenant", "application", "runtime", "token", "certificate", "ca", "revoke"):
        assert command in done.stdout
    assert done.returncode == 0
    assert sys.executable not in done.stdout
