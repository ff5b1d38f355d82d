"""CRLs (RFC 5280 section 5): their octets, written piece by piece, and their signature.

A list of a million entries has 46 MB. Its entries come in pages: this module encodes them, or the database does, from
the parts that :func:`usual_entry` names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from connector.domain.certificates import RevocationReason
from connector.domain.crls import Revocation
from connector.pki import der, extensions, signatures
from connector.pki.authority import Authority
from connector.pki.exact import MAX_SERIAL_BITS, WrongSignature
from connector.pki.signer import Signer

_VERSION_2 = der.encode_natural(1)
_CRL_NUMBER = der.object_identifier("2.5.29.20")
_REASON_CODE = der.object_identifier("2.5.29.21")
# RFC 5280 5.3.1. The reason code should be absent instead of unspecified.
_REASONS: Mapping[RevocationReason | None, int | None] = {
    None: None,
    RevocationReason.UNSPECIFIED: None,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
}


def reason_code(reason: RevocationReason | None) -> int | None:
    """The CRLReason of a revocation; None where there is to be none."""
    return _REASONS[reason]


def scope_of(authority: Authority) -> bytes:
    """The scope of the authority's CRL: all that its name and key sign."""
    return authority.id


def entries(revocations: Iterable[Revocation], *, until: datetime) -> bytes:
    """The DER of these entries. None is dated after ``until``, the time of the CRL.

    Raises:
        ValueError: a serial number is none that a certificate can have.
    """
    tails: dict[tuple[datetime, RevocationReason | None], bytes] = {}
    encoded: list[bytes] = []
    for _, text, revoked_at, reason in revocations:
        serial = int(text, 16)
        # RFC 5280 4.1.2.2. All lengths below are less than 128 then, and have one octet.
        if not 0 < serial < 1 << MAX_SERIAL_BITS:
            raise ValueError("a serial number is out of range")
        tail = tails.get((revoked_at, reason))
        if tail is None:
            tail = tails[revoked_at, reason] = _tail(min(revoked_at, until), reason)
        length = serial.bit_length() // 8 + 1
        encoded.append(
            bytes((der.SEQUENCE, 2 + length + len(tail), der.INTEGER, length)) + serial.to_bytes(length) + tail
        )
    return b"".join(encoded)


def _tail(revoked_at: datetime, reason: RevocationReason | None) -> bytes:
    """The part of an entry after the serial number."""
    return der.encode_time(revoked_at.astimezone(UTC).replace(microsecond=0)) + _extensions(reason)


def _extensions(reason: RevocationReason | None) -> bytes:
    """The extensions of an entry."""
    code = reason_code(reason)
    if code is None:
        return b""
    return der.encode(der.SEQUENCE, extensions.extension(_REASON_CODE, der.encode(der.ENUMERATED, bytes((code,)))))


USUAL_SERIAL_OCTETS = 20
"""The length of the serial numbers that we give, as INTEGERs."""

_UTC_TIME_OCTETS = len("YYMMDDHHMMSSZ")


class UsualEntry(NamedTuple):
    """The constant parts of an entry whose serial number has the usual length and whose time is a UTCTime: what comes
    before the serial number, before the twelve digits of the time, and after them.
    """

    before_serial: bytes
    before_time: bytes
    after_time: bytes


def usual_entry(reason: RevocationReason | None) -> UsualEntry:
    """The constant parts of an entry with this reason."""
    held = _extensions(reason)
    serial, moment = der.head(der.INTEGER, USUAL_SERIAL_OCTETS), der.head(der.UTC_TIME, _UTC_TIME_OCTETS)
    length = len(serial) + USUAL_SERIAL_OCTETS + len(moment) + _UTC_TIME_OCTETS + len(held)
    return UsualEntry(der.head(der.SEQUENCE, length) + serial, moment, b"Z" + held)


@dataclass(frozen=True, slots=True)
class CRLPlan:
    """A full CRL: all that it holds besides its entries. Both times are whole seconds."""

    authority: Authority
    number: int
    this_update: datetime
    next_update: datetime

    def to_be_signed(self, pages: Sequence[bytes]) -> bytes:
        """The TBSCertList (RFC 5280 5.1), with the entries that are encoded in ``pages``.

        Raises:
            ValueError: the authority has no key identifier, by which a CRL names its key (5.2.1).
        """
        return b"".join(self._to_be_signed(pages))

    def _to_be_signed(self, pages: Sequence[bytes]) -> Sequence[bytes]:
        """The same in pieces."""
        if self.authority.key_identifier is None:
            raise ValueError("a CRL's issuer has a key identifier")
        size = sum(map(len, pages))
        before = (
            _VERSION_2
            + self.authority.algorithm.encoded
            + self.authority.name
            + der.encode_time(self.this_update)
            + der.encode_time(self.next_update)
            + (der.head(der.SEQUENCE, size) if size else b"")  # 5.1.2.6: absent where nothing is revoked
        )
        after = der.encode(
            der.CONTEXT_0,
            der.encode(
                der.SEQUENCE,
                extensions.authority_key_identifier(self.authority.key_identifier),
                extensions.extension(_CRL_NUMBER, der.encode_natural(self.number)),
            ),
        )
        return (der.head(der.SEQUENCE, len(before) + size + len(after)), before, *pages, after)

    def sign(self, pages: Sequence[bytes], signer: Signer) -> bytes:
        """The CRL's DER. The signature is verified: a signer need not be believed.

        Raises:
            SignerError: the signer gives no signature.
            WrongSignature: what it gives is not the signature of the authority's key.
        """
        algorithm = self.authority.algorithm
        pieces = self._to_be_signed(pages)
        signature = self._signature(b"".join(pieces), signer)  # a copy that is gone before the next one is made
        after = algorithm.encoded + der.encode(der.BIT_STRING, b"\0", signature)
        return b"".join((der.head(der.SEQUENCE, sum(map(len, pieces)) + len(after)), *pieces, after))

    def _signature(self, signed: bytes, signer: Signer) -> bytes:
        algorithm = self.authority.algorithm
        signature = signer.sign(signed, algorithm)
        try:
            signatures.verify(
                self.authority.public_key, algorithm=algorithm.encoded, signature=signature, signed=signed
            )
        except InvalidSignature as error:
            raise WrongSignature("the CRL's signature is not the issuer's") from error
        return signature
