import asyncio
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
import uvloop
from tests.support.ca import CA
from tests.support.serving import BUSY, connect, get, listener, read_all, read_answer, run

from connector.serving import Limits, ServerContext
from connector.serving.accepting import REST

CONNECTIONS = 32
HANDSHAKES = Limits(connections=CONNECTIONS).handshakes
SILENT = 200

# What may be open for a moment beside connections, such as the directory that tells what is open.
SLACK = 4

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

Loop = Callable[[], asyncio.AbstractEventLoop]

LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["uvloop", "asyncio"])


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServerContext, ssl.SSLContext]:
    """What a listener serves, and what a client trusts."""
    ca = CA.make()
    server = ServerContext()
    server.load_cert_chain(ca.server().write(tmp_path_factory.mktemp("accepting") / "server.pem", ca.issuing))
    return server, ssl.create_default_context(cadata=ca.root.pem.decode())


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def silent(stack: ExitStack, port: int, number: int) -> list[socket.socket]:
    """Connections that say nothing."""
    return [stack.enter_context(connect(port)) for _ in range(number)]


def ended(connection: socket.socket) -> bool:
    """Whether the other side has ended it by now."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(5)


def wait_until(holds: Callable[[], bool]) -> None:
    """Until it holds, or half a minute is over."""
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    assert holds()


@LOOPS
def test_silent_peers_keep_nobody_out(tls: tuple[ServerContext, ssl.SSLContext], loop: Loop) -> None:
    """While many say nothing an honest client is answered, and they hold no more descriptors than is allowed."""
    server, trusting = tls
    one = listener(server, connections=CONNECTIONS)

    def prove() -> None:
        most, before = 0, descriptors()
        with ExitStack() as stack:
            for count in range(1, SILENT + 1):
                silent(stack, one.bound.port, 1)
                most = max(most, descriptors() - before - count)
            started = time.monotonic()
            assert get(one.bound.port, trusting)["path"] == "/"
            assert time.monotonic() - started < 8
            assert descriptors() - before - SILENT <= HANDSHAKES + SLACK
        assert most <= HANDSHAKES + SLACK

    run([one], prove, loop=loop)


@LOOPS
def test_open_connections_and_handshakes_have_each_their_limit(
    tls: tuple[ServerContext, ssl.SSLContext], loop: Loop
) -> None:
    """As many connections as are allowed stay open beside a flood; together they hold what the limits add up to."""
    server, trusting = tls
    one = listener(server, connections=CONNECTIONS)

    def prove() -> None:
        before = descriptors()
        with ExitStack() as stack:
            held = [stack.enter_context(connect(one.bound.port, trusting)) for _ in range(CONNECTIONS)]
            for connection in held:
                connection.sendall(GET)
                read_answer(connection)
            flood = silent(stack, one.bound.port, SILENT)
            wait_until(lambda: sum(map(ended, flood)) == SILENT - HANDSHAKES)
            assert descriptors() - before - len(held) - len(flood) <= one.limits.descriptors + SLACK
            for connection in held:
                connection.sendall(GET)
                assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")

    run([one], prove, loop=loop)


@LOOPS
def test_the_oldest_handshake_gives_way(tls: tuple[ServerContext, ssl.SSLContext], loop: Loop) -> None:
    """When one handshake more comes than is allowed, that which began first is cut; the newest can be finished."""
    server, trusting = tls
    one = listener(server, connections=CONNECTIONS)

    def prove() -> None:
        with ExitStack() as stack:
            peers = silent(stack, one.bound.port, HANDSHAKES)
            time.sleep(0.1)
            assert not any(map(ended, peers))
            for count in range(1, HANDSHAKES // 2 + 1):
                peers += silent(stack, one.bound.port, 1)
                wait_until(partial(ended, peers[count - 1]))
                assert not any(map(ended, peers[count:]))
            newest = stack.enter_context(trusting.wrap_socket(peers[-1], server_hostname="localhost"))
            newest.sendall(GET)
            assert read_answer(newest)[0].startswith(b"HTTP/1.1 200 ")

    run([one], prove, loop=loop)


@LOOPS
def test_in_the_clear_nobody_gives_way(loop: Loop) -> None:
    """Without TLS there is no handshake that could be late: who came first is answered, however many are silent."""
    one = listener(connections=CONNECTIONS)

    def prove() -> None:
        with ExitStack() as stack:
            peers = silent(stack, one.bound.port, CONNECTIONS)
            time.sleep(0.2)
            assert not any(map(ended, peers))
            assert read_all(silent(stack, one.bound.port, 1)[0]) == b""
            for connection in peers:
                connection.sendall(GET)
                assert read_answer(connection)[0].startswith(b"HTTP/1.1 200 ")

    run([one], prove, loop=loop)


@LOOPS
def test_stop_waits_for_handshakes_a_moment(tls: tuple[ServerContext, ssl.SSLContext], loop: Loop) -> None:
    """A stop in the middle of a flood ends within the grace, leaves nothing open, and ends every connection."""
    one = listener(tls[0], connections=CONNECTIONS)

    def flood(stack: ExitStack) -> tuple[float, Sequence[socket.socket]]:
        peers = silent(stack, one.bound.port, SILENT)
        return time.monotonic(), peers

    before = descriptors() - len(one.bound.sockets)
    with ExitStack() as stack:
        stopped_at, peers = run([one], lambda: flood(stack), grace=2.0, loop=loop)
        assert time.monotonic() - stopped_at < 2 + BUSY
        wait_until(lambda: all(map(ended, peers)))
        assert descriptors() - len(peers) <= before


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Nothing can be opened within."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@LOOPS
def test_without_descriptors_accepting_rests(loop: Loop) -> None:
    """When the system has no descriptor left accepting rests, idly, with one message in all; then it goes on."""
    one = listener()
    heard: list[str] = []

    def listening() -> asyncio.AbstractEventLoop:
        made = loop()
        made.set_exception_handler(lambda _, context: heard.append(context["message"]))
        return made

    def prove() -> None:
        for _ in range(2):
            with socket.socket() as peer:
                peer.settimeout(5)
                with no_descriptor_left():
                    peer.connect(("127.0.0.1", one.bound.port))
                    busy = time.process_time()
                    time.sleep(4 * REST)
                    busy = time.process_time() - busy
                assert busy < REST
                peer.sendall(GET)
                assert read_answer(peer)[0].startswith(b"HTTP/1.1 200 ")

    run([one], prove, loop=listening)
    assert heard == ["Connections cannot be accepted at the moment. Allow this process more open files."]
