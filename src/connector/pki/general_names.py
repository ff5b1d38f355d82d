"""Subject alternative names (RFC 5280 4.2.1.6): names that are checked when they are made, and patterns for them."""

import re
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from string import Formatter

from connector.domain.directory import EntityKind, Identity
from connector.pki import der

MAX_NAME = 2048

_DNS_NAME = re.compile(
    r"(?!.{254})(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
# RFC 5321 4.1.2 without quoted local parts, comments and address literals.
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*@([A-Za-z0-9.-]+)")
# RFC 3986: a scheme, "://", an authority, and what may follow; printable ASCII without what must be escaped.
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~%:@\[\]-]+(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:[?#][!-~]*)?")


class NameKind(IntEnum):
    """The kinds of alternative names that we certify, by their tag numbers."""

    EMAIL = 1
    DNS = 2
    URI = 6
    IP = 7


@dataclass(frozen=True, slots=True)
class GeneralName:
    """One alternative name.

    Raises:
        ValueError: the value is no name of its kind.
    """

    kind: NameKind
    value: str

    def __post_init__(self) -> None:
        if len(self.value) > MAX_NAME or not _is_of_kind(self.kind, self.value):
            raise ValueError(f"{self.value[:64]!r} is not a name of the kind {self.kind.name}")

    @property
    def encoded(self) -> bytes:
        """The name's DER. Names are IA5Strings, an address is its 4 or 16 octets; all under an implicit tag."""
        content = ip_address(self.value).packed if self.kind is NameKind.IP else self.value.encode("ascii")
        return der.encode(0x80 | self.kind, content)


def host(text: str) -> GeneralName:
    """The DNS name or IP address in ``text``.

    Raises:
        ValueError: it is neither.
    """
    try:
        ip_address(text)
    except ValueError:
        if not _DNS_NAME.fullmatch(text):
            raise ValueError(f"{text!r} is neither a DNS name nor an IP address") from None
        return GeneralName(NameKind.DNS, text)
    return GeneralName(NameKind.IP, text)


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A name in which ``{tenant}``, ``{kind}``, ``{owner}`` and ``{system_auth}`` stand for those of an identity.

    Raises:
        ValueError: it asks for something else, or gives no name of its kind.
    """

    kind: NameKind
    template: str

    def __post_init__(self) -> None:
        asked = [(field, form, conversion) for _, field, form, conversion in Formatter().parse(self.template) if field]
        if any(field not in _FIELDS or form or conversion for field, form, conversion in asked):
            raise ValueError(f"a name's pattern may hold {', '.join(f'{{{field}}}' for field in _FIELDS)}")
        self.fill(_SAMPLE)

    def fill(self, whom: Identity) -> GeneralName:
        """The name of this identity.

        Raises:
            ValueError: with its ids it is no name of its kind.
        """
        return GeneralName(
            self.kind,
            self.template.format(
                tenant=whom.tenant_id,
                kind=whom.kind.value.lower(),
                owner=whom.owner_id,
                system_auth=whom.system_auth_id,
            ),
        )


_FIELDS = ("tenant", "kind", "owner", "system_auth")
_SAMPLE = Identity("t", "o", EntityKind.APPLICATION, "s")


def _is_of_kind(kind: NameKind, value: str) -> bool:
    match kind:
        case NameKind.DNS:
            return _DNS_NAME.fullmatch(value) is not None
        case NameKind.EMAIL:
            found = _EMAIL.fullmatch(value)
            return found is not None and _DNS_NAME.fullmatch(found[1]) is not None
        case NameKind.URI:
            return _URI.fullmatch(value) is not None
        case NameKind.IP:
            try:
                # A zone index is no part of an address in a certificate.
                return "%" not in value and bool(ip_address(value).packed)
            except ValueError:
                return False
