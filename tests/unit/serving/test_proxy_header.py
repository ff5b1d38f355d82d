"""The PROXY header, in both versions."""

from ipaddress import IPv4Address, IPv6Address
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.serving.proxy_header import MOST, SIGNATURE, BadProxyHeaderError, ProxyHeader, read

PORTS = st.integers(0, 65535)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda each: each.ipv4_mapped is None))
REST = b"\x16\x03\x01 the client's hello"


def version_1(client: IPv4Address | IPv6Address, port: int) -> bytes:
    return f"PROXY TCP{client.version} {client} {type(client)(1)} {port} 443\r\n".encode()


def version_2(client: IPv4Address | IPv6Address, port: int, further: bytes = b"") -> bytes:
    content = client.packed + type(client)(1).packed + pack("!HH", port, 443) + further
    return SIGNATURE + pack("!BBH", 0x21, 0x11 if client.version == 4 else 0x21, len(content)) + content


@given(ADDRESSES, PORTS, st.sampled_from((1, 2)), st.binary(max_size=64))
def test_the_client_is_found_as_soon_as_the_header_is_whole(
    client: IPv4Address | IPv6Address, port: int, version: int, further: bytes
) -> None:
    """Either version gives the client's address and port, and how much of what came is the header; a part of it gives
    nothing yet, wherever it is cut.
    """
    header = version_1(client, port) if version == 1 else version_2(client, port, further)
    assert read(header + REST) == ProxyHeader((str(client), port), len(header))
    for cut in range(len(header)):
        assert read(header[:cut]) is None


@given(
    st.binary(max_size=200)
    | st.binary(max_size=99).map(b"PROXY ".__add__)
    | st.binary(max_size=99).map(SIGNATURE.__add__)
)
def test_whatever_comes_is_a_header_or_none_or_bad(received: bytes) -> None:
    """No octets raise anything else, and no header is longer than what came."""
    try:
        found = read(received)
    except BadProxyHeaderError:
        return
    assert found is None or 0 < found.octets <= len(received)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n",
        SIGNATURE + pack("!BBH", 0x20, 0x00, 0),
        SIGNATURE + pack("!BBH", 0x20, 0x11, 12) + bytes(12),
        SIGNATURE + pack("!BBH", 0x21, 0x00, 7) + bytes(7),
        SIGNATURE + pack("!BBH", 0x21, 0x31, 216) + bytes(216),
    ],
    ids=["unknown", "unknown with addresses", "local", "local with addresses", "unspecified", "unix"],
)
def test_a_balancer_that_connects_for_itself(header: bytes) -> None:
    """Health checks, and what the balancer does not know: nobody is announced."""
    assert read(header + REST) == ProxyHeader(None, len(header))


@pytest.mark.parametrize(
    "received",
    [
        REST,
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        b"PROXY TCP4 \xff 192.0.2.2 1 2\r\n",
        b"PROXY " + b"9" * 200,
        SIGNATURE + pack("!BBH", 0x11, 0x11, 12) + bytes(12),
        SIGNATURE + pack("!BBH", 0x22, 0x11, 12) + bytes(12),
        SIGNATURE + pack("!BBH", 0x21, 0x12, 12) + bytes(12),
        SIGNATURE + pack("!BBH", 0x21, 0x11, 11) + bytes(11),
        SIGNATURE + pack("!BBH", 0x21, 0x21, 35) + bytes(35),
        SIGNATURE + pack("!BBH", 0x21, 0x11, MOST),
        SIGNATURE[:-1] + b"\r",
    ],
)
def test_what_is_no_header_is_refused(received: bytes) -> None:
    """At once, without waiting for more."""
    with pytest.raises(BadProxyHeaderError):
        read(received)


def test_ipv4_over_ipv6_is_one_client() -> None:
    """A client has one address, whichever way the balancer writes it."""
    assert read(version_2(IPv6Address("::ffff:192.0.2.7"), 5)) == ProxyHeader(("192.0.2.7", 5), 52)
