"""Client certificates of other CAs: what one says, whether one of our issuers signed it, and which CAs can be trusted.

TLS has verified the chain of a presented certificate by then. What is asked of the certificate itself is asked again
here: OpenSSL lets one pass that says nothing of its purposes.
"""

import re
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from connector.domain.admin_certificates import AdminCertificate, AlternativeKind, AlternativeName
from connector.domain.refusals.admin_certificates import AdminCertificateRefused
from connector.pki import der
from connector.pki.distinguished_names import read_name

MAX_OCTETS = 16 * 1024
MAX_SUBJECT = 300
MOST_NAMES = 100
MOST_AUTHORITIES = 100
# Connections are kept for many requests, and their certificates read at each.
_KEPT = 256

_SUBJECT_ALTERNATIVE_NAME = der.object_identifier("2.5.29.17")
# RFC 5280 4.2.1.6: the implicit tags of the kinds that are IA5Strings.
_KINDS = {0x81: AlternativeKind.EMAIL, 0x82: AlternativeKind.DNS, 0x86: AlternativeKind.URI}
# The places of serial number and subject in a TBSCertificate with a version; the tag of its extensions (RFC 5280 4.1).
_SERIAL, _SUBJECT, _EXTENSIONS = 1, 5, 0xA3
# The library reads extensions when they are asked for, and has a class of its own for each thing that it finds wrong.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_LABEL = re.compile(rb"-----BEGIN ([^-\r\n]*)-----")


class UnusableAuthorityError(ValueError):
    """A file of CA certificates cannot be used. The message says why, and what to do."""


@lru_cache(_KEPT)
def read_certificate(encoded: bytes) -> AdminCertificate:
    """The content of a certificate that is good for a client.

    Raises:
        AdminCertificateRefused: it is not, or cannot be read.
    """
    if len(encoded) > MAX_OCTETS:
        raise AdminCertificateRefused(f"The client certificate is larger than {MAX_OCTETS // 1024} KiB.")
    try:
        fields = _fields(encoded)
        certificate = x509.load_der_x509_certificate(encoded)
        _check_usage(certificate.extensions)
        found = AdminCertificate(
            sha256(encoded).digest(),
            read_name(fields[_SUBJECT].encoded),
            frozenset(_names(fields[-1])),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    except _UNREADABLE as error:
        raise AdminCertificateRefused(
            "The client certificate cannot be read. Use one that follows RFC 5280."
        ) from error
    if len(str(found.subject)) > MAX_SUBJECT:
        raise AdminCertificateRefused(f"The subject of the client certificate has more than {MAX_SUBJECT} characters.")
    return found


@lru_cache(4 * _KEPT)
def is_signed_by(issuer: bytes, encoded: bytes) -> bool:
    """Whether the CA of the first certificate signed the second; both are DER."""
    try:
        x509.load_der_x509_certificate(encoded).verify_directly_issued_by(x509.load_der_x509_certificate(issuer))
    except (InvalidSignature, TypeError, *_UNREADABLE):
        return False
    return True


def have_one_key(one: bytes, other: bytes) -> bool:
    """Whether two certificates (DER) hold the same public key. One that cannot be read holds none."""
    try:
        return _spki(one) == _spki(other)
    except _UNREADABLE:
        return False


def validity(encoded: bytes) -> tuple[datetime, datetime]:
    """The two ends of a certificate's validity."""
    certificate = x509.load_der_x509_certificate(encoded)
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def read_authorities(octets: bytes) -> tuple[bytes, ...]:
    """The CA certificates in a PEM file, each as DER.

    Raises:
        UnusableAuthorityError: it holds something else, or a certificate under which OpenSSL would verify none.
    """
    labels = _LABEL.findall(octets)
    if any(b"PRIVATE KEY" in label for label in labels):
        raise UnusableAuthorityError(
            "The file holds a private key. Give the CA's certificate alone; the CA's key does not belong on this server"
        )
    if not labels or set(labels) != {b"CERTIFICATE"} or len(labels) > MOST_AUTHORITIES:
        raise UnusableAuthorityError(f"It should hold 1 to {MOST_AUTHORITIES} certificates in PEM, and nothing else")
    try:
        certificates = x509.load_pem_x509_certificates(octets)
    except _UNREADABLE as error:
        raise UnusableAuthorityError("A certificate in it cannot be read. Copy the file again") from error
    for number, certificate in enumerate(certificates, 1):
        _check_authority(certificate, number)
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


def _fields(encoded: bytes) -> list[der.Element]:
    """The fields of the TBSCertificate, which begin with a version and a positive serial number (RFC 5280 4.1.2.2).

    Raises:
        DERError: they do not, or it is no certificate.
    """
    signed, *_ = der.read(der.unwrap(encoded, der.SEQUENCE), der.SEQUENCE, der.SEQUENCE, der.BIT_STRING)
    fields = der.elements(signed.content)
    if len(fields) <= _SUBJECT or fields[0].tag != der.CONTEXT_0 or not der.natural(fields[_SERIAL].content):
        raise der.DERError("a certificate without version, serial number or subject")
    return fields


def _check_authority(certificate: x509.Certificate, number: int) -> None:
    """Return if OpenSSL, which is strict here, verifies certificates under this one."""
    try:
        held = certificate.extensions
        constraints = held.get_extension_for_class(x509.BasicConstraints)
        usage = held.get_extension_for_class(x509.KeyUsage).value
        held.get_extension_for_class(x509.SubjectKeyIdentifier)
        certificate.public_key()
        is_fit = constraints.value.ca and constraints.critical and usage.key_cert_sign
    except x509.ExtensionNotFound:
        is_fit = False
    except _UNREADABLE as error:
        raise UnusableAuthorityError(f"Certificate {number} in it cannot be read. Ask the CA for another") from error
    if not is_fit:
        raise UnusableAuthorityError(
            f"Certificate {number} in it is not one of a CA: that has a critical basicConstraints with CA:TRUE, "
            "keyUsage with keyCertSign, and a subject key identifier. Give that of the CA that issues the clients' "
            "certificates, not a client's"
        )


def _check_usage(held: x509.Extensions) -> None:
    """Return if the certificate says that it is a client's.

    Raises:
        AdminCertificateRefused: it does not.
    """
    by_kind = {type(extension.value): extension.value for extension in held}
    purposes = by_kind.get(x509.ExtendedKeyUsage)
    usage = by_kind.get(x509.KeyUsage)
    constraints = by_kind.get(x509.BasicConstraints)
    # RFC 5280 4.2.1.12: anyExtendedKeyUsage need not be taken for clientAuth, and no purpose means every purpose.
    if not isinstance(purposes, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise AdminCertificateRefused(
            "The client certificate is not one for clients. Use one with the extended key usage clientAuth."
        )
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        raise AdminCertificateRefused(
            "The client certificate is not one for signatures. Use one with the key usage digitalSignature."
        )
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise AdminCertificateRefused("The client certificate is one of a CA. Use one of a client.")


def _names(last: der.Element) -> list[AlternativeName]:
    """The alternative names of the kinds that rules know, from the last field of a TBSCertificate.

    They are read here octet for octet: a NUL in a name ended it for some readers (CVE-2009-2408).

    Raises:
        DERError: they are not well-formed, too many, or hold anything but printable ASCII.
    """
    if last.tag != _EXTENSIONS:
        return []
    found = []
    for extension in der.elements(der.unwrap(last.content, der.SEQUENCE)):
        identifier, *_, value = der.elements(extension.content)
        if der.identifier(identifier) == _SUBJECT_ALTERNATIVE_NAME:
            found += der.elements(der.unwrap(der.unwrap(value.encoded, der.OCTET_STRING), der.SEQUENCE))
    if len(found) > MOST_NAMES:
        raise der.DERError("too many alternative names")
    return [AlternativeName(_KINDS[name.tag], _printable(name.content)) for name in found if name.tag in _KINDS]


def _printable(octets: bytes) -> str:
    text = octets.decode("latin-1")
    if not text.isascii() or not text.isprintable():
        raise der.DERError("an alternative name with other characters than printable ASCII")
    return text


def _spki(encoded: bytes) -> bytes:
    key = x509.load_der_x509_certificate(encoded).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
