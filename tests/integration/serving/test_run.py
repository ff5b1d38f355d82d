import asyncio
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvloop
from tests.support.serving import BUSY, TIMEOUT, connect, exchange, get, listener, read_all, read_answer, run, tell

from connector.serving import BoundListener, Listener, ListenerError, bind, serve

SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def process(grace: float = 5.0) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A server in a process of its own, and its port."""
    command = [sys.executable, "-m", "tests.support.tiny_server", str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server, int(server.stdout.readline())
        finally:
            server.kill()


def end(server: "subprocess.Popen[str]") -> tuple[int, str, str, float]:
    """Its exit status, what it printed last on either stream, and how long it still took."""
    started = time.monotonic()
    out, err = server.communicate(timeout=TIMEOUT)
    return server.returncode, out, err, time.monotonic() - started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_answers_what_is_in_flight(number: signal.Signals) -> None:
    """On SIGTERM or SIGINT requests in flight are answered, idle connections closed, and the exit status is 0."""
    with process() as (server, port), connect(port) as busy, connect(port) as idle, connect(port) as silent:
        idle.sendall(GET)
        read_answer(idle)
        busy.sendall(SLOW)
        time.sleep(0.1)
        server.send_signal(number)
        head, body = read_answer(busy)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head
        assert b"/slow" in body
        assert [read_all(one) for one in (busy, idle, silent)] == [b"", b"", b""]
        assert end(server)[:3] == (0, "stopped\n", "")


def test_stop_answers_a_request_that_is_just_coming_in() -> None:
    """A request of which a part had come, and one on a connection just opened, are answered during the stop."""
    with process() as (server, port), connect(port) as partial, connect(port) as opened:
        partial.sendall(GET[:10])
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        partial.sendall(GET[10:])
        opened.sendall(GET)
        for one in (partial, opened):
            head, _ = read_answer(one)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in head
        assert end(server)[:3] == (0, "stopped\n", "")


def test_stop_answers_who_has_connected_already() -> None:
    """Connections that the system took in before the stop, and nobody had accepted yet, are answered, not reset."""
    with process() as (server, port), ExitStack() as stack:
        server.send_signal(signal.SIGSTOP)
        # More than are accepted at a time.
        waiting = [stack.enter_context(connect(port)) for _ in range(100)]
        for one in waiting:
            one.sendall(GET)
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGCONT)

        assert {read_answer(one)[0].split()[1] for one in waiting} == {b"200"}
        assert end(server)[0] == 0


def test_stop_accepts_nothing_new() -> None:
    """Once it is stopping, nobody new gets in."""
    with process() as (server, port), connect(port) as busy:
        busy.sendall(SLOW)
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        read_answer(busy)


def test_stop_takes_no_longer_than_the_grace() -> None:
    """A request that does not end is given up when the grace is over."""
    with process(grace=1.0) as (server, port), connect(port) as busy:
        busy.sendall(FOREVER)
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        status, out, _, seconds = end(server)
        assert (status, out) == (0, "stopped\n")
        assert 0.5 < seconds < 3 + BUSY


def test_second_signal_ends_at_once() -> None:
    """Who signals twice does not wait for the grace."""
    with process(grace=30.0) as (server, port), connect(port) as busy:
        busy.sendall(FOREVER)
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.send_signal(signal.SIGTERM)
        status, out, _, seconds = end(server)
        assert (status, out) == (0, "stopped\n")
        assert seconds < 15


def test_stop_under_load_fails_no_request_in_flight() -> None:
    """Of many clients with requests in flight at SIGTERM, every one gets its whole answer."""
    answers: list[bytes] = []

    def ask(connection: socket.socket) -> None:
        connection.sendall(SLOW)
        answers.append(read_answer(connection)[0][:15])

    with process() as (server, port), ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(50)]
        threads = [threading.Thread(target=ask, args=(one,)) for one in connections]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(TIMEOUT)
        assert answers == [b"HTTP/1.1 200 OK"] * 50
        assert end(server)[0] == 0


def test_two_listeners_in_one_loop() -> None:
    """Each listener serves its own application at its own address."""
    first, second = listener(), listener()

    def prove() -> None:
        assert first.bound.port != second.bound.port
        for one in (first, second):
            assert get(one.bound.port)["path"] == "/"

    run([first, second], prove)


def test_address_is_known_and_silent_before_serving() -> None:
    """A bound listener knows its port, and lets nobody in before it is served."""
    one = listener()
    try:
        assert one.bound.url == f"http://127.0.0.1:{one.bound.port}"
        with pytest.raises(ConnectionRefusedError):
            connect(one.bound.port)
    finally:
        one.bound.close()


def test_localhost_is_both_addresses() -> None:
    """``localhost`` is 127.0.0.1 and, where the machine has it, ::1, at one port."""
    bound = bind("test", "localhost", 0, scheme="https")
    families = {one.family for one in bound.sockets}

    def prove() -> None:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            if family in families:
                with socket.create_connection((host, bound.port), TIMEOUT) as connection:
                    connection.sendall(GET)
                    assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")

    assert socket.AF_INET in families
    assert {one.getsockname()[1] for one in bound.sockets} == {bound.port}
    assert bound.url == f"https://localhost:{bound.port}"
    run([Listener(bound, tell)], prove)


def test_address_of_ipv6_stands_in_brackets() -> None:
    """The URL of an IPv6 address is one (RFC 3986 3.2.2)."""
    bound = BoundListener("test", "http", "::1", 8080, ())

    assert bound.url == "http://[::1]:8080"


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_address_that_is_not_ours_is_refused(host: str) -> None:
    """A listener that cannot be bound says which one it is, and where it should have been."""
    with pytest.raises(ListenerError, match=f"The public listener cannot be bound to {host}, port 8443"):
        bind("public", host, 8443, scheme="https")


def test_taken_port_is_refused() -> None:
    """Where somebody else listens nobody is served, and the start says so; other listeners are given up again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenerError, match=f"The pki listener cannot be bound to 127.0.0.1, port {port}"):
            bind("pki", "127.0.0.1", port, scheme="http")


def test_listener_lost_between_binding_and_serving() -> None:
    """If a port was taken after it was bound, serving fails, and no other listener is left open."""
    good, late = listener(), listener()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", late.bound.port))
        thief.listen()
        with pytest.raises(ListenerError, match="cannot listen at http"):
            uvloop.run(serve([good, late], ready=lambda: None, stop=asyncio.Event()))
    with pytest.raises(ConnectionRefusedError):
        connect(good.bound.port)
    assert [one.fileno() for one in (*good.bound.sockets, *late.bound.sockets)] == [-1, -1]


def test_open_files_are_allowed_as_many_as_the_system_lets() -> None:
    """While serving, the soft limit of open files is the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    one = listener()

    assert run([one], lambda: resource.getrlimit(resource.RLIMIT_NOFILE)) == (hard, hard)


def test_application_that_fails_takes_nobody_with_it() -> None:
    """An exception in the application is a 500; the listener goes on."""

    async def app(scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError(type(scope).__name__)

    one = listener(app=app)

    def prove() -> None:
        for _ in range(2):
            assert exchange(one.bound.port, GET).startswith(b"HTTP/1.1 500 ")

    run([one], prove)
