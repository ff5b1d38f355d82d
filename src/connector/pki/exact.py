"""The exact check of a certificate before it leaves: octet for octet what was planned, and signed by the issuer.

What is expected is made from the plan's values a second time, by the library that has no part in building: it encodes
the names and the extensions, and reads the numbers and times. Nobody else's tool notices a missing extended key usage,
or a certificate that outlives its issuer.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

from connector.pki import der, signatures
from connector.pki.authority import Authority, Content, ProfileViolation
from connector.pki.extensions import KeyUsage, Pointers, key_identifier
from connector.pki.general_names import GeneralName, NameKind
from connector.pki.plan import Plan

# RFC 5280 4.1.2.2: positive, at most 20 octets, of which the first bit is the sign.
MAX_SERIAL_BITS = 159

# The fields of a TBSCertificate (RFC 5280 4.1) by place, as it is with a version and without unique identifiers.
_FIELDS = ("version", "serial number", "signature algorithm", "issuer", "validity", "subject", "SPKI", "extensions")
_VERSION, _SERIAL, _ALGORITHM, _ISSUER, _VALIDITY, _SUBJECT, _SPKI, _EXTENSIONS = range(len(_FIELDS))
_CRITICAL = b"\x01\x01\xff"


class WrongSignature(ProfileViolation):
    """The signature is not the issuer's: its signer has another key, or is broken."""


def check(encoded: bytes, plan: Plan) -> None:
    """Return if the certificate (its DER) is exactly the planned one, and its signature is the issuer's.

    Raises:
        ProfileViolation: the first field that differs, by name.
        WrongSignature: everything is as planned but the signature.
    """
    _check_plan(plan)
    try:
        _check_octets(encoded, plan)
    except ValueError as error:
        raise ProfileViolation("not DER") from error


def _check_plan(plan: Plan) -> None:
    if not 0 < plan.serial < 1 << MAX_SERIAL_BITS:
        raise ProfileViolation("serial number out of range")
    if not plan.authority.first <= plan.not_before < plan.not_after:
        raise ProfileViolation("validity begins before the issuer's, or after its end")
    if plan.not_after > plan.authority.last:
        raise ProfileViolation("validity ends after the issuer's")


def _check_octets(encoded: bytes, plan: Plan) -> None:
    signed, algorithm, signature = der.read(
        der.unwrap(encoded, der.SEQUENCE), der.SEQUENCE, der.SEQUENCE, der.BIT_STRING
    )
    fields = [field.encoded for field in der.elements(signed.content)]
    if len(fields) != len(_FIELDS):
        raise ProfileViolation("more or fewer fields than planned")
    read = x509.load_der_x509_certificate(encoded)
    expected_extensions = _expected_extensions(plan)
    holds = (
        read.version is x509.Version.v3,
        read.serial_number == plan.serial,
        fields[_ALGORITHM] == plan.authority.algorithm.encoded,
        fields[_ISSUER] == plan.authority.name,
        (read.not_valid_before_utc, read.not_valid_after_utc) == (plan.not_before, plan.not_after),
        fields[_SUBJECT] == plan.subject.name.public_bytes(),
        fields[_SPKI] == plan.spki,
        fields[_EXTENSIONS] == der.encode(der.CONTEXT_3, der.encode(der.SEQUENCE, expected_extensions)),
    )
    for name, is_as_planned in zip(_FIELDS, holds, strict=True):
        if not is_as_planned:
            raise ProfileViolation(f"{name} is not as planned")
    # RFC 5280 4.1.1.2: the same as the one that is signed.
    if algorithm.encoded != plan.authority.algorithm.encoded:
        raise ProfileViolation("signature algorithm is not as planned")
    try:
        signatures.verify(
            plan.authority.public_key,
            algorithm=algorithm.encoded,
            signature=der.octets_of_bits(signature.content),
            signed=signed.encoded,
        )
    except InvalidSignature as error:
        raise WrongSignature("signature is not the issuer's") from error


def _expected_extensions(plan: Plan) -> bytes:
    own = _extension(x509.SubjectKeyIdentifier(key_identifier(plan.spki)))
    if plan.names:
        names = x509.SubjectAlternativeName([_GENERAL_NAMES[name.kind](name) for name in plan.names])
        own += _extension(names, critical=plan.names_are_critical)
    return _shared(plan.content, plan.authority) + own


@lru_cache(maxsize=64)
def _shared(content: Content, authority: Authority) -> bytes:
    pointers = content.pointers
    constraints = x509.BasicConstraints(ca=content.ca, path_length=content.path_length)
    expected = _extension(constraints, critical=True) + _extension(_usage(content.usages), critical=True)
    if content.purposes:
        purposes = [x509.ObjectIdentifier(purpose.value) for purpose in content.purposes]
        expected += _extension(x509.ExtendedKeyUsage(purposes))
    if pointers.crl:
        points = [x509.DistributionPoint([_url(url, authority)], None, None, None) for url in pointers.crl]
        expected += _extension(x509.CRLDistributionPoints(points))
    if pointers.ocsp or pointers.ca_issuers:
        expected += _extension(x509.AuthorityInformationAccess(_access(pointers, authority)))
    if content.no_check:
        expected += _extension(x509.OCSPNoCheck())
    if authority.key_identifier is not None:
        expected += _extension(x509.AuthorityKeyIdentifier(authority.key_identifier, None, None))
    return expected


def _extension(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    identifier = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(value.oid.dotted_string))
    octets = der.encode(der.OCTET_STRING, value.public_bytes())
    return der.encode(der.SEQUENCE, identifier, _CRITICAL if critical else b"", octets)


def _usage(usages: frozenset[KeyUsage]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=KeyUsage.DIGITAL_SIGNATURE in usages,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=KeyUsage.KEY_CERT_SIGN in usages,
        crl_sign=KeyUsage.CRL_SIGN in usages,
        encipher_only=False,
        decipher_only=False,
    )


def _access(pointers: Pointers, authority: Authority) -> list[x509.AccessDescription]:
    return [
        x509.AccessDescription(oid, _url(url, authority))
        for oid, urls in (
            (AuthorityInformationAccessOID.OCSP, pointers.ocsp),
            (AuthorityInformationAccessOID.CA_ISSUERS, pointers.ca_issuers),
        )
        for url in urls
    ]


def _url(pattern: str, authority: Authority) -> x509.UniformResourceIdentifier:
    """The URL for certificates of this CA, whose id is computed a second time."""
    key = authority.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return x509.UniformResourceIdentifier(pattern.replace("{ca}", sha256(authority.name + key).hexdigest()))


_GENERAL_NAMES: Mapping[NameKind, Callable[[GeneralName], x509.GeneralName]] = {
    NameKind.EMAIL: lambda name: x509.RFC822Name(name.value),
    NameKind.DNS: lambda name: x509.DNSName(name.value),
    NameKind.URI: lambda name: x509.UniformResourceIdentifier(name.value),
    NameKind.IP: lambda name: x509.IPAddress(ip_address(name.value)),
}
