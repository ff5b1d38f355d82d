"""Certificates of a CA that is not ours, read by their octets: no two readers can see two holders in one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from connector.pki import der, names, signatures
from connector.pki.signatures import IssuerPublicKey

LEAST_RSA_BITS = 2048

# RFC 5280 4.1: version, serial number, signature, issuer, validity, subject, subjectPublicKeyInfo.
_ISSUER, _SUBJECT, _KEY = 3, 5, 6


@dataclass(frozen=True, slots=True)
class Presented:
    """A certificate as it came in. ``issuer`` is the DER of its issuer's name; both ends of its validity are inclusive.

    ``common_names`` are the values of all common names in its subject; one that is neither a UTF8String nor a
    PrintableString, or holds a NUL, is None, since readers do not agree on the others.
    """

    der: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    serial: int
    common_names: tuple[str | None, ...]
    key: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    _parsed: x509.Certificate = field(repr=False, compare=False)

    @classmethod
    def read(cls, encoded: bytes) -> "Presented":
        """The content of the certificate.

        Raises:
            ValueError: it is not the DER of a certificate.
        """
        parsed = x509.load_der_x509_certificate(encoded)
        fields = _fields(parsed)
        return cls(
            encoded,
            fields[_ISSUER].encoded,
            parsed.serial_number,
            names.common_names(fields[_SUBJECT].encoded),
            sha256(fields[_KEY].encoded).digest(),
            parsed.not_valid_before_utc,
            parsed.not_valid_after_utc,
            parsed,
        )

    def is_signed_by(self, issuer: "AdoptedCA") -> bool:
        """Whether the CA's key signed it, with SHA-2."""
        if self.issuer != issuer.name:
            return False
        outer = der.elements(der.unwrap(self.der, der.SEQUENCE))
        try:
            signatures.verify(
                issuer.public_key,
                algorithm=outer[1].encoded,
                signature=self._parsed.signature,
                signed=self._parsed.tbs_certificate_bytes,
            )
        except (signatures.AlgorithmError, InvalidSignature):
            return False
        return True


# No slots: the name is computed once.
@dataclass(frozen=True, eq=False)
class AdoptedCA:
    """A CA whose certificates are accepted.

    Raises:
        ValueError: it is no CA, or has a key that is too weak or of a kind that is not accepted.
    """

    certificate: x509.Certificate

    def __post_init__(self) -> None:
        try:
            is_ca = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            is_ca = False
        if not is_ca:
            raise ValueError("it is not the certificate of a CA (RFC 5280 4.2.1.9)")
        key = self.public_key
        if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
            raise ValueError(f"its RSA key has fewer than {LEAST_RSA_BITS} bits")
        signatures.issuer_algorithm(key)

    @classmethod
    def read(cls, encoded: bytes) -> "AdoptedCA":
        """The CA with this certificate (DER).

        Raises:
            ValueError: see the class.
        """
        return cls(x509.load_der_x509_certificate(encoded))

    @cached_property
    def public_key(self) -> IssuerPublicKey:
        """The CA's key."""
        key = self.certificate.public_key()
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            raise ValueError("its key is neither RSA nor EC")  # noqa: TRY004 - a wrong certificate
        return key

    @cached_property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the certificate."""
        return sha256(self.der).digest()

    def has_key_of(self, encoded: bytes) -> bool:
        """Whether the certificate with this DER has the same key."""
        return x509.load_der_x509_certificate(encoded).public_key() == self.public_key

    @cached_property
    def name(self) -> bytes:
        """The DER of its subject. Issuer and subject are compared by octets (RFC 5280 4.1.2.6)."""
        return _fields(self.certificate)[_SUBJECT].encoded


def subject_values(certificate: x509.Certificate) -> Mapping[str, str]:
    """The attributes of its subject that all subjects here share; see :func:`names.shared_values`."""
    return names.shared_values(_fields(certificate)[_SUBJECT].encoded)


def _fields(certificate: x509.Certificate) -> list[der.Element]:
    fields = der.elements(der.unwrap(certificate.tbs_certificate_bytes, der.SEQUENCE))
    # The version is left out of a certificate of version 1; nothing that matters here stands before it.
    return fields if fields[0].tag == der.CONTEXT_0 else [der.Element(der.CONTEXT_0, b"", b""), *fields]
