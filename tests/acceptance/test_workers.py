"""``connector serve --workers 2``: the real server in several processes."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.local_users import UNPRIVILEGED, can_read_any_memory, can_read_memory
from tests.support.server import COMMAND, Server, children, environment, post

from connector.client import Refused

WRONG = "query { result: configuration { token { token } } }"
SECONDS = 10.0
READY = {"status": "ready"}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Server]:
    """A server of two workers, started."""
    with Server(tmp_path / "data", wrapper=UNPRIVILEGED, arguments=("--workers", "2")) as server:
        yield server


def wait_until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def log(server: Server, event: str) -> list[dict[str, Any]]:
    """What was logged of that event."""
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [record for record in map(json.loads, lines) if record["event"] == event]


def is_gone(process: int) -> bool:
    return not Path(f"/proc/{process}/exe").exists()


def readiness(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = httpx2.get(f"{server.urls['internal']}/readyz", timeout=SECONDS).json()
    return answer


def is_stopped(process: int) -> bool:
    """Whether all of its threads are: one takes the signal, and until it runs the others go on (signal(7))."""
    states = (task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{process}/task").glob("*/stat"))
    return set(states) == {"T"}


def pause(server: Server, process: int) -> None:
    """Stop the worker at a moment at which it does not hold the lock on the database, without which no other writes."""
    for _ in range(20):
        os.kill(process, signal.SIGSTOP)
        wait_until(lambda: is_stopped(process))
        with closing(sqlite3.connect(server.data / "connector.db", timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(process, signal.SIGCONT)
            else:
                return
    raise AssertionError("the worker holds the database all the time")


def test_each_worker_does_the_whole_job(two: Server, tmp_path: Path) -> None:
    """Either worker alone registers, enrolls, serves over mutual TLS and revokes; what one wrote, the other reads."""
    assert len(two.workers) == 2
    for number, other in enumerate(two.workers):
        pause(two, other)
        assert readiness(two) == READY
        identity = two.enroll(two.token(two.application(f"by-{number}")), tmp_path / str(number))
        os.kill(other, signal.SIGCONT)
        for each in two.workers:
            pause(two, each)
            with two.holder(identity) as client:
                assert client.configuration(two.mtls_connector).subject == identity.subject
            os.kill(each, signal.SIGCONT)

    assert two.stop() == 0


def test_a_revocation_by_one_worker_is_seen_by_the_other(two: Server, tmp_path: Path) -> None:
    """A certificate that one worker revoked is refused by the other with the next request, on an open connection."""
    identity = two.enroll(two.token(two.application("revoked")), tmp_path)
    serial = subprocess.run(
        ["openssl", "x509", "-in", identity.chain, "-noout", "-serial"], capture_output=True, text=True, check=True
    ).stdout.partition("=")[2]
    first, second = two.workers
    pause(two, second)
    with two.holder(identity) as client:
        client.configuration(two.mtls_connector)  # a connection to the first, kept open
        os.kill(second, signal.SIGCONT)
        pause(two, first)
        document = "mutation ($serial: String!) { result: revokeCertificate(serial: $serial) { state } }"
        assert two.administer(document, {"serial": serial.strip()}) == {"state": "revoked"}
        os.kill(first, signal.SIGCONT)
        with pytest.raises(Refused, match="has been revoked"):
            client.configuration(two.mtls_connector)


def test_it_says_once_where_it_listens(two: Server) -> None:
    """Addresses are written and announced once, when all workers listen; records name the worker that wrote them."""
    announced = [line for line in two.log.read_text().splitlines() if re.match(r"public +https://", line)]
    assert announced == [f"public      {two.urls['public']}"]
    started = log(two, "worker.started")
    assert [one["worker"] for one in started] == [1, 2]
    assert [one["pid"] for one in started] == two.workers

    written = (two.data / "addresses.json").stat()
    os.kill(two.workers[0], signal.SIGKILL)
    wait_until(lambda: len(log(two, "worker.started")) == 3 and len(two.workers) == 2)
    assert readiness(two) == READY
    assert (two.data / "addresses.json").stat() == written
    assert two.log.read_text().count(announced[0]) == 1


def test_a_worker_killed_under_load_loses_its_own_requests_alone(two: Server) -> None:
    """While workers are killed, one after another, requests fail only on the connections that the dead had; the number
    of workers is as before, and nothing that was answered is lost.
    """
    key = (two.data / "admin.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Tenant": "default"}
    done, registered, failed = threading.Event(), [], []

    def register(thread: int) -> None:
        for number in range(100_000):
            if done.is_set():
                return
            name = f"load-{thread}-{number}"
            document = f'mutation {{ result: registerApplication(in: {{name: "{name}"}}) {{ name }} }}'
            try:
                with two.anonymous() as client:
                    registered.append(client.query(two.public_director, document, None, headers)["name"])
            except Exception as error:  # noqa: BLE001 - it is looked at below
                failed.append(repr(error))

    threads = [threading.Thread(target=register, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.7)
        before = two.workers
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda before=before: before[0] not in two.workers and len(two.workers) == 2)
    time.sleep(0.5)
    done.set()
    for thread in threads:
        thread.join(SECONDS)

    assert len(failed) <= 3 * len(threads), failed
    assert len(registered) > 20
    listed = json.loads(two.command("application", "list", "--json").stdout)
    assert set(registered) <= {one["name"] for one in listed}
    assert two.stop() == 0


def test_workers_end_with_a_killed_parent(two: Server) -> None:
    """When the parent is killed the workers end by themselves, and the directory can be served again."""
    workers = two.workers
    two.kill()
    wait_until(lambda: all(map(is_gone, workers)), 5.0)

    two.start()
    assert len(two.workers) == 2
    assert readiness(two) == READY


def test_hanging_up_reaches_every_worker(tmp_path: Path) -> None:
    """At SIGHUP each worker serves the server certificate that is in the files by then."""
    for name in ("old", "new"):
        make = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]
        files = ("-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem")
        subprocess.run([*make, "-subj", f"/CN={name}", *files], check=True, capture_output=True)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    key.touch(0o600)
    settings = {"CONNECTOR_TLS__CERTIFICATE_FILE": str(chain), "CONNECTOR_TLS__KEY_FILE": str(key)}
    for source, target in (("old.pem", chain), ("old.key", key)):
        target.write_bytes((tmp_path / source).read_bytes())
    with Server(tmp_path / "server" / "data", settings, arguments=("--workers", "2")) as server:
        assert [one.get("worker") for one in log(server, "server_certificate.loaded")] == [None]
        for source, target in (("new.pem", chain), ("new.key", key)):
            target.write_bytes((tmp_path / source).read_bytes())
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(log(server, "server_certificate.loaded")) == 3)

        loaded = log(server, "server_certificate.loaded")[1:]
        assert sorted(one["worker"] for one in loaded) == [1, 2]
        assert sorted(one["pid"] for one in loaded) == server.workers
        assert len({one["serial"] for one in loaded}) == 1


def test_all_workers_show_one_certificate(two: Server) -> None:
    """The server certificate is issued once, before there are workers."""
    assert len(log(two, "server_certificate.loaded")) == 1


def test_a_guesser_gains_nothing_by_many_workers(tmp_path: Path) -> None:
    """Wrong credentials from one address are answered as often as the setting says, over all workers."""
    settings = {"CONNECTOR_LIMITS__ATTEMPTS": "6"}
    with Server(tmp_path / "data", settings, arguments=("--workers", "2")) as server:
        statuses = []
        for _ in range(30):
            with httpx2.Client(verify=False) as client:
                header = {"Connector-Token": "A" * 86 + "=="}
                statuses.append(post(client, server.public_connector, WRONG, **header).status_code)

        assert 3 <= sum(status != 429 for status in statuses) <= 7


def test_the_parent_has_one_thread(two: Server) -> None:
    """No thread but the one that forks: what another held at that moment would be held in the worker for ever."""
    assert two.process is not None
    os.kill(two.workers[0], signal.SIGKILL)
    wait_until(lambda: len(log(two, "worker.started")) == 3)
    assert [one.name for one in Path(f"/proc/{two.process.pid}/task").iterdir()] == [str(two.process.pid)]


def test_the_command_says_how_many_processes_serve() -> None:
    """The flag and its default stand in the command's help."""
    done = subprocess.run([*COMMAND, "serve", "--help"], capture_output=True, text=True, env=environment(), check=True)
    assert re.search(r"--workers +NUMBER +How many processes serve; 1 unless the", done.stdout)


def test_one_process_is_one_process(server: Server) -> None:
    """Without the flag there is neither a parent nor a worker."""
    assert server.process is not None
    assert children(server.process.pid) == []
    assert log(server, "worker.started") == []


def test_no_core_is_dumped_by_any_process(two: Server) -> None:
    """The CA's key is in every process's memory. The kernel lets no other process of the same user read it, which is
    what keeps it from making a core dump, piped or not (prctl(2), PR_SET_DUMPABLE).
    """
    assert two.process is not None
    assert can_read_any_memory()
    for process in (two.process.pid, *two.workers):
        assert re.search(r"^Max core file size +0 ", Path(f"/proc/{process}/limits").read_text(), re.MULTILINE)
        assert not can_read_memory(process)


@pytest.mark.parametrize("number", ["0", "65", "two", "-1"])
def test_the_number_of_workers_is_checked(number: str, tmp_path: Path) -> None:
    """A number that cannot be is refused before anything is made."""
    done = subprocess.run(
        [*COMMAND, "serve", "--data-dir", str(tmp_path / "data"), "--workers", number],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )

    assert done.returncode == 2
    assert "workers" in done.stderr
    assert not (tmp_path / "data").exists()


def test_ended_tokens_go_and_nothing_else_does(tmp_path: Path) -> None:
    """Tokens whose expiry is longer ago than tokens.retention are removed; what was recorded about them stays."""
    settings = {
        "CONNECTOR_TOKENS__RETENTION": "1s",
        "CONNECTOR_TOKENS__APPLICATION_LIFETIME": "6s",
        "CONNECTOR_MAINTENANCE__INTERVAL": "1s",
    }
    with Server(tmp_path / "data", settings, arguments=("--workers", "2")) as server:
        identity = server.enroll(server.token(server.application("old")), tmp_path / "old")
        wait_until(lambda: json.loads(server.command("token", "list", "--json").stdout) == [], 30.0)

        with server.holder(identity) as client:
            assert client.configuration(server.mtls_connector).subject == identity.subject
        assert len(json.loads(server.command("certificate", "list", "--json").stdout)) == 1
        done = log(server, "chore.done")
        assert {one["chore"] for one in done} == {"tokens"}
        assert log(server, "chore.failed") == []
