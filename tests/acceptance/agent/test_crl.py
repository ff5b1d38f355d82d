"""``connector-agent crl``: CRLs in files, as gateways read them."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.agents import enrolled
from tests.support.ca import CA
from tests.support.crl_files import SECONDS, fetch, keeping, numbers, until_listed
from tests.support.published import Published, published
from tests.support.server import Server

BAD_INPUT, REFUSED, UNTRUSTED, UNREACHABLE, LOCKED, FILES, HOOK = 3, 4, 5, 6, 7, 8, 9


# With a real server; the gateways that read the files are in tests/acceptance/gateways/test_crl_files.py


def test_an_identity_says_where_and_whom_to_trust(server: Server, tmp_path: Path) -> None:
    """Beside an identity neither URL nor root need be named: they are those of its server, over TLS."""
    identity, to = enrolled(server, tmp_path / "identity"), tmp_path / "crl"
    done = fetch(to, "--json", "--retry-for", "60s", identity=identity)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["file"] == str(to / "crls.pem")
    assert len(numbers(to)) == len(told["cas"].split(", ")) == 2
    assert {"status", "entries", "nextUpdate"} < told.keys()


# With a server that cannot be believed

OURS = CA.make("Ours")
OF_ROOT = OURS.crl(of_root=True)


@pytest.fixture
def other() -> Iterator[Published]:
    with published() as running:
        yield running


@pytest.fixture
def source(other: Published, tmp_path: Path) -> tuple[str, ...]:
    """The options that lead to it, with our root."""
    (tmp_path / "root.pem").write_bytes(OURS.root.pem)
    return ("--url", other.url, "--root", str(tmp_path / "root.pem"))


@pytest.mark.parametrize(
    ("issuing", "reason"),
    [
        (OURS.crl(number=4), "has the number 4, and 5 is held"),
        (OURS.crl(number=6, key=CA.make().issuing.key), "is not signed by it"),
        (OURS.crl(number=6, until=timedelta(minutes=-1)), "ended at"),
        (OURS.crl(number=6, since=timedelta(hours=1)), "begins at"),
        (OURS.crl(number=6)[:-1], "is none"),
        (b"<html>", "is none"),
    ],
    ids=["older", "forged", "over", "to come", "cut", "html"],
)
def test_what_cannot_be_believed_changes_nothing(
    other: Published, source: tuple[str, ...], tmp_path: Path, issuing: bytes, reason: str
) -> None:
    """A CRL that is not good leaves the one that is held in its place; the command says why and fails, also when it is
    asked again; the next good one is taken.
    """
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    assert fetch(to, *source).returncode == 0
    before = (to / "crls.pem").read_bytes()
    other.offer(OURS, issuing, OF_ROOT)
    for _ in range(2):
        done = fetch(to, *source)
        assert done.returncode == UNTRUSTED
        assert reason in done.stderr
        assert (to / "crls.pem").read_bytes() == before
    other.offer(OURS, OURS.crl(7, number=6), OF_ROOT)
    assert fetch(to, *source).returncode == 0
    assert numbers(to) == [1, 6]


def test_other_cas_are_not_believed(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """A server with other CAs, also of the same names, gets nothing into the files."""
    to, theirs = tmp_path / "crl", CA.make("Ours")
    other.offer(theirs, theirs.crl(number=9), theirs.crl(of_root=True))
    done = fetch(to, *source)

    assert done.returncode == UNTRUSTED
    assert "neither a trust anchor nor issued by one" in done.stderr
    assert not (to / "crls.pem").exists()


def test_one_crl_that_is_away_keeps_no_other_back(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """Where one CA has no CRL, the other's is put in place all the same; the command says what is missing and fails."""
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(number=5), 503)
    done = fetch(to, *source)

    assert done.returncode == UNREACHABLE
    assert "answered 503" in done.stderr
    assert "readyz" in done.stderr
    assert numbers(to) == [5]


@pytest.mark.parametrize(
    ("listed", "status"),
    [(404, REFUSED), (500, UNREACHABLE), (b"A" * (2 << 20), UNREACHABLE)],
    ids=["no", "error", "long"],
)
def test_a_server_that_cannot_answer_changes_nothing(
    other: Published, source: tuple[str, ...], tmp_path: Path, listed: bytes | int, status: int
) -> None:
    """Errors, and an answer that is too long, leave the files as they are."""
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    assert fetch(to, *source).returncode == 0
    other.files["/cas.pem"] = listed
    done = fetch(to, *source)

    assert done.returncode == status
    assert other.url in done.stderr
    assert numbers(to) == [1, 5]


def test_a_ca_that_is_listed_no_more_is_kept(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """Its CRL stays until it ends: a gateway with an old one knows more than one without."""
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    assert fetch(to, *source).returncode == 0
    other.files["/cas.pem"] = OURS.root.pem

    assert fetch(to, *source).returncode == 0
    assert numbers(to) == [1, 5]


# Files and programs


def test_a_program_is_told_until_it_has_heard(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """A command that fails, or during which the agent is killed, is run again by the next round, although nothing has
    changed since; one that succeeded is run again only after the next change.
    """
    to, heard = tmp_path / "crl", tmp_path / "heard"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    assert fetch(to, *source, "--then", "false").returncode == HOOK
    assert numbers(to) == [1, 5]
    assert fetch(to, *source, "--then", "sh -c 'kill -9 $PPID'").returncode == -signal.SIGKILL
    for _ in range(2):
        assert fetch(to, *source, "--then", f"sh -c 'echo >>{heard}'").returncode == 0
        assert heard.read_text() == "\n"
    other.offer(OURS, OURS.crl(number=6), OF_ROOT)
    assert fetch(to, *source, "--then", f"sh -c 'echo >>{heard}'").returncode == 0
    assert heard.read_text() == "\n\n"


def test_it_asks_again_and_reads_only_what_is_new(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """An agent that stays asks with the ETag of what it has, tells its program of each change once, writes its figures,
    and goes on while the server is away.
    """
    to, figures = tmp_path / "crl", tmp_path / "crl.prom"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    with keeping(to, *source, "--metrics", str(figures)):
        until_answered(other, 304)
        other.files["/cas.pem"] = 500
        until_answered(other, 500)
        other.offer(OURS, OURS.crl(9, 10, number=6), OF_ROOT)
        until_listed(to, 10)
        deadline = time.monotonic() + SECONDS
        while 'crl_entries{directory="' not in (told := figures.read_text()) or "} 2\n" not in told:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    crls = [status for path, status in other.answered if path.startswith("/crl/")]
    assert crls.count(200) == 3
    assert crls.count(304) >= 3
    assert "connector_agent_crl_next_update_timestamp_seconds{" in told
    log = (tmp_path / "crl.log").read_text()
    assert "crl.failed code=no_answer" in log
    assert log.count("crl.held") == 4
    assert "agent.stopped" in log


def until_answered(other: Published, status: int) -> None:
    deadline = time.monotonic() + SECONDS
    while status not in {each for _, each in other.answered}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_file_that_was_removed_comes_back(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """With the next round, although the server has nothing new."""
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(number=5), OF_ROOT)
    with keeping(to, *source):
        until_answered(other, 304)
        for name in ("crls.pem", "cas.pem"):
            (to / name).unlink()
            deadline = time.monotonic() + SECONDS
            while not (to / name).exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert numbers(to) == [1, 5]


def test_two_agents_do_not_share_files(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """The second is told of the first."""
    to = tmp_path / "crl"
    other.offer(OURS, OURS.crl(), OF_ROOT)
    with keeping(to, *source):
        until_answered(other, 304)
        assert fetch(to, *source).returncode == LOCKED


def test_a_directory_is_made_in_one_that_is_there(other: Published, source: tuple[str, ...], tmp_path: Path) -> None:
    """Parents that the agent made would be closed to the gateway."""
    other.offer(OURS, OURS.crl(), OF_ROOT)
    done = fetch(tmp_path / "missing" / "crl", *source)
    assert done.returncode == FILES
    assert str(tmp_path / "missing" / "crl") in done.stderr
    assert not (tmp_path / "missing").exists()


def test_a_directory_that_others_can_write_is_refused(
    other: Published, source: tuple[str, ...], tmp_path: Path
) -> None:
    """Whoever can write it could undo revocations."""
    to = tmp_path / "crl"
    to.mkdir()
    to.chmod(0o777)
    other.offer(OURS, OURS.crl(), OF_ROOT)
    done = fetch(to, *source)

    assert done.returncode == FILES
    assert "chmod" in done.stderr
    assert list(to.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--url URL --root FILE"),
        (("--url", "http://127.0.0.1:1"), "--url URL --root FILE"),
        (("--url", "ftp://host", "--root", "root.pem"), "not an http or https URL"),
        (("--url", "http://127.0.0.1:1", "--root", "empty.pem"), "no certificate"),
        (("--url", "http://127.0.0.1:1", "--root", "root.pem", "--then", "a | b"), "only a shell understands"),
    ],
)
def test_wrong_input_is_told_apart(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    """Each is refused before anything is asked or made, with what to do."""
    (tmp_path / "root.pem").write_bytes(OURS.root.pem)
    (tmp_path / "empty.pem").write_bytes(b"")
    done = fetch(tmp_path / "crl", *(str(tmp_path / each) if each.endswith(".pem") else each for each in arguments))

    assert done.returncode == BAD_INPUT, done.stderr
    assert reason in done.stderr
    assert not (tmp_path / "crl").exists()
