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
from tests.support.server import Server

CONFIGURATION = "{ result: configuration { token { token } certificateSigningRequestInfo { subject } } }"
PROCESSES = 4


def redeemers(
    server: Server, tokens: Sequence[tuple[str, str]], processes: int = PROCESSES
) -> "list[subprocess.Popen[str]]":
    """Processes that each try to redeem all the tokens at once."""
    task = json.dumps({"url": server.public_connector, "root": server.root.decode(), "tokens": tokens})
    started = []
    for _ in range(processes):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.redeem"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(task)
        process.stdin.close()
        started.append(process)
    return started


def outcomes(processes: "Sequence[subprocess.Popen[str]]") -> list[str]:
    lines = []
    for process in processes:
        assert process.stdout is not None
        lines += process.stdout.read().splitlines()
        process.stdout.close()
        assert process.wait() == 0
    return lines


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


def received(lines: Sequence[str]) -> set[bytes]:
    """The fingerprints of the certificates that clients got."""
    chains = (b64decode(line.removeprefix("issued ")) for line in lines if line.startswith("issued "))
    return {x509.load_pem_x509_certificates(chain)[0].fingerprint(SHA256()) for chain in chains}


def test_one_token_one_winner(server: Server) -> None:
    """Of 200 redemptions of one token by four processes one gets a certificate, 199 get the same clean refusal (R1)."""
    tokens = configured(server, 1)
    before = len(rows(server, "SELECT 1 FROM audit_events WHERE action = 'certificate.issued'"))

    lines = outcomes(redeemers(server, tokens * 50))

    assert Counter(line.split()[0] for line in lines) == {"issued": 1, "token_spent": 199}
    assert len(rows(server, "SELECT 1 FROM audit_events WHERE action = 'certificate.issued'")) == before + 1
    (replays,) = [outcomes(redeemers(server, tokens * 25))]
    assert set(replays) == {"token_spent"}


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

    assert Counter(outcomes(processes)) == {"won": 1, "token_spent": PROCESSES * 10 - 1}
    assert len(rows(server, "SELECT 1 FROM audit_events WHERE action = 'token.spent'")) == before + 1


@pytest.mark.timeout(300)
def test_killed_in_the_middle(fresh_server: Server) -> None:
    """After kill -9 under load, what clients received is recorded, and no token or serial is used twice (R3)."""
    server = fresh_server.start()
    got: set[bytes] = set()
    for round_number in range(5):
        tokens = configured(server, 60)
        processes = redeemers(server, tokens, processes=2)
        time.sleep(0.6 + 0.05 * round_number)  # the clients need about half a second to start
        server.kill()
        lines = outcomes(processes)
        got |= received(lines)
        started = time.monotonic()
        server.start()
        assert time.monotonic() - started < 10
        again = outcomes(redeemers(server, tokens, processes=1))
        got |= received(again)
        assert {line.split()[0] for line in again} <= {"issued", "token_spent"}

    recorded = rows(server, "SELECT fingerprint FROM certificates")
    assert got <= {fingerprint for (fingerprint,) in recorded}
    assert rows(server, "SELECT count(*), count(DISTINCT serial) FROM certificates")[0][0] == len(recorded)
    assert rows(server, "PRAGMA integrity_check") == [("ok",)]
    issued = rows(
        server, "SELECT count(*), count(DISTINCT token_id) FROM audit_events WHERE action = 'certificate.issued'"
    )
    assert issued == [(len(recorded), len(recorded))]


def test_stopped_in_the_middle(fresh_server: Server) -> None:
    """SIGTERM under load: every request that was taken in is answered, and the exit is clean."""
    server = fresh_server.start()
    tokens = configured(server, 100)
    processes = redeemers(server, tokens, processes=1)
    time.sleep(0.7)
    assert server.stop() == 0
    lines = outcomes(processes)

    recorded = {fingerprint for (fingerprint,) in rows(server, "SELECT fingerprint FROM certificates")}
    # A request that met a closed socket is lost before it began; none was answered wrongly, none recorded in silence.
    assert {line.split()[0] for line in lines} <= {"issued", "lost"}
    assert received(lines) == recorded


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(mounted)], check=False)
    assert done.returncode == 0, "this test mounts a small disk: run it as root, or by unshare --map-root-user --mount"
    yield mounted
    subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def readiness(server: Server) -> tuple[int, str]:
    answer = httpx2.get(f"{server.urls['internal']}/readyz")
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
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        until(server, (503, "storage_full"))
        assert outcomes(redeemers(server, tokens[:1], processes=1)) == ["storage_full"]

        filler.unlink()
        until(server, (200, "ready"))
        assert outcomes(redeemers(server, tokens, processes=1))[0].startswith("issued ")
        assert rows(server, "SELECT count(*) FROM certificates") == [(2,)]
        assert rows(server, "PRAGMA integrity_check") == [("ok",)]


def test_failing_writes(fresh_server: Server) -> None:
    """When writing fails there is a clear refusal and nothing is lost; when it works again, so does the server (R5)."""
    server = fresh_server.start()
    assert server.process is not None
    tokens = configured(server, 1)
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    # From here on every write beyond the first octets of a file fails.
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16, unlimited[1]))
    until(server, (503, "storage_unavailable"))
    assert outcomes(redeemers(server, tokens, processes=1)) == ["storage_unavailable"]

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    until(server, (200, "ready"))
    assert outcomes(redeemers(server, tokens, processes=1))[0].startswith("issued ")
    assert rows(server, "PRAGMA integrity_check") == [("ok",)]


def test_database_held_by_another(fresh_server: Server) -> None:
    """While another process holds the database there is a clear refusal, and afterwards the token is still good."""
    server = fresh_server.start()
    tokens = configured(server, 1)
    holder = pysqlite3.connect(server.data / "connector.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert outcomes(redeemers(server, tokens, processes=1)) == ["storage_unavailable"]
    assert readiness(server) == (503, "storage_unavailable")

    holder.execute("ROLLBACK")
    holder.close()
    until(server, (200, "ready"))
    assert outcomes(redeemers(server, tokens, processes=1))[0].startswith("issued ")


def test_read_only_directory(small_disk: Path) -> None:
    """On a disk that is read-only the server does not start, and says which file it could not use."""
    with Server(small_disk / "data") as server:
        server.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = server.command("serve", check=False)

    assert done.returncode == 2
    assert str(small_disk / "data") in done.stderr
    assert "Traceback" not in done.stderr
