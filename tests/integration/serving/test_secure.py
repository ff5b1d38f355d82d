import asyncio
import gc
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ca import CA
from tests.support.serving import LARGE, connect, get, listener, read_all, read_answer, run

from connector.serving import ServerContext
from connector.serving.protocol import LINGER, Connection
from connector.serving.run import TICK

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_GET = GET[:-2] + b"Connection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["uvloop", "asyncio"])
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def ca() -> CA:
    """Who issues the server's certificate."""
    return CA.make()


@pytest.fixture(scope="module")
def server(ca: CA, tmp_path_factory: pytest.TempPathFactory) -> ServerContext:
    """What the listener serves."""
    context = ServerContext()
    context.load_cert_chain(ca.server().write(tmp_path_factory.mktemp("secure") / "server.pem", ca.issuing))
    return context


@pytest.fixture
def trusting(ca: CA) -> ssl.SSLContext:
    """What a client trusts."""
    return ssl.create_default_context(cadata=ca.root.pem.decode())


@LOOPS
def test_a_large_answer_arrives_whole(server: ServerContext, trusting: ssl.SSLContext, loop: Loop) -> None:
    """An answer of many records arrives whole at a client that pauses now and then, and the connection goes on."""
    one = listener(server)

    def prove() -> None:
        with connect(one.bound.port, trusting) as connection:
            connection.sendall(GET.replace(b"/ ", b"/large ", 1))
            time.sleep(0.3)
            _, body = read_answer(connection)
            assert body == bytes(LARGE)
            connection.sendall(LAST_GET)
            assert b"200 OK" in read_all(connection)

    run([one], prove, loop=loop)


@LOOPS
def test_a_body_in_any_records_arrives_whole(server: ServerContext, trusting: ssl.SSLContext, loop: Loop) -> None:
    """However a request is cut into records, and records into segments, the application gets all of it."""
    one = listener(server)

    def prove() -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with connect(one.bound.port) as raw:
            engine = trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
            shake_hands(raw, engine, incoming, outgoing)

            @settings(max_examples=30, deadline=None)
            @given(st.integers(0, 200_000), st.integers(1, 16384), st.integers(1, 20_000))
            def arrives(size: int, record: int, segment: int) -> None:
                request = POST % size + bytes(size)
                for start in range(0, len(request), record):
                    engine.write(request[start : start + record])
                sealed = outgoing.read()
                for start in range(0, len(sealed), max(segment, len(sealed) // 50)):
                    raw.sendall(sealed[start : start + max(segment, len(sealed) // 50)])
                answer = b""
                while b'"body": ' not in answer or not answer.endswith(b"}"):
                    incoming.write(raw.recv(65536))
                    with suppress(ssl.SSLWantReadError):
                        answer += engine.read(65536)
                assert b'"body": %d}' % size in answer

            arrives()

    run([one], prove, loop=loop)


def shake_hands(raw: socket.socket, engine: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
    """A client's handshake, step by step."""
    while True:
        try:
            engine.do_handshake()
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65536))
        else:
            raw.sendall(outgoing.read())
            return


@LOOPS
@VERSIONS
def test_an_end_is_told(server: ServerContext, trusting: ssl.SSLContext, loop: Loop, version: ssl.TLSVersion) -> None:
    """The server's last word is close_notify (RFC 8446 6.1), so that a client knows that nothing was cut off."""
    one = listener(server)
    trusting.minimum_version = trusting.maximum_version = version

    def prove() -> None:
        raw = connect(one.bound.port)
        with trusting.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
            connection.sendall(LAST_GET)
            assert b"200 OK" in b"".join(iter(lambda: connection.recv(65536), b""))

    run([one], prove, loop=loop)


@LOOPS
def test_who_does_not_close_is_closed(server: ServerContext, trusting: ssl.SSLContext, loop: Loop) -> None:
    """A peer that goes on after the server's last word is heard no more, and is cut within a moment."""
    one = listener(server, write_timeout=60.0)

    def prove() -> None:
        with connect(one.bound.port, trusting) as connection:
            connection.sendall(LAST_GET)
            started = time.monotonic()
            with suppress(OSError):  # a reset, or a broken pipe
                while time.monotonic() - started < 30:
                    connection.sendall(GET)
                    time.sleep(0.05)
            assert time.monotonic() - started < LINGER + 3 * TICK + 1

    run([one], prove, loop=loop)


@LOOPS
@VERSIONS
def test_a_forged_record_is_told_and_ends_the_connection(
    server: ServerContext, trusting: ssl.SSLContext, loop: Loop, version: ssl.TLSVersion
) -> None:
    """A record that was changed on its way is answered by the alert bad_record_mac (RFC 8446 6.2), and nothing else."""
    one = listener(server)
    trusting.minimum_version = trusting.maximum_version = version

    def prove() -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with connect(one.bound.port) as raw:
            engine = trusting.wrap_bio(incoming, outgoing, server_hostname="localhost")
            shake_hands(raw, engine, incoming, outgoing)
            engine.write(GET)
            sealed = bytearray(outgoing.read())
            sealed[-1] ^= 1
            raw.sendall(sealed)
            incoming.write(read_all(raw))
            with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
                engine.read(65536)
        assert get(one.bound.port, trusting)["path"] == "/"

    run([one], prove, loop=loop)


def test_keys_are_updated(server: ServerContext, ca: CA, tmp_path: Path) -> None:
    """A client of TLS 1.3 that asks for new keys (RFC 8446 4.6.3) gets them, and then its answer."""
    one = listener(server)
    (tmp_path / "root.pem").write_bytes(ca.root.pem)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{one.bound.port}", "-CAfile", str(tmp_path / "root.pem")]

    def prove() -> str:
        with subprocess.Popen(
            [*command, "-tls1_3", "-servername", "localhost"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as client:
            assert client.stdin is not None
            for line in ("K\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):
                time.sleep(0.5)
                client.stdin.write(line)
                client.stdin.flush()
            assert client.stdout is not None
            return client.stdout.read()

    text = run([one], prove)
    assert "KEYUPDATE" in text
    assert "200 OK" in text


@pytest.mark.parametrize(
    ("request_of_it", "closes"),
    [
        (b"", True),
        (b"", False),
        (GET, True),
        (GET, False),
        (b"NONSENSE\r\n\r\n", True),
        (b"NONSENSE\r\n\r\n", False),
        (POST % 100_000 + bytes(50_000), True),
        (GET.replace(b"/ ", b"/large ", 1), True),
        (GET.replace(b"/ ", b"/large ", 1), False),
    ],
)
def test_a_closed_connection_is_freed_at_once(
    server: ServerContext, trusting: ssl.SSLContext, request_of_it: bytes, *, closes: bool
) -> None:
    """No cycle of references keeps a connection until the garbage collector looks for one, which it rarely does."""
    one = listener(server, head_timeout=0.5, idle_timeout=0.5, write_timeout=0.5)

    def there() -> int:
        return sum(isinstance(each, Connection) for each in gc.get_objects())

    def prove() -> None:
        gc.collect()
        gc.disable()
        try:
            peers = [connect(one.bound.port, trusting) for _ in range(5)]
            for peer in peers:
                peer.sendall(request_of_it)
            time.sleep(0.1)
            assert there() == len(peers)
            if closes:
                for peer in peers:
                    peer.close()
            end = time.monotonic() + 5
            while there() and time.monotonic() < end:
                time.sleep(0.05)
            assert there() == 0
            for peer in peers:
                peer.close()
        finally:
            gc.enable()

    run([one], prove)
