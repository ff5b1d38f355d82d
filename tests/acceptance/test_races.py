"""Races, crashes and failing disks, against real servers: what was received is recorded, nothing is granted twice."""

import json
import resource
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import pysqlite3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from tests.support.server import Server

CONFIGURATION = "{ result: configuration { token { token } certificateSigningRequestInfo { subject } } }"
PROCESSES = 4
# Few enough that a stop comes while most tokens are still to be sent.
CONNECTIONS = 4
# The server is killed after the first client has got so many certificates.
KILLED_AFTER = (1, 2, 3, 5, 8)
TOKENS = 30
STRACE = ("strace", "-D", "-f", "--seccomp-bpf", "-qq")


def redeemer(
    server: Server, tokens: Sequence[tuple[str, str]], connections: int | None = None
) -> "subprocess.Popen[str]":
    """A process that tries to redeem all the tokens at once, or over so many connections."""
    task = {
        "url": server.public_connector,
        "root": server.root.decode(),
        "tokens": tokens,
        "connections": connections or len(tokens),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.redeem"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(task))
    process.stdin.close()
    return process


def until_issued(process: "subprocess.Popen[str]", count: int) -> list[str]:
    """The process's outcomes up to that many certificates."""
    assert process.stdout is not None
    lines: list[str] = []
    while len(received(lines)) < count:
        lines.append(process.stdout.readline().removesuffix("\n"))
        assert lines[-1].startswith("issued "), lines
    return lines


def outcomes(*processes: "subprocess.Popen[str]") -> list[str]:
    """What these processes still print."""
    lines = []
    for process in processes:
        assert process.stdout is not None
        lines += process.stdout.read().splitlines()
        process.stdout.close()
        assert process.wait() == 0
    return lines


def redeem(server: Server, tokens: Sequence[tuple[str, str]], connections: int | None = None) -> list[str]:
    """The outcomes of one process that tries to redeem the tokens."""
    return outcomes(redeemer(server, tokens, connections))


def configured(server: Server, count: int) -> list[tuple[str, str]]:
    """Tokens that are good for a signature, with the subject for each."""
    application = server.application(f"app-{time.monotonic_ns()}")
    tokens = []
    for _ in range(count):
        with server.bearer(server.token(application)) as client:
            told = client.configuration(server.public_connector)
        tokens.append((told.token, told.subject))
    return tokens


def rows(server: Server, statement: str) -> list[tuple[object, ...]]:
    """What the database holds, read past the server."""
    connection = pysqlite3.connect(f"file:{server.data / 'connector.db'}?mode=ro", uri=True)
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def received(lines: Sequence[str]) -> list[x509.Certificate]:
    """The certificates that clients got."""
    chains = (b64decode(line.removeprefix("issued ")) for line in lines if line.startswith("issued "))
    return [x509.load_pem_x509_certificates(chain)[0] for chain in chains]


def fingerprints(lines: Sequence[str]) -> set[bytes]:
    """The fingerprints of the certificates that clients got."""
    return {certificate.fingerprint(SHA256()) for certificate in received(lines)}


def recorded(server: Server) -> set[bytes]:
    """The fingerprints of the certificates in the inventory."""
    return {fingerprint for (fingerprint,) in rows(server, "SELECT fingerprint FROM certificates")}  # type: ignore[misc]


def answered(tokens: Sequence[tuple[str, str]], lines: Sequence[str]) -> list[tuple[str, str]]:
    """Those of the tokens whose certificates clients got."""
    subjects = {
        certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for certificate in received(lines)
    }
    return [(token, subject) for token, subject in tokens if subject.rpartition("CN=")[2] in subjects]


def assert_one_certificate_for_each(server: Server, tokens: int) -> None:
    """So many tokens were redeemed: each for one certificate, with a serial number and an event of its own."""
    assert rows(server, "SELECT count(*), count(DISTINCT serial) FROM certificates") == [(tokens, tokens)]
    events = "SELECT count(*), count(DISTINCT token_id) FROM audit_events WHERE action = 'certificate.issued'"
    assert rows(server, events) == [(tokens, tokens)]
    assert rows(server, "PRAGMA integrity_check") == [("ok",)]


def test_one_token_one_winner(server: Server) -> None:
    """Of 200 redemptions of one token by four processes one gets a certificate, 199 get the same clean refusal (R1)."""
    tokens = configured(server, 1)
    events = "SELECT 1 FROM audit_events WHERE action = 'certificate.issued'"
    before = len(rows(server, events))

    lines = outcomes(*[redeemer(server, tokens * 50) for _ in range(PROCESSES)])

    assert Counter(line.split()[0] for line in lines) == {"issued": 1, "token_spent": 199}
    assert len(rows(server, events)) == before + 1
    assert set(redeem(server, tokens * 100)) == {"token_spent"}


def test_one_token_one_configuration(server: Server) -> None:
    """Of many concurrent configurations with one token one gets the next token."""
    application = server.application("one-configuration")
    token = server.token(application)
    before = len(rows(server, "SELECT 1 FROM audit_events WHERE action = 'token.spent'"))
    script = (
        "import sys; from connector.client import *\n"
        "url, token, root = sys.argv[1:]\n"
        "for _ in range(10):\n"
        "    with Client(root=root.encode(), token=token) as client:\n"
        "        try: client.configuration(url); print('won')\n"
        "        except Refused as refusal: print(refusal.code)\n"
    )
    command = [sys.executable, "-c", script, server.public_connector, token, server.root.decode()]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]

    assert Counter(outcomes(*processes)) == {"won": 1, "token_spent": PROCESSES * 10 - 1}
    assert len(rows(server, "SELECT 1 FROM audit_events WHERE action = 'token.spent'")) == before + 1


def test_killed_in_the_middle(fresh_server: Server) -> None:
    """After kill -9 under load, what clients received is recorded, and no token or serial is used twice (R3).

    Nor is a token spent without a stored certificate: those that were not spent redeem after the restart (R4).
    """
    server = fresh_server.start()
    got, cut_off = 0, 0
    for count in KILLED_AFTER:
        tokens = configured(server, TOKENS)
        first, second = (redeemer(server, half, CONNECTIONS) for half in (tokens[::2], tokens[1::2]))
        lines = until_issued(first, count)
        server.kill()
        lines += outcomes(first, second)
        assert {line.split()[0] for line in lines} <= {"issued", "lost"}
        got += len(received(lines))
        cut_off += lines.count("lost")

        started = time.monotonic()
        server.start()
        assert time.monotonic() - started < 10
        assert fingerprints(lines) <= recorded(server)
        spent = answered(tokens, lines)
        assert set(redeem(server, spent)) == {"token_spent"}
        again = redeem(server, [token for token in tokens if token not in spent])
        assert {line.split()[0] for line in again} <= {"issued", "token_spent"}
        assert fingerprints(again) <= recorded(server)

    assert got >= sum(KILLED_AFTER)
    assert cut_off > 0
    assert_one_certificate_for_each(server, TOKENS * len(KILLED_AFTER))


def test_stopped_in_the_middle(fresh_server: Server) -> None:
    """SIGTERM under load: every request that was taken in is answered, the exit is clean, and the rest redeem later."""
    server = fresh_server.start()
    tokens = configured(server, TOKENS)
    process = redeemer(server, tokens, CONNECTIONS)
    lines = until_issued(process, 5)
    assert server.stop() == 0
    lines += outcomes(process)

    # A request that met a closed socket is lost before it began; none was answered wrongly, none recorded in silence.
    assert {line.split()[0] for line in lines} == {"issued", "lost"}
    assert fingerprints(lines) == recorded(server)

    server.start()
    spent = answered(tokens, lines)
    assert len(spent) == len(received(lines))
    assert set(redeem(server, spent)) == {"token_spent"}
    again = redeem(server, [token for token in tokens if token not in spent])
    assert {line.split()[0] for line in again} == {"issued"}
    assert_one_certificate_for_each(server, len(tokens))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(mounted)], check=False)
    assert done.returncode == 0, "this test mounts a small disk: run it as root, or by unshare --map-root-user --mount"
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


def readiness(server: Server) -> tuple[int, str]:
    # It may take five seconds to give up on the database.
    answer = httpx2.get(f"{server.urls['internal']}/readyz", timeout=20)
    content = answer.json()
    return answer.status_code, content["errors"][0]["extensions"]["error"] if "errors" in content else content["status"]


def until(server: Server, expected: tuple[int, str]) -> None:
    """Wait until the server says so about itself; an answer is kept for a second."""
    deadline = time.monotonic() + 15
    while readiness(server) != expected:
        assert time.monotonic() < deadline, readiness(server)
        time.sleep(0.2)


def test_full_disk(small_disk: Path) -> None:
    """On a full disk there is a clear refusal, and nothing is lost; with space it goes on by itself (R6)."""
    with Server(small_disk / "data") as server:
        assert readiness(server) == (200, "ready")
        tokens = configured(server, 2)
        filler = fill(small_disk)
        until(server, (503, "storage_full"))
        assert redeem(server, tokens[:1]) == ["storage_full"]

        filler.unlink()
        until(server, (200, "ready"))
        assert redeem(server, tokens)[0].startswith("issued ")
        assert rows(server, "SELECT count(*) FROM certificates") == [(2,)]
        assert rows(server, "PRAGMA integrity_check") == [("ok",)]


def test_files_that_may_not_grow(fresh_server: Server) -> None:
    """Where no file may grow (RLIMIT_FSIZE) there is a clear refusal and nothing is lost; later the server heals."""
    server = fresh_server.start()
    assert server.process is not None
    tokens = configured(server, 1)
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    # From here on every write beyond the first octets of a file fails.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16, unlimited[1]))
    until(server, (503, "storage_unavailable"))
    assert redeem(server, tokens) == ["storage_unavailable"]

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    until(server, (200, "ready"))
    assert redeem(server, tokens)[0].startswith("issued ")
    assert rows(server, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("number", [1, 2, 4, 7])
def test_failing_sync(fresh_server: Server, tmp_path: Path, number: int) -> None:
    """When the disk fails to take a commit, its request is refused; what was answered outlives a kill (R5).

    The refused one may be on disk all the same. Then its token is spent and its certificate stored: both or neither.
    """
    server = fresh_server.start()
    tokens = configured(server, 8)
    assert server.stop() == 0
    trace = tmp_path / "trace"
    log = server.data / "connector.db-wal"
    fault = f"inject=fsync,fdatasync:error=EIO:when={number}"
    # -D: the process that we start, and kill, is the server. What it forces to disk of other files does not count.
    server.wrapper = (*STRACE, "-o", str(trace), "-P", str(log), "-e", "trace=fsync,fdatasync", "-e", fault)
    server.start()
    lines = redeem(server, tokens, connections=1)
    assert Counter(line.split()[0] for line in lines) == {"issued": len(tokens) - 1, "storage_unavailable": 1}
    server.kill()
    assert "EIO (Input/output error) (INJECTED)" in trace.read_text()

    server.wrapper = ()
    server.start()
    assert fingerprints(lines) <= recorded(server)
    spent = answered(tokens, lines)
    assert set(redeem(server, spent)) == {"token_spent"}
    (again,) = redeem(server, [token for token in tokens if token not in spent])
    assert again.split()[0] in {"issued", "token_spent"}
    assert_one_certificate_for_each(server, len(tokens))


def test_database_held_by_another(fresh_server: Server) -> None:
    """While another process holds the database there is a clear refusal, and afterwards the token is still good."""
    server = fresh_server.start()
    tokens = configured(server, 1)
    holder = pysqlite3.connect(server.data / "connector.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert redeem(server, tokens) == ["storage_unavailable"]
    assert readiness(server) == (503, "storage_unavailable")

    holder.execute("ROLLBACK")
    holder.close()
    until(server, (200, "ready"))
    assert redeem(server, tokens)[0].startswith("issued ")


def test_disk_that_becomes_read_only(small_disk: Path) -> None:
    """On a disk that becomes read-only there is a clear refusal; when it can be written again, so does the server."""
    with Server(small_disk / "data") as server:
        tokens = configured(server, 1)
        # A connection that is open keeps the disk writable for itself. A full disk makes the server drop it.
        filler = fill(small_disk)
        until(server, (503, "storage_full"))
        filler.unlink()
        subprocess.run(["mount", "--bind", str(small_disk), str(small_disk)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(small_disk)], check=True)
            until(server, (503, "storage_read_only"))
            assert redeem(server, tokens) == ["storage_read_only"]
        finally:
            subprocess.run(["umount", "--lazy", str(small_disk)], check=True)

        until(server, (200, "ready"))
        assert redeem(server, tokens)[0].startswith("issued ")
        assert_one_certificate_for_each(server, 1)


def test_read_only_directory(small_disk: Path) -> None:
    """On a disk that is read-only the server does not start, and says which file it could not use."""
    with Server(small_disk / "data") as server:
        server.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = server.command("serve", check=False)

    assert done.returncode == 2
    assert str(small_disk / "data") in done.stderr
    assert "Traceback" not in done.stderr
