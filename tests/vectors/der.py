"""A writer of DER (X.690), for what no library writes. It shares nothing with the reader under test."""


def element(tag: int, *contents: bytes) -> bytes:
    """One element around the contents, joined."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE."""
    return element(0x30, *contents)


def set_of(*contents: bytes) -> bytes:
    """A SET OF, its members in the order of their octets (X.690 11.6)."""
    return element(0x31, *sorted(contents))


def integer(value: int) -> bytes:
    """An INTEGER, also a negative one."""
    octets = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return element(0x02, value.to_bytes(octets, signed=True))


def boolean(octet: int = 0xFF) -> bytes:
    """A BOOLEAN; in DER, 0xff is TRUE."""
    return element(0x01, bytes((octet,)))


def bits(octets: bytes, *, unused: int = 0) -> bytes:
    """A BIT STRING."""
    return element(0x03, bytes((unused,)), octets)


def octets(*contents: bytes) -> bytes:
    """An OCTET STRING."""
    return element(0x04, *contents)


def utf8(text: str) -> bytes:
    """A UTF8String."""
    return element(0x0C, text.encode())


def printable(text: str) -> bytes:
    """A PrintableString."""
    return element(0x13, text.encode("ascii"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    encoded = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc >> shift & 0x7F | 0x80 for shift in range(0, max(arc.bit_length(), 1), 7)]
        groups[0] &= 0x7F
        encoded += bytes(reversed(groups))
    return element(0x06, encoded)


NULL = element(0x05)
EMPTY_SEQUENCE = sequence()
EMPTY_SET = element(0x31)
CLIENT_AUTH = oid("1.3.6.1.5.5.7.3.2")
SERVER_AUTH = oid("1.3.6.1.5.5.7.3.1")
