"""A strict reader and a small writer of DER (X.690), as far as CSRs and certificates need it.

The library's parser hands out decoded values. Some rules here are about the encoding itself: the key's octets as they
were sent, the string type of a name, a parameter that must not reach the arithmetic. Nothing is repaired: what is
not DER is refused. Every function is linear in its input and none calls itself.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import NamedTuple, cast

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
ENUMERATED = 0x0A
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
IA5_STRING = 0x16
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31
CONTEXT_0 = 0xA0
CONTEXT_1 = 0xA1
CONTEXT_2 = 0xA2
CONTEXT_3 = 0xA3

_HIGH_TAG = 0x1F
_LONG_FORM = 0x80
# Four octets of length are 4 GiB: more than any limit on what is read here.
_LENGTH_OCTETS = 4
# Real ones have about ten; decoding arcs without a limit is quadratic in some readers (CVE-2020-10735).
_IDENTIFIER_OCTETS = 64
_PADDING = 0x80
_PADDED_NUMBER = re.compile(rb"[\x00-\x7f]\x80")
# RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
_FIRST_GENERALIZED_YEAR = 2050


class DERError(ValueError):
    """The octets are not the DER of what is expected. The message says what, never the octets."""


class Element(NamedTuple):
    """One element: its identifier octet, its content, and all its octets."""

    tag: int
    content: bytes
    encoded: bytes


# A CSR and its certificate are some sixty elements. NamedTuple's own constructor is a Python function, this is none.
_element = cast("Callable[[tuple[int, bytes, bytes]], Element]", partial(tuple.__new__, Element))

_tag = itemgetter(0)


def elements(data: bytes) -> list[Element]:
    """The elements that ``data`` is made of, to its last octet.

    Raises:
        DERError: an identifier in high-tag form, a length that is indefinite, not minimal or beyond the end.
    """
    found: list[Element] = []
    start, size = 0, len(data)
    while start < size:
        content = start + 2
        if data[start] & _HIGH_TAG == _HIGH_TAG or content > size:
            raise DERError("an identifier in high-tag form, or without a length")
        length = data[start + 1]
        if length >= _LONG_FORM:
            content, length = _long_length(data, content, length - _LONG_FORM)
        end = content + length
        if end > size:
            raise DERError("a length beyond the end")
        found.append(_element((data[start], data[content:end], data[start:end])))
        start = end
    return found


def _long_length(data: bytes, start: int, octets: int) -> tuple[int, int]:
    """The start of the content, and its length, which is encoded in that number of octets at ``start``."""
    content = start + octets
    if not 1 <= octets <= _LENGTH_OCTETS or content > len(data):
        raise DERError("an indefinite or impossible length")
    length = int.from_bytes(data[start:content])
    # X.690 10.1: the shortest form.
    if length < _LONG_FORM or length >> 8 * (octets - 1) == 0:
        raise DERError("a length that is not minimal")
    return content, length


def read(data: bytes, *tags: int) -> list[Element]:
    """The elements of ``data``, whose identifiers must be exactly ``tags``.

    Raises:
        DERError: they are others, more or fewer, or not DER.
    """
    found = elements(data)
    if tuple(map(_tag, found)) != tags:
        raise DERError("an element that is not expected, or one missing")
    return found


def unwrap(data: bytes, tag: int) -> bytes:
    """The content of the one element that ``data`` is.

    Raises:
        DERError: it is another, or there are more.
    """
    return read(data, tag)[0].content


def natural(content: bytes) -> int:
    """The value of an INTEGER's content that must not be negative.

    Raises:
        DERError: it is empty, negative, or not minimal (X.690 8.3.2).
    """
    if not content or content[0] & 0x80 or (content[0] == 0 and len(content) > 1 and not content[1] & 0x80):
        raise DERError("an INTEGER that is empty, negative or not minimal")
    return int.from_bytes(content)


def octets_of_bits(content: bytes) -> bytes:
    """The octets in a BIT STRING's content that holds whole octets, as keys and signatures do.

    Raises:
        DERError: there are unused bits.
    """
    if content[:1] != b"\0":
        raise DERError("a BIT STRING with unused bits")
    return content[1:]


def identifier(element: Element) -> bytes:
    """The content octets of an OBJECT IDENTIFIER, by which it is compared: it is never turned into numbers.

    Raises:
        DERError: it is another element, too long to be any real one, or not DER (X.690 8.19.2).
    """
    content = element.content
    if element.tag != OBJECT_IDENTIFIER or not 1 <= len(content) <= _IDENTIFIER_OCTETS or content[-1] & 0x80:
        raise DERError("not an object identifier")
    # A number begins after an octet whose top bit is clear, and never with 80.
    if content[0] == _PADDING or _PADDED_NUMBER.search(content):
        raise DERError("an object identifier that is not minimal")
    return content


def object_identifier(dotted: str) -> bytes:
    """The content octets of an OBJECT IDENTIFIER, from its dotted form."""
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return bytes(octets)


def dotted(content: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER, from content octets that :func:`identifier` has checked."""
    arcs, arc = list[int](), 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)  # X.690 8.19.4: the first two numbers share an octet
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def encode(tag: int, *contents: bytes) -> bytes:
    """One element around the contents, joined."""
    content = b"".join(contents)
    length = len(content)
    return (bytes((tag, length)) if length < _LONG_FORM else head(tag, length)) + content


def head(tag: int, length: int) -> bytes:
    """The octets of an element before its content, which has this length."""
    if length < _LONG_FORM:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM | len(octets))) + octets


def encode_natural(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def encode_time(moment: datetime) -> bytes:
    """A certificate's Time, from a UTC time of whole seconds."""
    if moment.year >= _FIRST_GENERALIZED_YEAR:
        return encode_generalized_time(moment)
    return encode(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))


def encode_generalized_time(moment: datetime) -> bytes:
    """A GeneralizedTime, from a UTC time of whole seconds."""
    return encode(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))
