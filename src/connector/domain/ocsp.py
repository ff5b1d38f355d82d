"""OCSP (RFC 6960): the status of a certificate, how long an answer holds, when a responder's certificate is due.

An issuer does not sign answers itself. It certifies a key of this process, the *responder's*, for a short time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connector.domain.certificates import RevocationReason

RESPONDER_VALIDITY = timedelta(days=2)
"""How long a responder's certificate is valid. Verifiers do not ask whether it is revoked, so it is short-lived."""


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """The recorded status of an issued certificate. ``issuer`` is a fingerprint. An unrecorded one has no status."""

    issuer: bytes
    revoked_at: datetime | None
    reason: RevocationReason | None


@dataclass(frozen=True, slots=True)
class Period:
    """The time for which an answer holds, in whole seconds; both ends are inclusive."""

    this_update: datetime
    next_update: datetime


def period(*, now: datetime, validity: timedelta, last: datetime) -> Period:
    """The period of an answer that is given now. ``last`` is the end of the responder's certificate."""
    begin = now.astimezone(UTC).replace(microsecond=0)
    return Period(begin, min(begin + validity, last))


def is_responder_due(first: datetime, last: datetime, *, end: datetime, now: datetime) -> bool:
    """Whether a responder's certificate with this validity should be replaced. ``end`` is that of the issuer's own.

    One from the future is replaced as well: the clock was wrong when it was made.
    """
    return now < first or (now >= first + (last - first) / 2 and last < end)
