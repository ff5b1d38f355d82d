"""CRLs as the agent takes them: full ones, signed by a CA that a trust anchor vouches for, each newer than the last."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from connector.pki.authority import Authority

# A CRL that was made by a clock somewhat ahead of ours is taken.
SKEW = timedelta(minutes=5)

# What cryptography raises at DER that is no CRL, or not one that it can judge.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
)
_END = b"-----END X509 CRL-----"


class CRLUnusable(Exception):  # noqa: N818 - named for what is wrong
    """A CA or a CRL is not taken; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class CA:
    """A CA that a trust anchor vouches for."""

    certificate: x509.Certificate = field(repr=False)
    authority: Authority = field(repr=False)

    @property
    def id(self) -> str:
        """The SHA-256 over its name and key, in hexadecimal, by which the server names it."""
        return self.authority.id.hex()

    @property
    def title(self) -> str:
        """Its common name, or its whole name where it has none."""
        names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self.certificate.subject.rfc4514_string()

    @property
    def pem(self) -> bytes:
        """Its certificate's PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


def cas(pem: bytes, anchors: Sequence[x509.Certificate]) -> Sequence[CA]:
    """The CAs whose certificates these are, one for each name and key.

    Raises:
        CRLUnusable: it is no list of certificates, or no anchor vouches for one of them.
    """
    try:
        found = [_ca(certificate, anchors) for certificate in x509.load_pem_x509_certificates(pem)]
    except _UNREADABLE as error:
        raise CRLUnusable(f"what is served as the list of CAs is none: {error}") from error
    return list({each.id: each for each in found}.values())


def _ca(certificate: x509.Certificate, anchors: Iterable[x509.Certificate]) -> CA:
    is_whole = _has_whole_octets(certificate.public_bytes(Encoding.DER), certificate.signature)
    if not is_whole or not any(_vouches(anchor, certificate) for anchor in anchors):
        name = certificate.subject.rfc4514_string()
        raise CRLUnusable(f"{name} is listed as a CA, and is neither a trust anchor nor issued by one")
    return CA(certificate, Authority.of(certificate))


def _vouches(anchor: x509.Certificate, certificate: x509.Certificate) -> bool:
    if anchor.fingerprint(SHA256()) == certificate.fingerprint(SHA256()):
        return True
    try:
        certificate.verify_directly_issued_by(anchor)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _has_whole_octets(der: bytes, signature: bytes) -> bool:
    """Whether the BIT STRING of the signature, which is at the end of the DER (RFC 5280 4.1, 5.1), has no unused bits.
    Where the last bits are 0, cryptography would take one that has; others would not.
    """
    return der[-len(signature) - 1] == 0


@dataclass(frozen=True, slots=True)
class CRL:
    """A full CRL with the signature of its CA."""

    ca: CA
    octets: bytes = field(repr=False)
    number: int
    this_update: datetime
    next_update: datetime
    entries: int

    @property
    def pem(self) -> bytes:
        """Its PEM."""
        return x509.load_der_x509_crl(self.octets).public_bytes(Encoding.PEM)

    def is_over(self, now: datetime) -> bool:
        """Whether no verifier takes it any more."""
        return now > self.next_update


def read(ca: CA, octets: bytes) -> CRL:
    """The CRL in this DER (RFC 5280 5.1).

    Raises:
        CRLUnusable: it is none, not a full one, or not one of this CA.
    """
    try:
        crl = x509.load_der_x509_crl(octets)
        is_whole = _has_whole_octets(octets, crl.signature)
        is_ours = crl.issuer == ca.certificate.subject and crl.is_signature_valid(ca.authority.public_key)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        # A delta CRL, and one of some certificates only, say so in critical extensions (5.2.4, 5.2.5).
        is_full = not any(each.critical for each in crl.extensions)
    except _UNREADABLE as error:
        raise CRLUnusable(f"what is served as the CRL of {ca.title} is none") from error
    if not (is_whole and is_ours):
        raise CRLUnusable(f"the CRL of {ca.title} is not signed by it")
    if not is_full or crl.next_update_utc is None:
        raise CRLUnusable(f"the CRL of {ca.title} is not a full one")
    return CRL(ca, octets, number, crl.last_update_utc, crl.next_update_utc, len(crl))


def judge(crl: CRL, held: CRL | None, now: datetime) -> None:
    """Return if this CRL may follow the one that is held.

    Raises:
        CRLUnusable: it is over, begins later than now, or is older than the one that is held.
    """
    if crl.is_over(now):
        raise CRLUnusable(f"the CRL of {crl.ca.title} ended at {_text(crl.next_update)}; it is {_text(now)} here")
    if crl.this_update > now + SKEW:
        raise CRLUnusable(f"the CRL of {crl.ca.title} begins at {_text(crl.this_update)}; it is {_text(now)} here")
    if held is not None and crl.number < held.number:
        raise CRLUnusable(
            f"the CRL of {crl.ca.title} has the number {crl.number}, and {held.number} is held: it is an older one"
        )


def kept(pem: bytes, known: Sequence[CA]) -> Iterator[CRL]:
    """The CRLs of these CAs in a PEM; whatever else it holds is left out."""
    for block in pem.split(_END)[:-1]:
        try:
            octets = x509.load_pem_x509_crl(block + _END).public_bytes(Encoding.DER)
        except ValueError:
            continue
        for ca in known:
            with suppress(CRLUnusable):
                yield read(ca, octets)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
