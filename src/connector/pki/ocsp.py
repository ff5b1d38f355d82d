"""OCSP (RFC 6960): what a request asks about, and the octets of signed answers.

The library reads requests. Answers are written here: the library's builder takes longer than the signature. Tests
compare the octets with those of the builder.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from hashlib import sha1, sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from connector.domain.ocsp import CertificateStatus, Period
from connector.domain.refusals.ocsp import OCSPIssuerUnknown, OCSPRequestMalformed
from connector.pki import der, extensions, signatures
from connector.pki.authority import Authority
from connector.pki.crl import reason_code
from connector.pki.exact import MAX_SERIAL_BITS
from connector.pki.signer import Signer

MOST_NONCE_OCTETS = 128
"""RFC 9654 2.1."""

_BASIC = der.encode(der.OBJECT_IDENTIFIER, der.object_identifier("1.3.6.1.5.5.7.48.1.1"))
_NONCE = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
# CertStatus (4.2.1): [0] and [2] around nothing.
_GOOD, _UNKNOWN = b"\x80\0", b"\x82\0"
# An extension has an identifier, a value, and between them whether it is critical, if it is (X.690 11.5).
_FIELDS_IF_CRITICAL = 3


class ResponseStatus(IntEnum):
    """OCSPResponseStatus (4.2.1): that of every answer, and the whole answer where it is not successful."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


class IssuerID(NamedTuple):
    """An issuer as a request names it: digests of its name and of its key, and the digests' algorithm."""

    algorithm: str
    name: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class OCSPRequest:
    """A question about one certificate. ``encoded`` is its CertID as it was sent, which the answer repeats."""

    issuer: IssuerID
    serial: int
    nonce: bytes | None
    encoded: bytes = field(repr=False)


def issuer_ids(authority: Authority) -> Iterator[IssuerID]:
    """All names by which requests may mean this authority."""
    key = extensions.key_octets(signatures.encoded_key(authority.public_key))
    # RFC 5019 2.1.1: SHA-1 is what clients send. It names an issuer and protects nothing.
    yield IssuerID(
        "sha1", sha1(authority.name, usedforsecurity=False).digest(), sha1(key, usedforsecurity=False).digest()
    )
    yield IssuerID("sha256", sha256(authority.name).digest(), sha256(key).digest())


def read_request(octets: bytes) -> OCSPRequest:
    """The question of a request (its DER). That it is signed does not matter: everybody may ask.

    Raises:
        OCSPRequestMalformed: it cannot be read, or is not one that is answered here.
        OCSPIssuerUnknown: it names its issuer by digests that nobody of ours is named by.
    """
    try:
        read = ocsp.load_der_ocsp_request(octets)
        nonce = _nonce(read.extensions)
        encoded = _certificate_id(octets)
        serial = read.serial_number
        issuer = IssuerID(read.hash_algorithm.name, read.issuer_name_hash, read.issuer_key_hash)
    except UnsupportedAlgorithm as error:
        raise OCSPIssuerUnknown from error
    # The library does not read requests about several certificates (RFC 5019 2.1.1 has one).
    except (ValueError, NotImplementedError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise OCSPRequestMalformed from error
    if not 0 < serial < 1 << MAX_SERIAL_BITS:
        raise OCSPRequestMalformed
    return OCSPRequest(issuer, serial, nonce, encoded)


def _nonce(held: x509.Extensions) -> bytes | None:
    """The nonce among the request's extensions.

    Raises:
        OCSPRequestMalformed: its length is not allowed, or another extension is critical and not known here.
    """
    nonce: bytes | None = None
    for each in held:
        if isinstance(each.value, x509.OCSPNonce):
            nonce = each.value.nonce
            # RFC 9654 2.1: must be rejected.
            if not 1 <= len(nonce) <= MOST_NONCE_OCTETS:
                raise OCSPRequestMalformed
        elif each.critical:
            raise OCSPRequestMalformed
    return nonce


def _certificate_id(octets: bytes) -> bytes:
    """The CertID of the only question in a request, which the library has read.

    Raises:
        OCSPRequestMalformed: the question has a critical extension, which the library does not show.
        ValueError: it is not DER.
    """
    signed = der.elements(der.unwrap(octets, der.SEQUENCE))[0]
    (questions,) = (each for each in der.elements(signed.content) if each.tag == der.SEQUENCE)
    identifier, *held = der.elements(der.unwrap(questions.content, der.SEQUENCE))
    for each in held:
        for extension in der.elements(der.unwrap(each.content, der.SEQUENCE)):
            if len(der.elements(extension.content)) == _FIELDS_IF_CRITICAL:
                raise OCSPRequestMalformed
    return identifier.encoded


_UNSUCCESSFUL: Mapping[ResponseStatus, bytes] = {
    status: der.encode(der.SEQUENCE, der.encode(der.ENUMERATED, bytes((status,)))) for status in ResponseStatus
}


def unsuccessful(status: ResponseStatus) -> bytes:
    """The answer that only says why there is none. It is not signed (4.2.1)."""
    return _UNSUCCESSFUL[status]


# No slots: the parts common to every answer are computed once.
@dataclass(frozen=True, eq=False)
class Responder:
    """Signs answers for one issuer, which has certified its key for that."""

    certificate: x509.Certificate
    signer: Signer = field(repr=False)

    @property
    def first(self) -> datetime:
        """From when on its answers are good."""
        return self.certificate.not_valid_before_utc

    @property
    def last(self) -> datetime:
        """Until when they are."""
        return self.certificate.not_valid_after_utc

    def answer(self, request: OCSPRequest, status: CertificateStatus | None, period: Period) -> bytes:
        """The OCSPResponse (its DER). None is the status of a certificate that is not recorded.

        Raises:
            SignerError: the signer gives no signature.
        """
        signed = self.to_be_signed(request, status, period)
        algorithm = self._algorithm
        signature = der.encode(der.BIT_STRING, b"\0", self.signer.sign(signed, algorithm))
        basic = der.encode(der.SEQUENCE, signed, algorithm.encoded, signature, self._certificates)
        typed = der.encode(der.SEQUENCE, _BASIC, der.encode(der.OCTET_STRING, basic))
        return der.encode(der.SEQUENCE, _SUCCESSFUL, der.encode(der.CONTEXT_0, typed))

    def to_be_signed(self, request: OCSPRequest, status: CertificateStatus | None, period: Period) -> bytes:
        """The ResponseData (4.2.1)."""
        begin = der.encode_generalized_time(period.this_update)
        end = der.encode(der.CONTEXT_0, der.encode_generalized_time(period.next_update))
        single = der.encode(der.SEQUENCE, request.encoded, _status(status, period.this_update), begin, end)
        held = b""
        if request.nonce is not None:
            # 4.4.1: the nonce is an OCTET STRING within the extension's.
            nonce = extensions.extension(_NONCE, der.encode(der.OCTET_STRING, request.nonce))
            held = der.encode(der.CONTEXT_1, der.encode(der.SEQUENCE, nonce))
        return der.encode(der.SEQUENCE, self._id, begin, der.encode(der.SEQUENCE, single), held)

    @cached_property
    def _algorithm(self) -> signatures.IssuerAlgorithm:
        return signatures.issuer_algorithm(self.signer.public_key)

    @cached_property
    def _id(self) -> bytes:
        """ResponderID, byKey: the SHA-1 of the key."""
        spki = signatures.encoded_key(self.signer.public_key)
        return der.encode(der.CONTEXT_2, der.encode(der.OCTET_STRING, extensions.key_identifier(spki)))

    @cached_property
    def _certificates(self) -> bytes:
        encoded = self.certificate.public_bytes(Encoding.DER)
        return der.encode(der.CONTEXT_0, der.encode(der.SEQUENCE, encoded))


_SUCCESSFUL = der.encode(der.ENUMERATED, bytes((ResponseStatus.SUCCESSFUL,)))


def _status(status: CertificateStatus | None, now: datetime) -> bytes:
    """CertStatus (4.2.1). No revocation is dated after the answer."""
    if status is None:
        return _UNKNOWN
    if status.revoked_at is None:
        return _GOOD
    revoked_at = der.encode_generalized_time(min(status.revoked_at, now).replace(microsecond=0))
    code = reason_code(status.reason)
    reason = b"" if code is None else der.encode(der.CONTEXT_0, der.encode(der.ENUMERATED, bytes((code,))))
    return der.encode(der.CONTEXT_1, revoked_at, reason)
