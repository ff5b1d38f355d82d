"""Subjects: what a CSR must ask for, and the name that the server builds itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import NameOID

from connector.domain.refusals.csr import CSRSubjectMismatch
from connector.pki import der

# RFC 5280 appendix A.1, upper bounds in characters.
_BOUNDS = {"organization": 64, "organizational_unit": 64, "locality": 128, "province": 128}
_COMMON_NAME_BOUND = 64
# Clients split the subject's text at "," and then at "="; the others are special in RFC 4514 or in OpenSSL's text form.
_RESERVED = re.compile(r'[,=+<>#;\\"/]')
_COUNTRY = re.compile(r"[A-Z]{2}")
# X.680 41.4, the alphabet of PrintableString.
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+")

_TYPE_AND_VALUE = 2
_COMMON_NAME = der.object_identifier("2.5.4.3")
_COUNTRY_NAME = der.object_identifier("2.5.4.6")
_ORGANIZATION = der.object_identifier("2.5.4.10")
_ORGANIZATIONAL_UNIT = der.object_identifier("2.5.4.11")
_LOCALITY = der.object_identifier("2.5.4.7")
_PROVINCE = der.object_identifier("2.5.4.8")
_SHARED = {
    _ORGANIZATION: "organization",
    _ORGANIZATIONAL_UNIT: "organizational_unit",
    _LOCALITY: "locality",
    _PROVINCE: "province",
    _COUNTRY_NAME: "country",
}


# No slots: the constant parts of every name are computed once for each policy.
@dataclass(frozen=True)
class SubjectPolicy:
    """The five attributes that every subject shares. The sixth, the common name, is the system auth's id.

    Raises:
        ValueError: a value is empty, too long, or holds a character that would split or escape the subject's text.
    """

    organization: str
    organizational_unit: str
    locality: str
    province: str
    country: str

    def __post_init__(self) -> None:
        for field, bound in _BOUNDS.items():
            _check_value(field, getattr(self, field), bound)
        if not _COUNTRY.fullmatch(self.country):
            raise ValueError("country: two capital letters are needed (ISO 3166)")

    def name(self, common_name: str) -> x509.Name:
        """The subject as this server issues it: O, OU, L, ST, C, CN.

        Raises:
            ValueError: ``common_name`` breaks the rules of a value.
        """
        _check_value("common_name", common_name, _COMMON_NAME_BOUND)
        own = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        return x509.Name([*self._shared, own])

    def encoded(self, common_name: str) -> bytes:
        """The DER of the same subject, written without the library that makes :meth:`name`.

        Raises:
            ValueError: ``common_name`` breaks the rules of a value.
        """
        _check_value("common_name", common_name, _COMMON_NAME_BOUND)
        return der.encode(der.SEQUENCE, self._shared_der, common_name_rdn(common_name))

    def text(self, common_name: str) -> str:
        """The subject for clients, in the form that they split at "," and "="."""
        return f"{self._shared_text},CN={common_name}"

    def common_name(self, text: str) -> str | None:
        """The common name in the RFC 4514 text of such a subject, its attributes in any order; None if it is another.

        The text is compared, not parsed: no value of such a subject needs an escape, so there is one spelling for each
        order. A text with escapes, object identifiers, added spaces or several attributes in one RDN is another.
        """
        attributes = text.split(",")
        name = next((each for each in attributes if each.startswith("CN=")), "").removeprefix("CN=")
        if sorted(attributes) != sorted(self.text(name).split(",")):
            return None
        try:
            _check_value("common_name", name, _COMMON_NAME_BOUND)
        except ValueError:
            return None
        return name

    def check(self, name: bytes, common_name: str) -> x509.Name:
        """The server's own name, if the CSR's ``name`` (its DER) holds the same six attributes, in any order.

        The octets are compared, so that no two readers can see two values in them. A value is a UTF8String or a
        PrintableString: others are decoded differently by different readers.

        Raises:
            CSRSubjectMismatch: the first thing that differs, in the contract's order: CN, C, O, OU, L, ST, others.
            DERError: ``name`` is not a Name.
        """
        attributes, multi_valued = _attributes(name)
        if attributes.pop(_COMMON_NAME, None) not in _encodings(common_name):
            raise self._mismatch(common_name, "Invalid common name")
        for oid, label, expected in self._expected:
            if oid not in attributes:
                raise self._mismatch(common_name, f"No {label}")
            if attributes.pop(oid) not in expected:
                raise self._mismatch(common_name, f"Invalid {label}")
        if attributes or multi_valued:
            raise self._mismatch(common_name, "Unexpected attribute")
        return self.name(common_name)

    def _mismatch(self, common_name: str, fault: str) -> CSRSubjectMismatch:
        return CSRSubjectMismatch(f"The subject must be {self.text(common_name)}, each attribute once.", fault)

    @cached_property
    def _shared(self) -> list[x509.RelativeDistinguishedName]:
        return [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid, value)])
            for oid, value in (
                (NameOID.ORGANIZATION_NAME, self.organization),
                (NameOID.ORGANIZATIONAL_UNIT_NAME, self.organizational_unit),
                (NameOID.LOCALITY_NAME, self.locality),
                (NameOID.STATE_OR_PROVINCE_NAME, self.province),
                (NameOID.COUNTRY_NAME, self.country),
            )
        ]

    @cached_property
    def _shared_der(self) -> bytes:
        # RFC 5280 appendix A.1: a country is a PrintableString; the others should be UTF8Strings (4.1.2.4).
        return b"".join(
            _rdn(oid, tag, value)
            for oid, tag, value in (
                (_ORGANIZATION, der.UTF8_STRING, self.organization),
                (_ORGANIZATIONAL_UNIT, der.UTF8_STRING, self.organizational_unit),
                (_LOCALITY, der.UTF8_STRING, self.locality),
                (_PROVINCE, der.UTF8_STRING, self.province),
                (_COUNTRY_NAME, der.PRINTABLE_STRING, self.country),
            )
        )

    @cached_property
    def _shared_text(self) -> str:
        return (
            f"O={self.organization},OU={self.organizational_unit},L={self.locality},ST={self.province},C={self.country}"
        )

    @cached_property
    def _expected(self) -> tuple[tuple[bytes, str, frozenset[bytes]], ...]:
        """Object identifier, the contract's word, and the value's accepted encodings, in the contract's order."""
        return (
            (_COUNTRY_NAME, "country", _encodings(self.country)),
            (_ORGANIZATION, "organization", _encodings(self.organization)),
            (_ORGANIZATIONAL_UNIT, "organizational unit", _encodings(self.organizational_unit)),
            (_LOCALITY, "locality", _encodings(self.locality)),
            (_PROVINCE, "province", _encodings(self.province)),
        )


def common_names(name: bytes) -> tuple[str | None, ...]:
    """The values of all common names in a Name (its DER), wherever they stand; None for one that is no UTF8String or
    PrintableString of well-formed UTF-8, or that holds a NUL.

    Raises:
        DERError: ``name`` is not a Name.
    """
    return tuple(_text(value) for rdn in _rdns(name) for oid, value in rdn if oid == _COMMON_NAME)


def shared_values(name: bytes) -> Mapping[str, str]:
    """The values of the attributes that our subjects share, by the names of :class:`SubjectPolicy`.

    One that is there several times, or that readers do not agree on, is left out.

    Raises:
        DERError: ``name`` is not a Name.
    """
    found: dict[str, list[str | None]] = {}
    for rdn in _rdns(name):
        for oid, value in rdn:
            if oid in _SHARED:
                found.setdefault(_SHARED[oid], []).append(_text(value))
    return {field: values[0] for field, values in found.items() if len(values) == 1 and values[0] is not None}


def common_name_rdn(value: str) -> bytes:
    """The DER of a relative distinguished name that is a common name."""
    return _rdn(_COMMON_NAME, der.UTF8_STRING, value)


def _rdn(oid: bytes, tag: int, value: str) -> bytes:
    attribute = der.encode(der.SEQUENCE, der.encode(der.OBJECT_IDENTIFIER, oid), der.encode(tag, value.encode()))
    return der.encode(der.SET, attribute)


def _check_value(field: str, value: str, bound: int) -> None:
    if not 1 <= len(value) <= bound:
        raise ValueError(f"{field}: 1 to {bound} characters are needed (RFC 5280 appendix A.1)")
    if _RESERVED.search(value):
        raise ValueError(f'{field}: none of , = + < > # ; \\ " / may stand in it')
    if not value.isprintable() or value != value.strip():
        raise ValueError(f"{field}: control characters and white space at its ends may not stand in it")


def _encodings(value: str) -> frozenset[bytes]:
    octets = value.encode()
    utf8 = der.encode(der.UTF8_STRING, octets)
    if _PRINTABLE.fullmatch(value):
        return frozenset((utf8, der.encode(der.PRINTABLE_STRING, octets)))
    return frozenset((utf8,))


def _attributes(name: bytes) -> tuple[dict[bytes, bytes], bool]:
    """Each attribute's encoded value by its object identifier, and whether any RDN holds more than one attribute.

    An attribute that is there twice has both values, joined, which is no encoding of any one value.
    """
    found: dict[bytes, bytes] = {}
    multi_valued = False
    for rdn in _rdns(name):
        multi_valued |= len(rdn) > 1
        for oid, value in rdn:
            found[oid] = found.get(oid, b"") + value.encoded
    return found, multi_valued


def _rdns(name: bytes) -> Sequence[Sequence[tuple[bytes, der.Element]]]:
    """The identifiers and values of each relative distinguished name.

    Raises:
        DERError: ``name`` is not a Name.
    """
    found: list[Sequence[tuple[bytes, der.Element]]] = []
    for rdn in der.elements(der.unwrap(name, der.SEQUENCE)):
        members = der.elements(rdn.content)
        if rdn.tag != der.SET or not members:
            raise der.DERError("a subject that is not a sequence of sets of attributes")
        found.append(list(map(_member, members)))
    return found


def _member(member: der.Element) -> tuple[bytes, der.Element]:
    parts = der.elements(member.content)
    if member.tag != der.SEQUENCE or len(parts) != _TYPE_AND_VALUE:
        raise der.DERError("a subject attribute that is not an identifier and a value")
    return der.identifier(parts[0]), parts[1]


def _text(value: der.Element) -> str | None:
    if value.tag not in (der.UTF8_STRING, der.PRINTABLE_STRING):
        return None
    try:
        text = value.content.decode()
    except UnicodeDecodeError:
        return None
    # For some readers a NUL ends the name (CVE-2009-2408); PostgreSQL takes none.
    return None if "\0" in text else text
