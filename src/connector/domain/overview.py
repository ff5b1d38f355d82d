"""The overview of a tenant: numbers, and how they came about over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.audit import Action
from connector.domain.quotas import Used

DAY = timedelta(days=1)
AHEAD_DAYS = 90
BACK_DAYS = 30
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Standings:
    """Of one kind of owner: how many there are, how many have a good certificate, and how many had one once."""

    total: int
    connected: int
    failed: int

    @property
    def waiting(self) -> int:
        """How many never had a certificate."""
        return self.total - self.connected - self.failed


@dataclass(frozen=True, slots=True)
class CertificateTally:
    """Certificates by their state; ``expiring`` are those of ``issued`` that should have been renewed by now."""

    issued: int
    expiring: int
    superseded: int
    expired: int
    revoked: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything, as it was at one moment. Days are counted from ``day``, the midnight (UTC) before it."""

    at: datetime
    applications: Standings
    runtimes: Standings
    certificates: CertificateTally
    expiring_by_day: Mapping[int, int]
    happened_by_day: Mapping[tuple[int, Action], int]
    quotas: Sequence[Used] = ()

    @property
    def day(self) -> datetime:
        """The midnight before."""
        return midnight(self.at)


def overdue_within(validity: timedelta, *, renewal_end: int) -> timedelta:
    """How long before its expiry a certificate should have been renewed: what is left of its validity after
    ``renewal_end`` percent of it, in whole days, or in whole hours where that is less than two days.
    """
    left = validity * (100 - renewal_end) / 100
    unit = DAY if left >= 2 * DAY else HOUR
    return max(left // unit, 1) * unit


def midnight(at: datetime) -> datetime:
    """The midnight (UTC) before that time."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
