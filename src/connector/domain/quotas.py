"""Quotas: what one system auth, one tenant and one caller may have and do; and what counts against them."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from connector.domain.directory import EntityKind

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_KEYS = 10_000


class Limit(StrEnum):
    """The limits, by the names of their settings."""

    CERTIFICATES_A_DAY = "quotas.certificates_a_day"
    CERTIFICATES = "quotas.certificates"
    TOKENS_A_MINUTE = "quotas.tokens_a_minute"
    REFUSALS_A_MINUTE = "quotas.refusals_a_minute"
    SERVICES = "quotas.services"
    CATALOGUE = "quotas.catalogue"
    SERVICE_CHANGES_AN_HOUR = "quotas.service_changes_an_hour"
    TENANT_APPLICATIONS = "quotas.tenant_applications"
    TENANT_RUNTIMES = "quotas.tenant_runtimes"
    TENANT_INTEGRATION_SYSTEMS = "quotas.tenant_integration_systems"
    TENANT_CERTIFICATES = "quotas.tenant_certificates"
    TENANT_TOKENS = "quotas.tenant_tokens"
    REQUESTS = "quotas.requests"
    REQUESTS_A_SECOND = "quotas.requests_a_second"
    TENANT_REQUESTS = "quotas.tenant_requests"
    TENANT_REQUESTS_A_SECOND = "quotas.tenant_requests_a_second"

    @property
    def field(self) -> str:
        """Its name within its section."""
        return self.value.removeprefix("quotas.")


LIMIT_OF_KIND = {
    EntityKind.APPLICATION: Limit.TENANT_APPLICATIONS,
    EntityKind.RUNTIME: Limit.TENANT_RUNTIMES,
    EntityKind.INTEGRATION_SYSTEM: Limit.TENANT_INTEGRATION_SYSTEMS,
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """The value of each limit; 0 is no limit."""

    certificates_a_day: int = 0
    certificates: int = 0
    tokens_a_minute: int = 0
    refusals_a_minute: int = 0
    services: int = 0
    catalogue: int = 0
    service_changes_an_hour: int = 0
    tenant_applications: int = 0
    tenant_runtimes: int = 0
    tenant_integration_systems: int = 0
    tenant_certificates: int = 0
    tenant_tokens: int = 0
    requests: int = 0
    requests_a_second: int = 0
    tenant_requests: int = 0
    tenant_requests_a_second: int = 0

    def value(self, limit: Limit) -> int:
        """The value of that limit."""
        number: int = getattr(self, limit.field)
        return number


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a limit is in use. Counting stops at the limit."""

    limit: Limit
    number: int
    most: int

    @property
    def is_met(self) -> bool:
        """Whether nothing more fits."""
        return bool(self.most) and self.number >= self.most


def share(value: int, workers: int) -> int:
    """One worker's part of a limit that it keeps by itself; 0 is no limit. A client that reaches every worker gets the
    same total.
    """
    return max(1, value // workers) if value else 0


def whole_seconds(wait: timedelta) -> int:
    """The wait in whole seconds, at least one: the value of Retry-After (RFC 9110 10.2.3)."""
    return max(1, ceil(wait.total_seconds()))


@dataclass(slots=True)
class _Known:
    number: int
    at: datetime


@dataclass(slots=True)
class Estimates:
    """Numbers in the database, as far as one process knows them, so that it seldom has to count them.

    A number that was counted is good for a while; what this process adds is added. Near the limit it is counted again
    each time, so nothing is refused by an estimate. Other processes add too: a limit can be passed by what they add
    while an estimate is trusted. An estimate that is too high, after a rollback, costs one count.
    """

    most_keys: int = MOST_KEYS
    _known: OrderedDict[Hashable, _Known] = field(default_factory=OrderedDict, init=False, repr=False)

    def is_new(self, key: Hashable, most: int, *, now: datetime) -> bool:
        """Whether the key was not seen lately. If so it counts as full now: next time the database is asked."""
        if key in self._known:
            return False
        self._remember(key, _Known(most, now))
        return True

    def admit(
        self, key: Hashable, most: int, count: Callable[[], int], *, trusted: int, now: datetime, good_for: timedelta
    ) -> bool:
        """Whether one more fits below ``most``; if so it is added. From ``trusted`` on it is counted each time."""
        known = self._known.get(key)
        if known is None or known.number >= trusted or not timedelta(0) <= now - known.at < good_for:
            known = _Known(count(), now)
        fits = known.number < most
        self._remember(key, _Known(known.number + fits, known.at))
        return fits

    def _remember(self, key: Hashable, known: _Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self.most_keys:
            self._known.popitem(last=False)


@dataclass(slots=True)
class Buckets:
    """A bucket for each key: it holds ``capacity``, and fills up from empty within ``seconds``.

    The keys that were used last are remembered, ``most_keys`` of them; one that is forgotten has a full bucket again.
    ``debt`` is how far below empty a bucket can go. The time is a number of seconds on any steady clock.
    """

    capacity: int
    seconds: float
    most_keys: int = MOST_KEYS
    debt: int = 0
    _buckets: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict, init=False, repr=False)

    def wait(self, key: Hashable, at: float) -> float:
        """The seconds until there is one in the bucket; 0 where there is one."""
        if not self.capacity or key not in self._buckets:
            return 0.0
        return max(0.0, (1 - self._left(key, at)) * self.seconds / self.capacity)

    def draw(self, key: Hashable, at: float) -> bool:
        """Take one if there is one, and say whether there was."""
        if not self.capacity:
            return True
        left = self._left(key, at)
        if left < 1:
            return False
        self._keep(key, left - 1, at)
        return True

    def take(self, key: Hashable, at: float) -> None:
        """Take one, even where there is none."""
        if self.capacity:
            self._keep(key, max(self._left(key, at) - 1, -self.debt), at)

    def _keep(self, key: Hashable, left: float, at: float) -> None:
        self._buckets[key] = (left, at)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self.most_keys:
            self._buckets.popitem(last=False)

    def _left(self, key: Hashable, at: float) -> float:
        left, since = self._buckets.get(key, (float(self.capacity), at))
        return min(left + max(0.0, at - since) * self.capacity / self.seconds, float(self.capacity))
