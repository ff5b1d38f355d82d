"""Several processes on one listening socket, in real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.support.server import children
from tests.support.serving import BUSY, TIMEOUT, connect, get, read_answer

from connector.serving import Loads

SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def parent(does: str = "serve", grace: float = 5.0) -> Iterator["subprocess.Popen[str]"]:
    """Two workers and their parent."""
    command = [sys.executable, "-m", "tests.support.tiny_workers", does, str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(grace: float = 5.0) -> Iterator[tuple["subprocess.Popen[str]", int, list[int]]]:
    """The parent, the port, and the two workers' ids."""
    with parent(grace=grace) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield process, port, children(process.pid)


def end(process: "subprocess.Popen[str]") -> tuple[int, str, float]:
    """The parent's exit status, what it printed last, and how long it still took."""
    started = time.monotonic()
    out, _ = process.communicate(timeout=2 * TIMEOUT)
    return process.returncode, out, time.monotonic() - started


def wait_until(true: Callable[[], bool], seconds: float = TIMEOUT) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sockets(process: int) -> int:
    """How many sockets the process holds."""
    return sum(str(one.readlink()).startswith("socket:") for one in Path(f"/proc/{process}/fd").iterdir())


def is_gone(process: int) -> bool:
    return not Path(f"/proc/{process}/exe").exists()


@pytest.mark.parametrize("gap", [0.0, 0.003])
def test_connections_are_shared_evenly(gap: float) -> None:
    """Of 64 connections that stay open, come at once or one after another, each of two workers has 24 or more."""
    with serving() as (_, port, workers), ExitStack() as stack:
        before = [sockets(one) for one in workers]
        for _ in range(64):
            stack.enter_context(connect(port))
            time.sleep(gap)
        wait_until(lambda: sum(map(sockets, workers)) == sum(before) + 64)

        assert min(sockets(one) - had for one, had in zip(workers, before, strict=True)) >= 24


def test_each_worker_serves_and_none_waits_for_one_that_is_stuck() -> None:
    """While one worker does nothing the other answers everybody, whichever it is."""
    with serving() as (_, port, workers):
        for stuck in workers:
            os.kill(stuck, signal.SIGSTOP)
            for _ in range(20):
                assert get(port)["path"] == "/"
            os.kill(stuck, signal.SIGCONT)


def test_a_worker_that_is_killed_is_replaced() -> None:
    """Requests at the other worker go on when one is killed, new ones are answered, and there are two again."""
    with serving() as (process, port, workers), ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(20)]
        for one in connections:
            one.sendall(SLOW)
        time.sleep(0.2)
        os.kill(workers[0], signal.SIGKILL)
        answered = sum(bool(read_all_or_answer(one)) for one in connections)
        for _ in range(20):
            assert get(port)["path"] == "/"
        wait_until(lambda: len(children(process.pid)) == 2)

        assert 1 <= answered <= 19
        assert workers[0] not in children(process.pid)
        assert workers[1] in children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert end(process)[:2] == (0, "stopped\n")


def read_all_or_answer(connection: socket.socket) -> bytes:
    """One answer, or nothing where the connection ended before it."""
    try:
        return read_answer(connection)[0]
    except (EOFError, ConnectionError):
        return b""


def everybody(process: "subprocess.Popen[str]") -> list[int]:
    return [process.pid, *children(process.pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whom", [lambda process: [process.pid], everybody])
def test_stop_under_load_fails_no_request_in_flight(
    number: signal.Signals, whom: Callable[["subprocess.Popen[str]"], list[int]]
) -> None:
    """Of many requests in flight at both workers every one is answered, though the signal goes to the parent alone,
    or, as from a terminal or a service manager, to every process.
    """
    answers: list[bytes] = []

    def ask(connection: socket.socket) -> None:
        connection.sendall(SLOW)
        answers.append(read_answer(connection)[0][:15])

    with serving() as (process, port, _), ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(50)]
        threads = [threading.Thread(target=ask, args=(one,)) for one in connections]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        for one in whom(process):
            os.kill(one, number)
        time.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        for thread in threads:
            thread.join(TIMEOUT)
        assert answers == [b"HTTP/1.1 200 OK"] * 50
        assert end(process)[:2] == (0, "stopped\n")


def test_stop_takes_no_longer_than_the_grace() -> None:
    """A request that does not end is given up when the grace is over."""
    with serving(grace=1.0) as (process, port, _), connect(port) as busy:
        busy.sendall(FOREVER)
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        status, out, seconds = end(process)
        assert (status, out) == (0, "stopped\n")
        assert 0.5 < seconds < 3 + BUSY


def test_second_signal_ends_at_once() -> None:
    """Who signals twice does not wait for the grace."""
    with serving(grace=30.0) as (process, port, _), connect(port) as busy:
        busy.sendall(FOREVER)
        time.sleep(0.1)
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        status, out, seconds = end(process)
        assert (status, out) == (0, "stopped\n")
        assert seconds < 15


def test_a_worker_asked_alone_finishes_and_is_replaced() -> None:
    """SIGTERM to one worker lets it finish what was asked there, and brings another in its place."""
    with serving() as (process, port, workers), ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(10)]
        for one in connections:
            one.sendall(SLOW)
        time.sleep(0.2)
        os.kill(workers[1], signal.SIGTERM)
        assert all(read_answer(one)[0].startswith(b"HTTP/1.1 200 ") for one in connections)
        wait_until(lambda: workers[1] not in children(process.pid) and len(children(process.pid)) == 2)


def test_workers_end_with_their_parent() -> None:
    """When the parent is killed its workers finish what was asked, listen no more, and end, without being told."""
    with serving() as (process, port, workers), connect(port) as busy, connect(port) as forever:
        busy.sendall(SLOW)
        forever.sendall(FOREVER)
        time.sleep(0.1)
        process.kill()
        process.wait()
        assert read_answer(busy)[0].startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: all(map(is_gone, workers)), 4.0)
        with pytest.raises(ConnectionRefusedError):
            connect(port)


def test_a_worker_that_ends_again_and_again_stops_the_server() -> None:
    """Workers that end as soon as they start are started ever later, and in the end no more; the message says so."""
    with parent("fail") as process:
        started = time.monotonic()
        out, err = process.communicate(timeout=2 * TIMEOUT)
        lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]

        assert process.returncode == 1
        assert out == ""
        assert err.splitlines()[-1].startswith("Worker ")
        assert "7 times in a row within 5 s of its start, the last time with status 1" in err.splitlines()[-1]
        assert 2 < time.monotonic() - started < 8 + BUSY
        failed = [line for line in lines if line["event"] == "worker.failed"]
        assert {line["reason"] for line in failed} == {"this worker never works"}
        assert {line["worker"] for line in failed} == {1, 2}
        started_as = {line["pid"] for line in lines if line["event"] == "worker.started"}
        assert {line["pid"] for line in failed} == started_as


def test_a_worker_that_does_not_stop_is_killed() -> None:
    """Workers that hear nothing are killed some seconds after the grace."""
    with parent("stick", grace=0.5) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        status, out, seconds = end(process)
        assert (status, out) == (0, "stopped\n")
        assert 4 < seconds < 8 + BUSY


def test_nobody_waits_for_a_worker_that_is_not_there() -> None:
    """The least load is that of a worker that accepts; one that has not come yet, or has left, counts for nothing."""
    loads = Loads(3)
    first, second = loads.of(1), loads.of(2)
    first.tell(5)
    assert first.is_least
    second.tell(4)
    assert (first.is_least, second.is_least) == (False, True)
    second.tell(5)
    assert first.is_least
    assert second.is_least
    second.tell(0)
    second.leave()
    assert first.is_least
