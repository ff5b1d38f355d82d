"""The requests of a CSR besides its key: attributes and the extensions in them. None reaches a certificate.

It is read all the same: one that two readers could read in two ways is malformed, and a policy may refuse a request
for what no client certificate of ours may hold.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from connector.domain.refusals.csr import CSRExtensionRefused
from connector.pki import der


class RequestedExtension(NamedTuple):
    """One extension (RFC 5280 4.1): the content octets of its identifier and its value's DER."""

    oid: bytes
    value: bytes


# RFC 2985 5.4.2, and Microsoft's identifier for the same.
_EXTENSION_REQUESTS = frozenset(
    (der.object_identifier("1.2.840.113549.1.9.14"), der.object_identifier("1.3.6.1.4.1.311.2.1.14"))
)
# RFC 2985 5.4.1: single-valued, a DirectoryString.
_CHALLENGE_PASSWORD = der.object_identifier("1.2.840.113549.1.9.7")
_DIRECTORY_STRINGS = frozenset((der.UTF8_STRING, der.PRINTABLE_STRING, 0x14, 0x1C, 0x1E))

_BASIC_CONSTRAINTS = der.object_identifier("2.5.29.19")
_KEY_USAGE = der.object_identifier("2.5.29.15")
_EXTENDED_KEY_USAGE = der.object_identifier("2.5.29.37")
_SUBJECT_KEY_IDENTIFIER = der.object_identifier("2.5.29.14")
_SUBJECT_ALTERNATIVE_NAME = der.object_identifier("2.5.29.17")
_CLIENT_AUTH = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.6.1.5.5.7.3.2"))

_TRUE = b"\xff"  # X.690 11.1
# RFC 5280 4.2.1.3: keyCertSign is bit 5 and cRLSign bit 6, counted from the first octet's top.
_CA_USAGES = 0b0000_0110
_NAMES: Mapping[bytes, str] = {
    der.object_identifier(dotted): name
    for dotted, name in (
        ("2.5.29.17", "subjectAltName"),
        ("2.5.29.30", "nameConstraints"),
        ("2.5.29.33", "policyMappings"),
        ("2.5.29.36", "policyConstraints"),
        ("2.5.29.54", "inhibitAnyPolicy"),
        ("2.5.29.35", "authorityKeyIdentifier"),
        ("1.3.6.1.5.5.7.1.1", "authorityInfoAccess"),
        ("1.3.6.1.5.5.7.48.1.5", "ocsp-nocheck"),
        ("1.3.6.1.4.1.11129.2.4.3", "Certificate Transparency poison"),
        ("1.3.6.1.4.1.311.21.10", "application policies"),
    )
}


def extensions(attributes: bytes) -> list[RequestedExtension]:
    """The extensions that the content of a CSR's attributes field asks for.

    Raises:
        DERError: an attribute or extension is not well-formed, is there twice, or is empty.
    """
    found: list[RequestedExtension] = []
    seen: set[bytes] = set()
    for attribute in der.elements(attributes):
        oid, values = _attribute(attribute)
        # Two spellings of one attribute are the same attribute twice.
        kind = b"" if oid in _EXTENSION_REQUESTS else oid
        if kind in seen:
            raise der.DERError("an attribute is there twice")
        seen.add(kind)
        if oid in _EXTENSION_REQUESTS:
            found = _extensions(_only(values))
        elif oid == _CHALLENGE_PASSWORD and _only(values).tag not in _DIRECTORY_STRINGS:
            raise der.DERError("a challenge password that is no text")
    return found


def _attribute(attribute: der.Element) -> tuple[bytes, Sequence[der.Element]]:
    if attribute.tag != der.SEQUENCE:
        raise der.DERError("an attribute that is no sequence")
    oid, values = der.read(attribute.content, der.OBJECT_IDENTIFIER, der.SET)
    members = der.elements(values.content)
    if not members:
        raise der.DERError("an attribute without a value")
    return der.identifier(oid), members


def _only(values: Sequence[der.Element]) -> der.Element:
    if len(values) != 1:
        raise der.DERError("an attribute with more than one value")
    return values[0]


def _extensions(request: der.Element) -> list[RequestedExtension]:
    if request.tag != der.SEQUENCE:
        raise der.DERError("an extension request that is no sequence")
    found = [_extension(member) for member in der.elements(request.content)]
    if len({extension.oid for extension in found}) != len(found):
        raise der.DERError("an extension is there twice")
    return found


def _extension(member: der.Element) -> RequestedExtension:
    if member.tag != der.SEQUENCE:
        raise der.DERError("an extension that is no sequence")
    parts = der.elements(member.content)
    # X.690 11.5: the default, FALSE, is left out.
    if len(parts) > 1 and parts[1].tag == der.BOOLEAN and parts.pop(1).content != _TRUE:
        raise der.DERError("a critical flag that is badly encoded")
    if [part.tag for part in parts] != [der.OBJECT_IDENTIFIER, der.OCTET_STRING]:
        raise der.DERError("an extension that is not an identifier and a value")
    extension = RequestedExtension(der.identifier(parts[0]), parts[1].content)
    if extension.oid == _EXTENDED_KEY_USAGE and not der.unwrap(extension.value, der.SEQUENCE):
        raise der.DERError("an extended key usage without a purpose")
    return extension


class Requested(Enum):
    """The requests in a CSR's extensions that a policy can refuse."""

    CA = "basicConstraints of a CA, or keyUsage of one"
    PURPOSES = "extendedKeyUsage without clientAuth"
    NAMES = "subjectAltName"
    OTHERS = "any other extension"


UNGRANTED = frozenset((Requested.CA, Requested.PURPOSES, Requested.OTHERS))
"""Requests that our client certificates never grant. Names are not among them: common tools add some to every CSR."""


def refuse(requested: Sequence[RequestedExtension], refused: frozenset[Requested]) -> None:
    """Refuse a request for any of those things. A subject key identifier is always let pass, and ignored.

    Raises:
        CSRExtensionRefused: the first such extension, by name.
        DERError: a value is not well-formed.
    """
    for extension in requested:
        kind, check = _KINDS.get(extension.oid, _OTHER)
        if kind in refused:
            check(extension)


def _refuse_any(extension: RequestedExtension) -> None:
    raise CSRExtensionRefused(_NAMES.get(extension.oid, "an unknown extension"))


def _let_pass(_extension: RequestedExtension) -> None:
    """Every key has an identifier, and we make it."""


def _refuse_ca(extension: RequestedExtension) -> None:
    # RFC 5280 4.2.1.9: only the default, cA FALSE, is an empty sequence.
    if der.unwrap(extension.value, der.SEQUENCE):
        raise CSRExtensionRefused("basicConstraints of a CA")


def _refuse_ca_usages(extension: RequestedExtension) -> None:
    bits = der.unwrap(extension.value, der.BIT_STRING)
    # The first octet counts the unused bits, so what follows it may be one octet or two.
    if bits[1:2] and bits[1] & _CA_USAGES:
        raise CSRExtensionRefused("keyUsage of a CA")


def _refuse_other_purposes(extension: RequestedExtension) -> None:
    purposes = der.elements(der.unwrap(extension.value, der.SEQUENCE))
    if not any(purpose.encoded == _CLIENT_AUTH for purpose in purposes):
        raise CSRExtensionRefused("extendedKeyUsage without clientAuth")


_Check = Callable[[RequestedExtension], None]
_OTHER: tuple[Requested, _Check] = (Requested.OTHERS, _refuse_any)
_KINDS: Mapping[bytes, tuple[Requested, _Check]] = {
    _BASIC_CONSTRAINTS: (Requested.CA, _refuse_ca),
    _KEY_USAGE: (Requested.CA, _refuse_ca_usages),
    _EXTENDED_KEY_USAGE: (Requested.PURPOSES, _refuse_other_purposes),
    _SUBJECT_ALTERNATIVE_NAME: (Requested.NAMES, _refuse_any),
    _SUBJECT_KEY_IDENTIFIER: (Requested.OTHERS, _let_pass),
}
