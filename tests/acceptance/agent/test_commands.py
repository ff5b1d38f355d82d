"""What the agent's commands print, how they end, and what the doctor finds."""

import json
import os
import pty
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.support.agents import AGENT, agent, enrolled, pairing, works
from tests.support.server import Server, environment

from connector.agent import files
from connector.agent.outcomes import AgentError, Exit
from connector.client.keys import make_key

BAD_INPUT, REFUSED, UNREACHABLE, UNWELL = 3, 4, 6, 10
SERVER_ONLY = {
    "sqlalchemy",
    "alembic",
    "starlette",
    "uvicorn",
    "uvloop",
    "ariadne",
    "graphql-core",
    "pydantic",
    "typer",
}


@pytest.fixture
def directory(server: Server, tmp_path: Path) -> Path:
    return enrolled(server, tmp_path / "identity")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://exa\tmple/connector/graphql", "U+0009"),
        ("https://example/\x00", "U+0000"),
        ("https://exämple/", "U+00E4"),
        ("https://", "with a host"),
    ],
)
def test_an_address_that_is_no_url_is_explained(tmp_path: Path, url: str, says: str) -> None:
    """A pairing string whose address cannot be used ends the command with what is wrong with it, and no traceback."""
    text = b64encode(json.dumps({"token": "t", "connectorURL": url}).encode()).decode()
    ended = agent("enroll", tmp_path / "identity", text)

    assert ended.returncode == BAD_INPUT
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_call(directory: Path) -> None:
    """A query goes to the Director as it is, or to the Connector API; what comes back is printed, and errors have their
    status.
    """
    told = json.loads(agent("call", directory).stdout)
    assert told["data"]["viewer"]["type"] == "APPLICATION"
    query = "query ($id: ID!) { application(id: $id) { name } }"
    variables = json.dumps({"id": told["data"]["viewer"]["id"]})
    named = agent("call", directory, "-", "--variables", variables, "--json", given=query)
    assert json.loads(named.stdout)["data"]["application"]["name"].startswith("identity")
    renewal = agent("call", directory, "{ configuration { renewal { start } } }", "--connector")
    assert json.loads(renewal.stdout)["data"]["configuration"]["renewal"]["start"]

    assert agent("call", directory, "{ nonsense }").returncode == REFUSED
    assert agent("call", directory, "--variables", "{").returncode == BAD_INPUT


def test_status_without_an_identity(tmp_path: Path) -> None:
    """Every command that needs an identity says how to get one."""
    for command in ("status", "renew", "call", "doctor"):
        done = agent(command, tmp_path / "nothing")
        assert done.returncode in (BAD_INPUT, UNWELL)
        assert "connector-agent enroll" in done.stderr + done.stdout


def test_json(server: Server, directory: Path, tmp_path: Path) -> None:
    """With --json each command prints one JSON object, failures too, and nothing else on standard output."""
    told = json.loads(agent("status", directory, "--json").stdout)
    assert (told["status"], told["directory"]) == ("connected", str(directory))
    enrolling = agent("enroll", tmp_path / "other", pairing(server, tmp_path.name[-80:]), "--json")
    assert json.loads(enrolling.stdout)["status"] == "connected"
    assert enrolling.stderr == ""
    failed = agent("enroll", tmp_path / "third", "nonsense", "--json")
    assert json.loads(failed.stdout)["error"]["exit"] == failed.returncode == BAD_INPUT
    assert json.loads(agent("doctor", directory, "--json").stdout)["ok"] is True


def test_status_without_the_server_says_what_the_files_say(directory: Path) -> None:
    """The files' facts come first and at once, then that the server, named with its port, cannot be reached and what to
    do; with --json it is one object, with both.
    """
    spoil_port(directory)
    port = json.loads((directory / "connection.json").read_text())["secured_connector"].split("/")[2]
    done = agent("status", directory, "--retry-for", "0")
    lines = done.stdout.splitlines()

    assert done.returncode == UNREACHABLE
    assert lines[0] == f"directory: {directory}"
    assert lines[-1] == "status: not reachable"
    assert any(line.startswith("notAfter: ") for line in lines)
    assert f"{port} cannot be reached" in done.stderr
    assert "connector-agent doctor" in done.stderr
    told = json.loads(agent("status", directory, "--retry-for", "0", "--json").stdout)
    assert (told["status"], told["error"]["code"]) == ("not reachable", "unreachable")
    assert told["notAfter"]


def test_status_by_the_files_alone(directory: Path) -> None:
    """With --offline the certificate's dates are said, and that nobody was asked."""
    told = json.loads(agent("status", directory, "--offline", "--json").stdout)
    assert (told["status"], told["server"]) == ("valid", "not asked")
    assert agent("status", directory, "--offline").stdout.startswith("status: valid\nserver: not asked\n")


def test_status_of_a_revoked_certificate_says_so(directory: Path) -> None:
    """What the server says of the certificate is a word of its own, and the exit status that of a refusal."""
    spoil_by_revoking(directory)
    done = agent("status", directory)

    assert done.returncode == REFUSED
    assert done.stdout.splitlines()[-1] == "status: revoked"


def test_times_in_a_terminal_say_how_far_they_are(directory: Path) -> None:
    """Whoever reads a date wants to know how long that is; programs get the date alone."""
    assert "Z (in 90 days)\r\n" in in_terminal("status", "-d", str(directory))
    assert " days)" not in agent("status", directory).stdout


def in_terminal(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What a terminal shows of the command."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*AGENT, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment({"TERM": "xterm", **(env or {})}),
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the terminal's end
            while octets := os.read(ours, 4096):
                shown += octets
        assert process.wait(30) == 0, shown
    os.close(ours)
    return shown.decode()


def test_progress_and_colour_are_for_terminals(server: Server, tmp_path: Path) -> None:
    """In a terminal each step is ticked off in green; NO_COLOR, pipes and files see plain lines."""
    one, two, three = (pairing(server, f"{tmp_path.name[-60:]}-{number}") for number in range(3))
    shown = in_terminal("enroll", "-d", str(tmp_path / "one"), one)
    assert shown.count("\033[32m✓\033[0m ") == 3
    assert "status: connected\r\n" in shown
    assert "\033" not in in_terminal("enroll", "-d", str(tmp_path / "two"), two, env={"NO_COLOR": "1"})
    done = agent("enroll", tmp_path / "three", three)
    assert "\033" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 3


def test_exit_statuses_are_documented() -> None:
    """Each failure has a status of its own, the help names them all, and so does the page."""
    kinds = {kind.exit for kind in AgentError.__subclasses__()}
    assert kinds == set(Exit) - {Exit.FINE, Exit.FAULT, Exit.USAGE, Exit.UNWELL}
    told = agent("--help", Path()).stdout
    page = (Path(__file__).parents[3] / "docs" / "agent.md").read_text()
    for status in Exit:
        assert f"{status:d} " in told
        assert f"| {status:d} |" in page


def spoil_rights(directory: Path) -> None:
    (directory / "tls.key").resolve().chmod(0o644)


def spoil_key(directory: Path) -> None:
    key = make_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.replace((directory / "tls.key").resolve(), key)


def spoil_name(directory: Path) -> None:
    change(directory, "localhost", "no-such-name.invalid")


def spoil_port(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = json.loads((directory / "connection.json").read_text())
    told["secured_connector"] = f"https://localhost:{port}/connector/graphql"
    (directory / "connection.json").write_text(json.dumps(told))


def spoil_anchor(directory: Path) -> None:
    from tests.support.ca import CA  # noqa: PLC0415

    (directory / "ca.crt").resolve().write_bytes(CA.make().root.pem)


def spoil_by_revoking(directory: Path) -> None:
    assert agent("revoke", directory, "--yes").returncode == 0


def spoil_directory(directory: Path) -> None:
    directory.chmod(0o777)


def change(directory: Path, old: str, new: str) -> None:
    path = directory / "connection.json"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "finding", "advice"),
    [
        (spoil_directory, "directory: ", "chmod go-w"),
        (spoil_rights, "key file: ", "chmod 600"),
        (spoil_key, "key: ", "enroll --replace"),
        (spoil_name, "public address: DNS: ", "resolv.conf"),
        (spoil_port, "mutual TLS: port: ", "firewalls"),
        (spoil_anchor, "public address: TLS: ", "do not go on"),
        (spoil_by_revoking, "server: ", "administrator"),
    ],
)
def test_the_doctor_finds_it(directory: Path, spoil: Callable[[Path], None], finding: str, advice: str) -> None:
    """What is well is said to be; what is not is found, each with the next step."""
    well = agent("doctor", directory)
    assert well.returncode == 0, well.stdout
    assert all(line.startswith("ok  ") for line in well.stdout.splitlines())

    spoil(directory)
    done = agent("doctor", directory)

    assert done.returncode == UNWELL
    lines = done.stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith(f"BAD  {finding}")]
    assert advice in lines[number + 1]


def test_what_the_server_says_cannot_command_a_terminal(directory: Path) -> None:
    """Escape sequences in what was told are shown, not obeyed."""
    change(directory, "CN=", "CN=\\u001b[31m")

    assert "\033" not in agent("status", directory, "--offline").stdout


def test_a_damaged_directory_is_a_sentence(directory: Path) -> None:
    """Files that hold something else end a command with its sentence, without a traceback."""
    connection = (directory / "connection.json").read_text()
    for name, content in (
        ("connection.json", "[]"),
        ("connection.json", "{}"),
        ("connection.json", "\0"),
        ("tls.crt", ""),
    ):
        (directory / "connection.json").write_text(connection)
        (directory / name).write_text(content)
        for command in ("status", "renew", "doctor"):
            done = agent(command, directory)
            assert done.returncode in (8, UNWELL), done.stdout
            assert "Traceback" not in done.stderr


def test_a_forgotten_state_is_made_anew(directory: Path) -> None:
    """What was noted may be lost: it is asked for again."""
    (directory / "state.json").write_text("nonsense")
    assert agent("renew", directory, "--if-due").returncode == 0
    assert json.loads((directory / "state.json").read_text())["plan"]
    assert works(directory)


def test_the_base_install_needs_no_server_library() -> None:
    """What a base install brings, all the way down, holds no library of the server; with the extra it would."""
    base, whole = needed("connector-mtls", frozenset()), needed("connector-mtls", frozenset({"server"}))

    assert not base & SERVER_ONLY, base
    assert whole >= SERVER_ONLY
    assert {"cryptography", "httpx2"} <= base


def needed(name: str, extras: frozenset[str]) -> set[str]:
    """The distributions that pip would install, by the metadata of those that are here."""
    found: set[str] = set()
    waiting = [(name, extras)]
    while waiting:
        one, wanted = waiting.pop()
        for text in requires(one) or ():
            requirement = Requirement(text)
            here = any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted)
            )
            child = canonicalize_name(requirement.name)
            if here and child not in found:
                found.add(child)
                assert distribution(child)
                waiting.append((child, frozenset(requirement.extras)))
    return found


def test_it_runs_where_no_server_library_is(server: Server, tmp_path: Path) -> None:
    """Enrolled, asked, renewed and examined by an interpreter that refuses to load any library of the server."""
    names = ["sqlalchemy", "alembic", "starlette", "uvicorn", "uvloop", "ariadne", "graphql", "pydantic", "typer"]
    names += ["rich", "structlog", "pysqlite3", "psycopg", "joserfc", "httptools"]
    script = f"import sys\nfor name in {names}: sys.modules[name] = None\nfrom connector.agent import main\nmain()"
    directory = str(tmp_path / "identity")
    for command in (["enroll", pairing(server, tmp_path.name[-80:])], ["status"], ["renew"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *command, "-d", directory],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "mode", "mend"),
    [
        (".", 0o777, "go-w"),
        ("current/tls.key", 0o640, "600"),
        ("connection.json", 0o646, "o-w"),
        ("current/ca.crt", 0o620, "go-w"),
    ],
)
def test_directory_that_others_can_get_at_is_refused(directory: Path, name: str, mode: int, mend: str) -> None:
    """Where others can read a key or change anything, no command does anything; the message names the command that
    mends it. A group that is named is let in.
    """
    path = (directory / name).resolve()
    former = path.stat().st_mode & 0o777
    path.chmod(mode)
    for command in (("status", "--offline"), ("renew",)):
        done = agent(command[0], directory, *command[1:])
        assert (done.returncode, done.stdout) == (Exit.FILES, "")
        assert f"{path} (mode {mode:04o}) can be" in done.stderr
        assert f"Run: chmod {mend} {path} [files_exposed]" in done.stderr
    let_in = agent("status", directory, "--offline", "--group", "root")
    assert (let_in.returncode == 0) == (mode & 0o007 == 0)
    path.chmod(former)

    assert agent("status", directory, "--offline").returncode == 0
