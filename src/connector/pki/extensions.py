"""The extensions of a certificate as values, and their DER, written without the library that checks them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from hashlib import sha1

from connector.pki import der
from connector.pki.general_names import GeneralName, NameKind

_TRUE = der.encode(der.BOOLEAN, b"\xff")

BASIC_CONSTRAINTS = der.object_identifier("2.5.29.19")
KEY_USAGE = der.object_identifier("2.5.29.15")
EXTENDED_KEY_USAGE = der.object_identifier("2.5.29.37")
AUTHORITY_KEY_IDENTIFIER = der.object_identifier("2.5.29.35")
SUBJECT_KEY_IDENTIFIER = der.object_identifier("2.5.29.14")
SUBJECT_ALTERNATIVE_NAME = der.object_identifier("2.5.29.17")
CRL_DISTRIBUTION_POINTS = der.object_identifier("2.5.29.31")
AUTHORITY_INFORMATION_ACCESS = der.object_identifier("1.3.6.1.5.5.7.1.1")
OCSP_NO_CHECK = der.object_identifier("1.3.6.1.5.5.7.48.1.5")
_OCSP = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.6.1.5.5.7.48.1"))
_CA_ISSUERS = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.6.1.5.5.7.48.2"))

CA, CA_DIGITS = "{ca}", 64
"""The placeholder for the id of a CA in a URL, and the number of hexadecimal digits that replace it."""


class KeyUsage(IntEnum):
    """The uses of a key, by the bits of RFC 5280 4.2.1.3."""

    DIGITAL_SIGNATURE = 0
    KEY_CERT_SIGN = 5
    CRL_SIGN = 6


class Purpose(Enum):
    """For what a certificate is good (RFC 5280 4.2.1.12), by the dotted form."""

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where its reader finds the CRL, the issuer's OCSP responder and the issuer's certificate: URLs, by default none.

    ``{ca}`` in a URL stands for the id of the CA that signs (:attr:`connector.pki.authority.Authority.id`).

    Raises:
        ValueError: one is no URL.
    """

    crl: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    ca_issuers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for url in (*self.crl, *self.ocsp, *self.ca_issuers):
            GeneralName(NameKind.URI, url.replace(CA, "0" * CA_DIGITS))

    def of(self, ca: bytes) -> "Pointers":
        """The pointers in certificates of the CA with this id."""
        crl, ocsp, ca_issuers = (
            tuple(url.replace(CA, ca.hex()) for url in urls) for urls in (self.crl, self.ocsp, self.ca_issuers)
        )
        return Pointers(crl, ocsp, ca_issuers)


NO_POINTERS = Pointers()


def extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    """One extension (RFC 5280 4.1) around its value's DER."""
    # X.690 11.5: the default, FALSE, is left out.
    return der.encode(
        der.SEQUENCE,
        der.encode(der.OBJECT_IDENTIFIER, oid),
        _TRUE if critical else b"",
        der.encode(der.OCTET_STRING, value),
    )


def basic_constraints(*, ca: bool, path_length: int | None) -> bytes:
    """Critical basicConstraints (4.2.1.9); an end entity's are empty."""
    content = _TRUE if ca else b""
    if path_length is not None:
        content += der.encode_natural(path_length)
    return extension(BASIC_CONSTRAINTS, der.encode(der.SEQUENCE, content), critical=True)


def key_usage(usages: Iterable[KeyUsage]) -> bytes:
    """Critical keyUsage (4.2.1.3). X.690 11.2.2: a named bit list ends with its last bit that is set."""
    bits = set(usages)
    octet = sum(0x80 >> bit for bit in bits)
    return extension(KEY_USAGE, der.encode(der.BIT_STRING, bytes((7 - max(bits), octet))), critical=True)


def extended_key_usage(purposes: Sequence[Purpose]) -> bytes:
    """ExtKeyUsage (4.2.1.12)."""
    oids = (der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(purpose.value)) for purpose in purposes)
    return extension(EXTENDED_KEY_USAGE, der.encode(der.SEQUENCE, *oids))


def crl_distribution_points(urls: Sequence[str]) -> bytes:
    """CRLDistributionPoints (4.2.1.13): one point for each URL; nothing where there is none."""
    if not urls:
        return b""
    # DistributionPoint.distributionPoint is [0], DistributionPointName.fullName [0] in it.
    points = (der.encode(der.SEQUENCE, der.encode(0xA0, der.encode(0xA0, _url(url)))) for url in urls)
    return extension(CRL_DISTRIBUTION_POINTS, der.encode(der.SEQUENCE, *points))


def authority_information_access(pointers: Pointers) -> bytes:
    """AuthorityInfoAccess (4.2.2.1); nothing where there is neither an OCSP responder nor an issuer's certificate."""
    descriptions = [der.encode(der.SEQUENCE, _OCSP, _url(url)) for url in pointers.ocsp]
    descriptions += [der.encode(der.SEQUENCE, _CA_ISSUERS, _url(url)) for url in pointers.ca_issuers]
    if not descriptions:
        return b""
    return extension(AUTHORITY_INFORMATION_ACCESS, der.encode(der.SEQUENCE, *descriptions))


def ocsp_no_check() -> bytes:
    """Id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1): nobody has to ask whether this certificate is revoked."""
    return extension(OCSP_NO_CHECK, der.encode(der.NULL))


def _url(url: str) -> bytes:
    return GeneralName(NameKind.URI, url).encoded


def authority_key_identifier(identifier: bytes) -> bytes:
    """AuthorityKeyIdentifier (4.2.1.1): the issuer's key identifier, which is [0]."""
    return extension(AUTHORITY_KEY_IDENTIFIER, der.encode(der.SEQUENCE, der.encode(0x80, identifier)))


def subject_key_identifier(spki: bytes) -> bytes:
    """SubjectKeyIdentifier of a key (4.2.1.2)."""
    return extension(SUBJECT_KEY_IDENTIFIER, der.encode(der.OCTET_STRING, key_identifier(spki)))


def subject_alternative_name(names: Sequence[GeneralName], *, critical: bool) -> bytes:
    """SubjectAltName (4.2.1.6); nothing where there are no names."""
    if not names:
        return b""
    value = der.encode(der.SEQUENCE, *(name.encoded for name in names))
    return extension(SUBJECT_ALTERNATIVE_NAME, value, critical=critical)


def key_identifier(spki: bytes) -> bytes:
    """RFC 5280 4.2.1.2, method (1): the SHA-1 of the key's octets. It names a key and protects nothing."""
    return sha1(key_octets(spki), usedforsecurity=False).digest()


def key_octets(spki: bytes) -> bytes:
    """The key itself, without its algorithm."""
    _algorithm, key = der.elements(der.unwrap(spki, der.SEQUENCE))
    return der.octets_of_bits(key.content)
