"""An authority, as the certificates under it see it: its name, its key, how long it is valid."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from connector.pki import der, extensions, signatures
from connector.pki.extensions import NO_POINTERS, KeyUsage, Pointers, Purpose
from connector.pki.signatures import IssuerAlgorithm, IssuerPublicKey

# Where a TBSCertificate with a version holds its subject (RFC 5280 4.1).
_SUBJECT = 5


class ProfileViolation(Exception):  # noqa: N818 - named for what is wrong; a fault of ours, no caller's
    """A certificate is not what was planned, or nothing that fits the profile can be planned. It must not leave."""


@dataclass(frozen=True, slots=True)
class Content:
    """The common content of all certificates of a kind under one authority: constraints, usages, purposes, pointers.

    Whether one with ``no_check`` is revoked, nobody has to ask: it is an OCSP responder's.
    """

    usages: frozenset[KeyUsage]
    purposes: tuple[Purpose, ...] = ()
    pointers: Pointers = NO_POINTERS
    ca: bool = False
    path_length: int | None = None
    no_check: bool = False

    def __hash__(self) -> int:
        """Made for every certificate, so not of all fields: there are few contents."""
        return hash((self.ca, self.path_length, self.no_check))


# No slots: the parts common to every certificate are computed once.
@dataclass(frozen=True, eq=False)
class Authority:
    """A CA that signs. ``name`` is its subject's DER, ``first`` and ``last`` are the inclusive ends of its validity.

    ``key_identifier`` is None for a root that signs itself: it has no authority key identifier (RFC 5280 4.2.1.1).

    Raises:
        ValueError: its key is none that we sign with.
    """

    name: bytes = field(repr=False)
    public_key: IssuerPublicKey
    key_identifier: bytes | None
    first: datetime
    last: datetime
    _encoded: dict[Content, bytes] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        signatures.issuer_algorithm(self.public_key)

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """The authority that a CA certificate speaks of.

        Raises:
            ValueError: it is no CA certificate, may not sign certificates and CRLs, or its key is none of ours.
        """
        held = certificate.extensions
        try:
            constraints = held.get_extension_for_class(x509.BasicConstraints).value
            usage = held.get_extension_for_class(x509.KeyUsage).value
            identifier = held.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        except x509.ExtensionNotFound as error:
            raise ValueError(
                "a CA certificate holds basicConstraints, keyUsage and a subject key identifier"
            ) from error
        if not (constraints.ca and usage.key_cert_sign and usage.crl_sign):
            raise ValueError("the certificate is not one of a CA that may sign certificates and CRLs")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            raise ValueError("an issuer's key is RSA, P-256, P-384 or P-521")  # noqa: TRY004 - a wrong certificate
        # Issuer and subject are compared by octets (RFC 5280 4.1.2.6), so the name is taken as it stands there.
        fields = der.elements(der.unwrap(certificate.tbs_certificate_bytes, der.SEQUENCE))
        return cls(
            fields[_SUBJECT].encoded, key, identifier, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        )

    @cached_property
    def id(self) -> bytes:
        """The SHA-256 over its name and key, which stay the same when its certificate is renewed."""
        return sha256(self.name + signatures.encoded_key(self.public_key)).digest()

    @cached_property
    def algorithm(self) -> IssuerAlgorithm:
        """How it signs."""
        return signatures.issuer_algorithm(self.public_key)

    def window(self, *, now: datetime, backdate: timedelta, validity: timedelta) -> tuple[datetime, datetime]:
        """From ``backdate`` before ``now`` to ``validity`` after it, in whole seconds, within the CA's own validity.

        Raises:
            ProfileViolation: the CA is not valid at ``now``.
        """
        if not self.first <= now <= self.last:
            raise ProfileViolation("the issuer's certificate is not valid now")
        now = now.astimezone(UTC).replace(microsecond=0)
        return max(now - backdate, self.first), min(now + validity, self.last)

    def encoded(self, content: Content) -> bytes:
        """The DER of the extensions that all certificates of this content under this authority share."""
        found = self._encoded.get(content)
        if found is None:
            found = self._encoded[content] = self._encode(content)
        return found

    def _encode(self, content: Content) -> bytes:
        pointers = content.pointers.of(self.id)
        return (
            extensions.basic_constraints(ca=content.ca, path_length=content.path_length)
            + extensions.key_usage(content.usages)
            + (extensions.extended_key_usage(content.purposes) if content.purposes else b"")
            + extensions.crl_distribution_points(pointers.crl)
            + extensions.authority_information_access(pointers)
            + (extensions.ocsp_no_check() if content.no_check else b"")
            + (b"" if self.key_identifier is None else extensions.authority_key_identifier(self.key_identifier))
        )
