"""What each kind of certificate holds, and the exact check of a client certificate before it leaves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha1
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from connector.pki import der, signatures
from connector.pki.csr import VerifiedRequest
from connector.pki.keys import PublicKey
from connector.pki.signatures import IssuerAlgorithm, IssuerPublicKey

# RFC 5280 4.1.2.2: positive, at most 20 octets, of which the first bit is the sign.
MAX_SERIAL_BITS = 159
# A machine whose clock is a little behind must not refuse a new CA; nothing was signed under it before.
CA_BACKDATE = timedelta(hours=1)
SERVER_BACKDATE = timedelta(minutes=1)

_END_ENTITY = x509.BasicConstraints(ca=False, path_length=None)
_COMMON_NAME_BOUND = 64
_DNS_NAME = re.compile(
    r"(?!.{254})(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


class ProfileViolation(Exception):  # noqa: N818 - named for what is wrong; a fault of ours, no caller's
    """A certificate is not what was planned, or nothing that fits the profile can be planned. It must not leave."""


@dataclass(frozen=True, eq=False)
class CACertificate:
    """A CA certificate, with what every certificate under it takes from it.

    Raises:
        ValueError: it is no CA certificate, may not sign certificates and CRLs, or its key is none of ours.
    """

    certificate: x509.Certificate

    def __post_init__(self) -> None:
        extensions = self.certificate.extensions
        try:
            constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
            usage = extensions.get_extension_for_class(x509.KeyUsage).value
            extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound as error:
            raise ValueError(
                "a CA certificate holds basicConstraints, keyUsage and a subject key identifier"
            ) from error
        if not (constraints.ca and usage.key_cert_sign and usage.crl_sign):
            raise ValueError("the certificate is not one of a CA that may sign certificates and CRLs")
        signatures.issuer_algorithm(self.public_key)

    @cached_property
    def public_key(self) -> IssuerPublicKey:
        """The key under which its signatures verify."""
        key = self.certificate.public_key()
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            raise ValueError("an issuer's key is RSA, P-256, P-384 or P-521")  # noqa: TRY004 - a wrong certificate
        return key

    @cached_property
    def algorithm(self) -> IssuerAlgorithm:
        """How it signs."""
        return signatures.issuer_algorithm(self.public_key)

    @cached_property
    def encoded_name(self) -> bytes:
        """Its subject's DER, as it stands in it: issuer and subject are compared by octets (RFC 5280 4.1.2.6)."""
        fields = der.elements(der.unwrap(self.certificate.tbs_certificate_bytes, der.SEQUENCE))
        return fields[_SUBJECT].encoded

    @cached_property
    def key_identifier(self) -> bytes:
        """Its subject key identifier."""
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    @cached_property
    def client_builder(self) -> x509.CertificateBuilder:
        """What is the same in every client certificate under it. CRL distribution points and AIA go in here."""
        return (
            self.builder()
            .add_extension(_END_ENTITY, critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self.key_identifier, None, None), critical=False)
        )

    @cached_property
    def client_extensions(self) -> bytes:
        """The DER of what ``client_builder`` adds, written without the library."""
        return (
            # critical, BasicConstraints of an end entity (RFC 5280 4.2.1.9)
            _extension(_BASIC_CONSTRAINTS, der.encode(der.SEQUENCE), critical=True)
            # critical, keyUsage digitalSignature: bit 0, seven bits unused (4.2.1.3)
            + _extension(_KEY_USAGE, der.encode(der.BIT_STRING, b"\x07\x80"), critical=True)
            # extKeyUsage clientAuth (4.2.1.12)
            + _extension(_EXTENDED_KEY_USAGE, der.encode(der.SEQUENCE, _CLIENT_AUTH))
            # authorityKeyIdentifier: keyIdentifier is [0] (4.2.1.1)
            + _extension(_AUTHORITY_KEY_IDENTIFIER, der.encode(der.SEQUENCE, der.encode(0x80, self.key_identifier)))
        )

    def builder(self) -> x509.CertificateBuilder:
        """The start of any certificate under it."""
        return x509.CertificateBuilder().issuer_name(self.certificate.subject)

    def window(self, *, now: datetime, backdate: timedelta, validity: timedelta) -> tuple[datetime, datetime]:
        """From ``backdate`` before ``now`` to ``validity`` after it, in whole seconds, within the CA's own validity.

        Raises:
            ProfileViolation: the CA is not valid at ``now``.
        """
        first, last = self._validity
        if not first <= now <= last:
            raise ProfileViolation("the issuer's certificate is not valid now")
        now = now.astimezone(UTC).replace(microsecond=0)
        return max(now - backdate, first), min(now + validity, last)

    @cached_property
    def _validity(self) -> tuple[datetime, datetime]:
        return self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc


# The fields of a TBSCertificate (RFC 5280 4.1) by place, as it is with a version and without unique identifiers.
_FIELDS = ("version", "serial number", "signature algorithm", "issuer", "validity", "subject", "SPKI", "extensions")
_SUBJECT = _FIELDS.index("subject")
_VERSION_3 = der.encode(der.CONTEXT_0, der.encode_natural(2))
_TRUE = der.encode(der.BOOLEAN, b"\xff")
_BASIC_CONSTRAINTS = der.object_identifier("2.5.29.19")
_KEY_USAGE = der.object_identifier("2.5.29.15")
_EXTENDED_KEY_USAGE = der.object_identifier("2.5.29.37")
_AUTHORITY_KEY_IDENTIFIER = der.object_identifier("2.5.29.35")
_SUBJECT_KEY_IDENTIFIER = der.object_identifier("2.5.29.14")
_CLIENT_AUTH = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.6.1.5.5.7.3.2"))


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """A client certificate before it is signed: all that it will hold."""

    ca: CACertificate
    request: VerifiedRequest
    serial: int
    not_before: datetime
    not_after: datetime

    def builder(self) -> x509.CertificateBuilder:
        """The certificate, to be signed."""
        return (
            self.ca.client_builder.subject_name(self.request.subject)
            .public_key(self.request.public_key)
            .serial_number(self.serial)
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.SubjectKeyIdentifier(_key_identifier(self.request.spki)), critical=False)
        )


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """How long client certificates are valid, and how far back they begin, for clients whose clocks are behind."""

    validity: timedelta = timedelta(days=90)
    backdate: timedelta = timedelta(minutes=1)

    def plan(self, request: VerifiedRequest, *, ca: CACertificate, serial: int, now: datetime) -> ClientPlan:
        """The certificate for a request. It begins and ends within the issuer's validity.

        Raises:
            ProfileViolation: the issuer is not valid at ``now``.
        """
        not_before, not_after = ca.window(now=now, backdate=self.backdate, validity=self.validity)
        return ClientPlan(ca, request, serial, not_before, not_after)


def check_client(certificate: x509.Certificate, plan: ClientPlan) -> bytes:
    """The certificate's DER, if it is, octet for octet, the planned one, and its signature is the issuer's.

    What is expected is written here by hand, field by field, not by the library that built the certificate.

    Raises:
        ProfileViolation: the first field that differs, by name.
    """
    if not 0 < plan.serial < 1 << MAX_SERIAL_BITS:
        raise ProfileViolation("serial number out of range")
    if not plan.ca.certificate.not_valid_before_utc <= plan.not_before < plan.not_after:
        raise ProfileViolation("validity begins before the issuer's, or after its end")
    if plan.not_after > plan.ca.certificate.not_valid_after_utc:
        raise ProfileViolation("validity ends after the issuer's")
    encoded = certificate.public_bytes(Encoding.DER)
    try:
        _check_octets(encoded, plan)
    except der.DERError as error:
        raise ProfileViolation("not DER") from error
    return encoded


def _check_octets(encoded: bytes, plan: ClientPlan) -> None:
    signed, algorithm, signature = der.read(
        der.unwrap(encoded, der.SEQUENCE), der.SEQUENCE, der.SEQUENCE, der.BIT_STRING
    )
    fields = [field.encoded for field in der.elements(signed.content)]
    expected = _expected_fields(plan)
    if len(fields) != len(expected):
        raise ProfileViolation("more or fewer fields than planned")
    for name, field, wanted in zip(_FIELDS, fields, expected, strict=True):
        if field != wanted:
            raise ProfileViolation(f"{name} is not as planned")
    # RFC 5280 4.1.1.2: the same as the one that is signed.
    if algorithm.encoded != plan.ca.algorithm.encoded:
        raise ProfileViolation("signature algorithm is not as planned")
    try:
        signatures.verify(
            plan.ca.public_key,
            algorithm=algorithm.encoded,
            signature=der.octets_of_bits(signature.content),
            signed=signed.encoded,
        )
    except InvalidSignature as error:
        raise ProfileViolation("signature is not the issuer's") from error


def _expected_fields(plan: ClientPlan) -> Sequence[bytes]:
    key_identifier = der.encode(der.OCTET_STRING, _key_identifier(plan.request.spki))
    extensions = plan.ca.client_extensions + _extension(_SUBJECT_KEY_IDENTIFIER, key_identifier)
    return (
        _VERSION_3,
        der.encode_natural(plan.serial),
        plan.ca.algorithm.encoded,
        plan.ca.encoded_name,
        der.encode(der.SEQUENCE, der.encode_time(plan.not_before), der.encode_time(plan.not_after)),
        plan.request.subject.public_bytes(),
        plan.request.spki,
        der.encode(der.CONTEXT_3, der.encode(der.SEQUENCE, extensions)),
    )


def _extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    identifier = der.encode(der.OBJECT_IDENTIFIER, oid)
    # X.690 11.5: the default, FALSE, is left out.
    return der.encode(der.SEQUENCE, identifier, _TRUE if critical else b"", der.encode(der.OCTET_STRING, value))


def _key_identifier(spki: bytes) -> bytes:
    """RFC 5280 4.2.1.2, method (1): the SHA-1 of the key's octets. It names a key and protects nothing."""
    _algorithm, key = der.elements(der.unwrap(spki, der.SEQUENCE))
    return sha1(der.octets_of_bits(key.content), usedforsecurity=False).digest()


def _usage(*, digital_signature: bool = False, ca: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def server_builder(ca: CACertificate, public_key: PublicKey, names: Sequence[str]) -> x509.CertificateBuilder:
    """Our own server's certificate: serial number and validity are still to come.

    The first name is also the common name, for old clients and for people; if it is too long for one, the subject is
    empty and the alternative names are critical (RFC 5280 4.1.2.6).

    Raises:
        ValueError: there is no name, or one is neither a DNS name nor an IP address.
    """
    if not names:
        raise ValueError("a server certificate needs a name")
    alternatives = [_general_name(name) for name in names]
    has_common_name = len(names[0]) <= _COMMON_NAME_BOUND
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if has_common_name else []
    return (
        ca.builder()
        .subject_name(x509.Name(subject))
        .public_key(public_key)
        .add_extension(_END_ENTITY, critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=not has_common_name)
        .add_extension(x509.AuthorityKeyIdentifier(ca.key_identifier, None, None), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        if not _DNS_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is neither a DNS name nor an IP address") from None
        return x509.DNSName(name)


def ca_builder(subject: x509.Name, public_key: IssuerPublicKey, *, path_length: int | None) -> x509.CertificateBuilder:
    """A CA certificate: issuer, serial number and validity are still to come, and the AKI if it is no root."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
