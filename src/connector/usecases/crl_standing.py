"""The standing of a certificate in its CA's CRL, which may be older than the inventory."""

from dataclasses import dataclass
from datetime import datetime

from connector.domain.certificates import Certificate
from connector.domain.crls import CRLRecord
from connector.pki.crl_entries import CRLEntry, entry_of


@dataclass(frozen=True, slots=True)
class CRLStanding:
    """The newest CRL, and its entry of the certificate, None where it does not list it."""

    record: CRLRecord
    entry: CRLEntry | None

    def word(self, *, now: datetime) -> str:
        """The result in words: ``listed``, ``not listed``, or ``ended`` for a CRL that nobody accepts any more."""
        if not self.record.is_fresh(now=now):
            return "ended"
        return "not listed" if self.entry is None else "listed"


def standing(certificate: Certificate, record: CRLRecord, octets: bytes) -> CRLStanding:
    """The certificate's standing in this CRL of its CA. To read a long CRL takes a while."""
    return CRLStanding(record, entry_of(octets, int(certificate.serial, 16)))
