"""The PROXY protocol: a load balancer that passes TLS through says first for whom it connects.

Its specification (haproxy.org, "The PROXY protocol", versions 1 and 2) wants the receiver to know beforehand which
peers send it, and never to guess from what comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from struct import unpack

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V1, _V1_MOST = b"PROXY ", 107  # section 2.1: with the line's end
_V2_HEAD = len(SIGNATURE) + 4
MOST = 4096
"""Octets of a header of version 2, whose further fields are not read."""

_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_Address = IPv4Address | IPv6Address
_WORDS: Mapping[bytes, type[_Address]] = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}
_FAMILIES: Mapping[int, tuple[type[_Address], int]] = {_TCP4: (IPv4Address, 4), _TCP6: (IPv6Address, 16)}
_MOST_PORT = 65535

Client = tuple[str, int]
"""An address and a port."""


class BadProxyHeaderError(ValueError):
    """What came is no PROXY header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What it says: the client, None where the balancer itself connects, and how many octets it took."""

    client: Client | None
    octets: int


def read(received: bytes) -> ProxyHeader | None:
    """The header with which this begins; None while it is not whole.

    Raises:
        BadProxyHeaderError: it begins with none, or with one that is too long.
    """
    if received.startswith(SIGNATURE):
        return _version_2(received)
    if received.startswith(_V1):
        return _version_1(received)
    if SIGNATURE.startswith(received) or _V1.startswith(received):
        return None
    raise BadProxyHeaderError


def _version_1(received: bytes) -> ProxyHeader | None:
    line, end, _ = received[:_V1_MOST].partition(b"\r\n")
    if not end:
        if len(received) >= _V1_MOST or b"\n" in line:
            raise BadProxyHeaderError
        return None
    octets = len(line) + len(end)
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":  # and whatever follows
        return ProxyHeader(None, octets)
    kind = _WORDS.get(words[1])
    if kind is None or len(words) != len(("PROXY", "TCP4", "source", "destination", "port", "port")):
        raise BadProxyHeaderError
    try:
        source, _ = (kind(each.decode("ascii")) for each in words[2:4])
        port, _ = (_port(each) for each in words[4:])
    except (AddressValueError, UnicodeDecodeError) as error:
        raise BadProxyHeaderError from error
    return ProxyHeader((_shown(source), port), octets)


def _port(text: bytes) -> int:
    if not text.isdigit() or len(text) > len(str(_MOST_PORT)) or int(text) > _MOST_PORT:
        raise BadProxyHeaderError
    return int(text)


def _version_2(received: bytes) -> ProxyHeader | None:
    if len(received) < _V2_HEAD:
        return None
    command, family, length = unpack("!BBH", received[len(SIGNATURE) : _V2_HEAD])
    octets = _V2_HEAD + length
    if command not in (_LOCAL, _PROXY) or octets > MOST:
        raise BadProxyHeaderError
    if len(received) < octets:
        return None
    # Section 2.2: of these the real addresses of the connection count.
    if command == _LOCAL or family in (_UNSPECIFIED, _UNIX):
        return ProxyHeader(None, octets)
    if family not in _FAMILIES:
        raise BadProxyHeaderError
    kind, size = _FAMILIES[family]
    if length < 2 * size + 4:
        raise BadProxyHeaderError
    ports = _V2_HEAD + 2 * size
    (port,) = unpack("!H", received[ports : ports + 2])
    return ProxyHeader((_shown(kind(received[_V2_HEAD : _V2_HEAD + size])), port), octets)


def _shown(address: _Address) -> str:
    """One client has one address, also where IPv4 comes over IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
