"""The entry of one certificate in a CRL, as a relying party reads it."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509


@dataclass(frozen=True, slots=True)
class CRLEntry:
    """An entry. ``reason`` has the name of RFC 5280 5.3.1, and is None where the CRL gives none."""

    revoked_at: datetime
    reason: str | None


def entry_of(crl: bytes, serial: int) -> CRLEntry | None:
    """The entry of the certificate with this serial number in a CRL (DER); None if it is not listed."""
    found = x509.load_der_x509_crl(crl).get_revoked_certificate_by_serial_number(serial)
    if found is None:
        return None
    try:
        reason = found.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = None
    return CRLEntry(found.revocation_date_utc, reason)
