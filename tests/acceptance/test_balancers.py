"""Load balancers that pass TLS through, and say first for whom they connect."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from struct import pack

import httpx2
import pytest
from tests.support.server import Server

CLIENT, OTHER = "192.0.2.7", "2001:db8::7"
V2 = b"\r\n\r\n\0\r\nQUIT\n"
BODY = b'{"query": "{ viewer { id } }"}'
GUESS = (
    b"POST /director/graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer connector-key-guess\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
LIMITS = {
    "CONNECTOR_LIMITS__HANDSHAKE_TIMEOUT": "1s",
    "CONNECTOR_LIMITS__CONNECTIONS_PER_ADDRESS": "3",
    "CONNECTOR_LOG__FORMAT": "json",
}


def version_1(client: str = CLIENT) -> bytes:
    return f"PROXY TCP{6 if ':' in client else 4} {client} {client} 1234 443\r\n".encode()


def version_2(client: str) -> bytes:
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    content = 2 * socket.inet_pton(family, client) + pack("!HH", 1234, 443) + b"\x04\0\1\0"
    return V2 + pack("!BBH", 0x21, 0x21 if ":" in client else 0x11, len(content)) + content


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a balancer on this machine, which also comes from 127.0.0.1."""
    settings = {**LIMITS, "CONNECTOR_LIMITS__BALANCERS": "127.0.0.1,::1"}
    with Server(tmp_path_factory.mktemp("behind") / "data", settings) as server:
        yield server


def connect(server: Server, header: bytes, *, source: str = "") -> ssl.SSLSocket:
    """Through the balancer: the header, then a TLS handshake."""
    url = httpx2.URL(server.urls["public"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.root.decode())
    raw = socket.create_connection(("127.0.0.1", url.port), timeout=10, source_address=(source, 0) if source else None)
    if header:
        raw.sendall(header)
    try:
        return context.wrap_socket(raw, server_hostname="localhost")
    except BaseException:  # no socket is left open, whatever it was
        raw.close()
        raise


def received(raw: socket.socket) -> bytes:
    """Some octets: the peer has not closed."""
    octets = raw.recv(65536)
    assert octets
    return octets


def refused(server: Server) -> list[str]:
    """The addresses of those who guessed."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if '"key_unknown"' in line]
    return [line["address"] for line in lines]


@pytest.mark.parametrize("client", [CLIENT, OTHER])
@pytest.mark.parametrize("version", [version_1, version_2])
def test_the_announced_client_is_who_calls(behind: Server, version: Callable[[str], bytes], client: str) -> None:
    """In either version, over IPv4 and IPv6: the log has the client's address and not the balancer's."""
    before = refused(behind)
    with connect(behind, version(client)) as connection:
        connection.sendall(GUESS)
        assert b"key_unknown" in connection.recv(65536)
    assert refused(behind) == [*before, client]


def test_a_header_may_come_in_pieces(behind: Server) -> None:
    """And together with the first of what follows."""
    before, context = refused(behind), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=behind.root.decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    with socket.create_connection(("127.0.0.1", httpx2.URL(behind.urls["public"]).port), timeout=10) as raw:
        header = version_2(CLIENT)
        for octet in header[:-1]:
            raw.sendall(bytes((octet,)))
        raw.sendall(header[-1:] + outgoing.read())
        while True:
            incoming.write(received(raw))
            try:
                engine.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
        engine.write(GUESS)
        raw.sendall(outgoing.read())
        answer = b""
        while b"key_unknown" not in answer:
            incoming.write(received(raw))
            try:
                answer += engine.read()
            except ssl.SSLWantReadError:
                continue
    assert refused(behind) == [*before, CLIENT]


@pytest.mark.parametrize(
    "header",
    [b"", b"PROXY UNKNOWN", b"PROXY TCP4 1.2.3.4\r\n", b"GET / HTTP/1.1\r\n\r\n", V2, V2 + b"\x21\x11\xff\xff"],
    ids=["without", "half", "short", "HTTP", "half of version 2", "too long"],
)
def test_a_balancer_without_a_header_is_cut_off(behind: Server, header: bytes) -> None:
    """No handshake begins without the header: what is none ends the connection at once, half of one in its time."""
    began = time.monotonic()
    with pytest.raises((OSError, ssl.SSLError)):
        connect(behind, header)
    assert time.monotonic() - began < 8


def test_a_balancer_may_connect_for_itself(behind: Server) -> None:
    """Its health checks have its own address."""
    with connect(behind, b"PROXY UNKNOWN\r\n") as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in connection.recv(65536)


def test_each_announced_client_has_its_share(behind: Server) -> None:
    """The limit for one address counts for the clients behind the balancer: one that has too many connections is cut
    off, another is served, and the first again when it has closed one.
    """
    held = [connect(behind, version_1("192.0.2.50")) for _ in range(3)]
    with pytest.raises((OSError, ssl.SSLError)):
        connect(behind, version_1("192.0.2.50"))
    connect(behind, version_1("192.0.2.51")).close()
    held.pop().close()
    deadline = time.monotonic() + 5
    while True:
        try:
            held.append(connect(behind, version_1("192.0.2.50")))
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    for each in held:
        each.close()


def test_strangers_announce_nobody(behind: Server) -> None:
    """A header from an address that is no balancer's is no TLS: the connection ends. Without one it is served, under
    its own address.
    """
    with pytest.raises((OSError, ssl.SSLError)):
        connect(behind, version_1(), source="127.0.0.9")
    with connect(behind, b"", source="127.0.0.9") as connection:
        connection.sendall(GUESS)
        assert b"key_unknown" in connection.recv(65536)
    assert refused(behind)[-1] == "127.0.0.9"
