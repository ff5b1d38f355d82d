"""Distinguished names of certificates that others issue: compared as they are encoded, shown as RFC 4514 has them."""

from collections.abc import Mapping
from dataclasses import dataclass

ATTRIBUTES: Mapping[str, str] = {
    "CN": "2.5.4.3",
    "serialNumber": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "emailAddress": "1.2.840.113549.1.9.1",
}
"""The attributes that have a short name (RFC 4514 section 3), and two that openssl prints by name."""

_SHORT_NAMES = {oid: name for name, oid in ATTRIBUTES.items()}
_SPECIAL = frozenset('"+,;<>\\')


@dataclass(frozen=True, slots=True, order=True)
class NameAttribute:
    """One attribute: its object identifier, and its text. Without a text, ``other`` is the value's DER."""

    oid: str
    text: str
    other: bytes = b""

    def __str__(self) -> str:
        """``CN=value``."""
        value = f"#{self.other.hex()}" if self.other else _escaped(self.text)
        return f"{_SHORT_NAMES.get(self.oid, self.oid)}={value}"


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """The relative distinguished names, in the order of the encoding. Each holds its attributes, sorted.

    Two are the same where all attributes have the same identifiers and the same texts, in the same order: case, spaces
    and the composition of letters count. RFC 5280 section 7.1 takes more names for the same; for a right, less is safe.
    """

    relative: tuple[tuple[NameAttribute, ...], ...]

    def __str__(self) -> str:
        """The text that RFC 4514 gives it, the last relative name first. All of its characters are printable."""
        return ",".join("+".join(map(str, attributes)) for attributes in reversed(self.relative))


def _escaped(text: str) -> str:
    """The value as RFC 4514 section 2.4 has it, and what no terminal should get as the hexadecimal of its octets."""
    last = len(text) - 1
    return "".join(_escape(character, at, last) for at, character in enumerate(text))


def _escape(character: str, at: int, last: int) -> str:
    if not character.isprintable():
        return "".join(f"\\{octet:02x}" for octet in character.encode())
    is_at_an_end = (character == " " and at in (0, last)) or (character == "#" and at == 0)
    return f"\\{character}" if is_at_an_end or character in _SPECIAL else character
