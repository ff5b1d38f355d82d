"""Certificate revocation lists, and the revocations for them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.crls import CRLRecord, Entries, Place


class CRLs(Protocol):
    """The newest CRL of each scope, which all replicas serve, and the revocations that the next one lists."""

    def list(self) -> Sequence[CRLRecord]:
        """The records of the CRLs that were published, by scope."""

    def octets(self, scope: bytes, number: int) -> bytes | None:
        """The DER of the scope's CRL; None if it no longer has that number."""

    def claim(self, record: CRLRecord, *, now: datetime, before: datetime) -> bool:
        """Claim to make the successor of this record, or the scope's first CRL if its number is 0.

        True for one caller, until ``before`` is later than its claim, or the successor is published. The transaction
        runs alone.
        """

    def publish(self, record: CRLRecord, octets: bytes, *, after: int) -> bool:
        """Replace the CRL numbered ``after``, and end the claim. Of two at once, one wins; False for the other."""

    def count(self, issuers: Collection[bytes], *, since: datetime) -> int:
        """How many certificates of these issuers, valid at ``since`` or later, are revoked."""

    def entries(self, issuer: bytes, *, since: datetime, until: datetime, after: Place | None, most: int) -> Entries:
        """Those that :meth:`count` counts, as they are listed in a CRL of the time ``until``
        (:func:`connector.pki.crl.entries`), by ``not_after`` and serial: those after that place, ``most`` at most.

        Raises ValueError where a serial number or a reason is none that a CRL can list.
        """
