"""Certificate revocation lists: when one is due, which number it has, and whom it lists (RFC 5280 section 5).

A CRL covers a scope: all certificates that one issuer name and key signed, whichever of the issuer's own certificates
was in use. So ``scope`` is the SHA-256 over that name and key.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from connector.domain.certificates import RevocationReason

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

OVERDUE_AFTER = 0.6
"""A CRL is replaced before half of its validity. One that is older than this share of it is reported."""


class Revocation(NamedTuple):
    """The entry of one certificate in a CRL. ``serial`` is lower-case hex. ``not_after`` is not in the CRL."""

    not_after: datetime
    serial: str
    revoked_at: datetime
    reason: RevocationReason | None


Place = tuple[datetime, str]
"""Where a page of entries ends: the end of validity and the serial number of the last certificate."""


class Entries(NamedTuple):
    """A page of a CRL's entries: their DER, their number, and where the page ends; None after the last page."""

    octets: bytes
    number: int
    last: Place | None


@dataclass(frozen=True, slots=True)
class CRLSchedule:
    """How long a CRL is valid, and how often one is made although nothing has changed."""

    validity: timedelta
    interval: timedelta


@dataclass(frozen=True, slots=True)
class CRLRecord:
    """The newest CRL of a scope, without its octets.

    It lists the revoked certificates that were valid at ``since`` or later; ``entries`` is their number.
    ``scheduled_at`` is the time of the newest CRL that was made because it was time, and not because of a revocation.
    ``number`` is 0 where none is made yet.
    """

    scope: bytes
    number: int
    this_update: datetime
    next_update: datetime
    since: datetime
    scheduled_at: datetime
    entries: int

    def with_entries(self, number: int) -> "CRLRecord":
        """The same with this number of entries."""
        return replace(self, entries=number)

    def is_fresh(self, *, now: datetime) -> bool:
        """Whether a verifier still accepts it."""
        return now <= self.next_update

    def is_overdue(self, *, now: datetime) -> bool:
        """Whether it should have been replaced long ago."""
        return now > self.this_update + OVERDUE_AFTER * (self.next_update - self.this_update)


def first(scope: bytes, *, now: datetime) -> CRLRecord:
    """The record of a scope that has no CRL yet."""
    return CRLRecord(scope, 0, now, now, BEGINNING, now, 0)


def is_time(record: CRLRecord, schedule: CRLSchedule, *, now: datetime, last: datetime) -> bool:
    """Whether the schedule asks for a new CRL. ``last`` is the end of the issuer's own validity.

    A CRL from the future is replaced as well: the clock was wrong when it was made, and nobody accepts it.
    """
    if record.number == 0 or now < min(record.this_update, record.scheduled_at):
        return True
    half = record.this_update + (record.next_update - record.this_update) / 2
    # The last CRL of an issuer ends with it: there is none to come.
    is_half_over = now >= half and record.next_update < last
    return is_half_over or now >= record.scheduled_at + schedule.interval


def successor(
    record: CRLRecord, schedule: CRLSchedule, *, now: datetime, last: datetime, is_scheduled: bool, above: int = 0
) -> CRLRecord:
    """The next CRL's record, as yet without the number of its entries.

    An expired certificate leaves only after a scheduled CRL that was made after its expiry listed it (RFC 5280 3.3): so
    each scheduled CRL goes back to the one before, and any other goes as far back as its predecessor. A time that lies
    in the future is of a clock that was wrong; then everything is listed again.

    The number is the time in seconds, unless the predecessor's or ``above`` is as high. So it also grows when a
    database is restored that does not know the newest CRLs.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    since = record.scheduled_at if is_scheduled and record.number else record.since
    return replace(
        record,
        number=max(record.number + 1, above + 1, (now - BEGINNING) // timedelta(seconds=1)),
        this_update=now,
        next_update=min(now + schedule.validity, last),
        since=BEGINNING if since > now else since,
        scheduled_at=now if is_scheduled else min(record.scheduled_at, now),
        entries=0,
    )
