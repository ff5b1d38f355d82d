"""Distinguished names as DER and as RFC 4514 text, each read into the one form in which they are compared."""

from cryptography import x509

from connector.domain.distinguished_names import ATTRIBUTES, DistinguishedName, NameAttribute
from connector.pki import der

_BY_NAME = {name: x509.ObjectIdentifier(oid) for name, oid in ATTRIBUTES.items()}
_BY_NAME["street"] = _BY_NAME["STREET"]  # as openssl writes it
_TYPE_AND_VALUE = 2
# RFC 5280 4.1.2.4 and appendix A.1: UTF8String or PrintableString; IA5String for a mail address and a domain component.
# The same text in any of them is the same name (section 7.1). Readers differ in how they decode the other string types:
# of these the octets are kept, which match no text.
_ENCODINGS = {der.UTF8_STRING: "utf-8", der.PRINTABLE_STRING: "ascii", der.IA5_STRING: "ascii"}


def read_name(encoded: bytes) -> DistinguishedName:
    """The name of this DER.

    Raises:
        DERError: it is not a Name (RFC 5280 4.1.2.4).
    """
    return DistinguishedName(tuple(map(_relative, der.elements(der.unwrap(encoded, der.SEQUENCE)))))


def parse_name(text: str) -> DistinguishedName:
    """The name of this RFC 4514 text, such as ``CN=registrar,OU=Platform,O=Example``.

    Raises:
        ValueError: it is not one, is empty, or has a value in hexadecimal form, which is no text.
    """
    if not text or "=#" in text or "\0" in text:
        raise ValueError(_ADVICE)
    try:
        name = x509.Name.from_rfc4514_string(text, _BY_NAME)
    except ValueError as error:
        raise ValueError(_ADVICE) from error
    found = DistinguishedName(
        tuple(
            tuple(sorted(NameAttribute(each.oid.dotted_string, str(each.value)) for each in rdn)) for rdn in name.rdns
        )
    )
    if any(not attribute.text for relative in found.relative for attribute in relative):
        raise ValueError(_ADVICE)
    return found


_ADVICE = (
    "It should be a distinguished name such as CN=registrar,O=Example (RFC 4514), without spaces around the commas. "
    "Copy the output of: openssl x509 -in FILE -noout -subject -nameopt RFC2253,-esc_msb"
)


def _relative(rdn: der.Element) -> tuple[NameAttribute, ...]:
    members = der.elements(rdn.content)
    if rdn.tag != der.SET or not members:
        raise der.DERError("a name that is not a sequence of sets of attributes")
    return tuple(sorted(map(_attribute, members)))


def _attribute(member: der.Element) -> NameAttribute:
    parts = der.elements(member.content)
    if member.tag != der.SEQUENCE or len(parts) != _TYPE_AND_VALUE:
        raise der.DERError("an attribute that is not an identifier and a value")
    oid = der.dotted(der.identifier(parts[0]))
    encoding = _ENCODINGS.get(parts[1].tag)
    if encoding is None:
        return NameAttribute(oid, "", parts[1].encoded)
    try:
        return NameAttribute(oid, parts[1].content.decode(encoding))
    except UnicodeDecodeError as error:
        raise der.DERError("an attribute whose octets are not text") from error
