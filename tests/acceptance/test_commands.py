"""The commands, as an administrator and a platform engineer type them."""

import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from tests.support.server import COMMAND, Server, environment

from connector import __version__


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
    assert minted["id"] in listed  # type: ignore[index]
    assert pairing["token"] not in listed

    with server.bearer(pairing["token"]) as client:
        client.configuration(server.public_connector)
    states = {token["id"]: token["state"] for token in output(server, "token", "list")}  # type: ignore[union-attr]
    assert states[minted["id"]] == "spent"  # type: ignore[index]
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
        (("application", "register", "a" * 101), "invalid_data", 3),
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


def in_a_terminal(server: Server, *arguments: str, columns: int) -> str:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--data-dir", str(server.data)],
        stdout=slave,
        env=environment({"TERM": "xterm", "COLUMNS": str(columns)}),
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
    return shown.decode()


def test_tables_in_a_terminal(server: Server) -> None:
    """In a terminal a list is a table with a heading; into a pipe it is plain lines without one."""
    server.application("in-a-table")
    shown = in_a_terminal(server, "application", "list", columns=200)

    assert "createdAt" in shown.splitlines()[0]
    assert "\x1b[" in shown
    plain = server.command("application", "list").stdout
    assert "createdAt" not in plain
    assert "\x1b" not in plain
    assert "in-a-table\t" in plain


def test_a_narrow_terminal_cuts_no_id(server: Server, tmp_path: Path) -> None:
    """In 80 columns every serial number and id stands whole on one line, and every record has its owner's name."""
    server.enroll(server.token(server.application("in-a-narrow-table")), tmp_path)
    for command, key in (("certificate", "serial"), ("token", "id")):
        keys = [row[key] for row in output(server, command, "list")]  # type: ignore[attr-defined]
        lines = in_a_terminal(server, command, "list", columns=80).splitlines()

        assert keys
        assert [line for line in lines if "…" in line] == []
        assert {key for key in keys if any(key in line.split() for line in lines)} == set(keys)
        assert any("in-a-narrow-table" in line for line in lines)


def test_what_is_not_printable_is_escaped(server: Server) -> None:
    """A description can neither forge a row nor command the terminal; JSON has it as it is."""
    forged = "a\tb\nc\x1b[2J\u202e [red]d"
    output(server, "application", "register", "forger")
    # No way leads escape sequences into the database; this stands for one that was overlooked.
    with driver.connect(str(server.data / "connector.db")) as connection:
        connection.execute("UPDATE entities SET description = ? WHERE name = 'forger'", (forged,))
    assert output(server, "application", "show", "forger")["description"] == forged  # type: ignore[index]

    escaped = r"a\tb\nc\x1b[2J\u202e [red]d"
    (line,) = [line for line in server.command("application", "list").stdout.splitlines() if "forger" in line]
    assert line.split("\t")[2] == escaped
    assert f"description: {escaped}\n" in server.command("application", "show", "forger").stdout
    for columns in (80, 200):
        assert escaped in in_a_terminal(server, "application", "list", columns=columns)


def test_openssl_reads_what_show_prints(server: Server, tmp_path: Path) -> None:
    """The PEM that `certificate show` prints can be piped on."""
    identity = server.enroll(server.token(server.application("to-show")), tmp_path)
    serial = ["openssl", "x509", "-noout", "-serial"]
    told = subprocess.run([*serial, "-in", identity.chain], capture_output=True, text=True, check=True).stdout
    shown = server.command("certificate", "show", told.strip().removeprefix("serial=")).stdout

    assert subprocess.run(serial, input=shown, capture_output=True, text=True, check=True).stdout == told


def test_what_only_reads_takes_no_lock(server: Server) -> None:
    """Lists and shows work while nobody can write: beside a long transaction, on a full disk."""
    server.application("to-read")
    connection = driver.connect(str(server.data / "connector.db"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        for arguments in (("application", "list"), ("application", "show", "to-read"), ("ca", "show")):
            assert server.command(*arguments).stdout
    finally:
        connection.close()


def test_a_command_leaves_the_tables_alone(fresh_server: Server) -> None:
    """On a database of an older version a command changes nothing, and asks for the server of its own version."""
    fresh_server.start()
    fresh_server.stop()
    connection = driver.connect(str(fresh_server.data / "connector.db"), isolation_level=None)
    connection.execute("DELETE FROM alembic_version")
    done = fresh_server.command("application", "list", check=False)

    assert done.stderr.endswith("[storage_unavailable]\n")
    assert "Restart the server with this version" in done.stderr
    assert "Traceback" not in done.stderr
    assert connection.execute("SELECT * FROM alembic_version").fetchall() == []
    connection.close()


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
@pytest.mark.parametrize("name", ["root.pem", "issuing.pem"])
def test_a_damaged_ca_stops_a_command(server: Server, tmp_path: Path, name: str, content: bytes | None) -> None:
    """A certificate of the CA that is missing or damaged is named in a sentence."""
    data = copied(server, tmp_path)
    (data / "ca" / name).unlink()
    if content is not None:
        (data / "ca" / name).write_bytes(content)
    done = run("ca", "show", "--data-dir", str(data))

    assert done.returncode == 2
    assert done.stderr.startswith(f"connector: {data / 'ca' / name}")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"public": 1}', b'{"public": "\xff"}', b"[" * 100_000])
def test_damaged_addresses_stop_a_command(server: Server, tmp_path: Path, content: bytes) -> None:
    """Addresses that cannot be read are not guessed: a token would lead to the wrong place."""
    data = copied(server, tmp_path)
    (data / "addresses.json").write_bytes(content)
    done = run("application", "list", "--data-dir", str(data))

    assert done.returncode == 2
    assert "addresses.json is damaged. Restart the server" in done.stderr
    assert "Traceback" not in done.stderr


def copied(server: Server, directory: Path) -> Path:
    """A directory that looks like the server's, as far as a command gets before the database."""
    data = directory / "data"
    shutil.copytree(server.data / "ca", data / "ca")
    (data / "connector.db").touch(mode=0o600)
    return data


@pytest.mark.parametrize(
    ("arguments", "variables", "word"),
    [
        (("application", "list", "--data-dir", ""), {}, "--data-dir"),
        (("serve", "--data-dir", ""), {}, "--data-dir"),
        (("serve", "--config", ""), {}, "--config"),
        (("application", "list"), {"CONNECTOR_DATA_DIR": ""}, "CONNECTOR_DATA_DIR (environment): It is empty."),
        (("application", "list"), {"CONNECTOR_CONFIG": ""}, "CONNECTOR_CONFIG (environment): It is empty."),
        (("application", "show", "\udcff"), {}, "not UTF-8"),
        (("serve", "--data-dir", "\udcff"), {}, "not UTF-8"),
    ],
)
def test_arguments_that_mean_nothing(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], word: str
) -> None:
    """An empty directory is not the working directory, and octets that are no text are no name."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env=environment({"NO_COLOR": "1", **variables}),
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_client_side_has_no_command() -> None:
    """Where the client side alone is installed, the command says so, and where to read on."""
    script = "import sys; sys.modules['typer'] = None; from connector.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == (
        "connector: typer is not installed: this is the agent without the server. See docs/install.md.\n"
    )


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
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # it removes files of its own as it ends
    shutil.rmtree(directory)


def test_help_names_every_command() -> None:
    """`connector --help` lists what there is."""
    done = run("--help")
    for command in ("serve", "demo", "tenant", "application", "runtime", "token", "certificate", "ca", "revoke"):
        assert command in done.stdout
    assert done.returncode == 0
    assert sys.executable not in done.stdout


def test_the_version() -> None:
    """`connector --version` prints the version alone."""
    assert run("--version").stdout == f"{__version__}\n"


NEEDLESS = {
    *("alembic", "ariadne", "graphql", "httpx2", "jinja2", "joserfc", "psycopg", "rich", "starlette", "structlog"),
    *("uvicorn", "uvloop", "connector.oidc", "connector.serving", "connector.web.application"),
}


def test_a_command_imports_what_it_needs(server: Server) -> None:
    """A command on the database starts without the web, without what serves, and, for a pipe, without terminals."""
    done = run("key", "list", "--data-dir", str(server.data), PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    assert done.returncode == 0
    assert {"connector.cli.program", "sqlalchemy", "typer"} <= imported
    assert imported & NEEDLESS == set()


def test_force_color_does_not_turn_lines_into_a_table(server: Server) -> None:
    """What a script reads stays tab-separated where FORCE_COLOR is set, as continuous integration does."""
    told = run("key", "list", "--data-dir", str(server.data), FORCE_COLOR="1").stdout

    assert "first\tadministrator\t" in told
    assert "\x1b" not in told


def test_help_of_serve_names_every_default() -> None:
    """`connector serve --help` says where each listener is unless told otherwise."""
    done = run("serve", "--help", COLUMNS="200")
    for address in ("localhost:8443", "localhost:8444", "localhost:8080", "127.0.0.1:8445"):
        assert address in done.stdout
