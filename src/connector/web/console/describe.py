"""A certificate in words: every field and every extension."""

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

NOTHING = "-"

USAGES = {
    "digital_signature": "digital signature",
    "content_commitment": "content commitment",
    "key_encipherment": "key encipherment",
    "data_encipherment": "data encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": "signing certificates",
    "crl_sign": "signing CRLs",
}
PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "client authentication (TLS)",
    ExtendedKeyUsageOID.SERVER_AUTH: "server authentication (TLS)",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, what it says, and whether whoever does not understand it must refuse the certificate."""

    name: str
    values: tuple[str, ...]
    is_critical: bool | None = None


def described(der: bytes) -> list[Field]:
    """Every field in the order of RFC 5280 4.1; nothing where the octets are no certificate."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return [*_fields(certificate), *(_extension(each) for each in certificate.extensions)]
    except ValueError:
        return []


def _fields(certificate: x509.Certificate) -> Iterator[Field]:
    yield Field("Version", (f"{certificate.version.value + 1}",))
    yield Field("Serial number", (f"{certificate.serial_number:x}",))
    yield Field("Signature algorithm", (_algorithm(certificate),))
    yield Field("Issuer", _names(certificate.issuer))
    yield Field("Valid from", (f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC",))
    yield Field("Valid until", (f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",))
    yield Field("Subject", _names(certificate.subject))
    yield Field("Public key", (key_text(certificate),))
    yield Field("Fingerprint, SHA-256", (certificate.fingerprint(SHA256()).hex(":").upper(),))
    yield Field("Fingerprint, SHA-1", (certificate.fingerprint(SHA1()).hex(":").upper(),))  # noqa: S303 - to compare


def key_text(certificate: x509.Certificate) -> str:
    """The kind of the public key."""
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA, {key.key_size} bits, exponent {key.public_numbers().e}"
        case ec.EllipticCurvePublicKey() as key:
            return f"Elliptic curve {key.curve.name}, {key.key_size} bits"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case other:
            return type(other).__name__


def _algorithm(certificate: x509.Certificate) -> str:
    digest = certificate.signature_hash_algorithm
    if digest is None:
        return "Ed25519"
    kind = "RSA" if certificate.signature_algorithm_oid.dotted_string.startswith("1.2.840.113549") else "ECDSA"
    return f"{kind} with {digest.name.upper()}"


def _names(name: x509.Name) -> tuple[str, ...]:
    return tuple(f"{each.rfc4514_attribute_name} = {each.value!s}" for each in name)


def _extension(extension: x509.Extension[x509.ExtensionType]) -> Field:
    name, values = _extension_words(extension.value)
    return Field(name, values or (NOTHING,), extension.critical)


def _extension_words(value: x509.ExtensionType) -> tuple[str, tuple[str, ...]]:  # noqa: PLR0911 - one for each
    match value:
        case x509.BasicConstraints(ca=is_ca, path_length=length):
            most = "" if length is None else f", with at most {length} CA below it"
            return "Basic constraints", (f"a CA{most}" if is_ca else "no CA: it may sign no certificates",)
        case x509.KeyUsage():
            return "Key usage", tuple(text for name, text in USAGES.items() if getattr(value, name))
        case x509.ExtendedKeyUsage():
            return "Extended key usage", tuple(PURPOSES.get(each, each.dotted_string) for each in value)
        case x509.SubjectKeyIdentifier(digest=digest):
            return "Subject key identifier", (digest.hex(":").upper(),)
        case x509.AuthorityKeyIdentifier(key_identifier=identifier):
            return "Authority key identifier", ((identifier or b"").hex(":").upper(),)
        case x509.SubjectAlternativeName():
            return "Subject alternative name", tuple(str(each.value) for each in value)
        case x509.CRLDistributionPoints():
            return "CRL distribution points", tuple(
                str(each.value) for point in value for each in point.full_name or ()
            )
        case x509.AuthorityInformationAccess():
            kinds = {AuthorityInformationAccessOID.OCSP: "OCSP", AuthorityInformationAccessOID.CA_ISSUERS: "issuer"}
            return "Authority information access", tuple(
                f"{kinds.get(each.access_method, each.access_method.dotted_string)}: {each.access_location.value}"
                for each in value
            )
        case other:
            return f"Extension {other.oid.dotted_string}", ("not read here; see the PEM",)
