"""Each caller's share of a process, and each tenant's: requests under way, and requests a second."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from connector.domain.quotas import Buckets, Limit, Quotas, share
from connector.domain.refusals.quotas import RateLimited

RETRY_SECONDS = 1


@dataclass(slots=True)
class Share:
    """The limits of each key: requests under way, and requests a second."""

    under_way: Limit
    a_second: Limit
    quotas: Quotas
    workers: int
    clock: Callable[[], float]
    _most: int = field(init=False)
    _taken: dict[Hashable, int] = field(default_factory=dict, init=False, repr=False)
    _rates: Buckets = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._most = share(self.quotas.value(self.under_way), self.workers)
        self._rates = Buckets(share(self.quotas.value(self.a_second), self.workers), seconds=1.0)

    def take(self, key: Hashable) -> None:
        """Begin a request of this key; :meth:`give_back` ends it.

        Raises:
            RateLimited: it has too many under way, or had too many within a second.
        """
        at, taken = self.clock(), self._taken.get(key, 0)
        if self._most and taken >= self._most:
            raise self._refusal(self.under_way, "Too many requests at the same time")
        if not self._rates.draw(key, at):
            raise self._refusal(self.a_second, "Too many requests within a second")
        self._taken[key] = taken + 1

    def give_back(self, key: Hashable) -> None:
        """End a request of this key."""
        left = self._taken.pop(key) - 1
        if left:
            self._taken[key] = left

    def _refusal(self, limit: Limit, reason: str) -> RateLimited:
        return RateLimited(limit, self.quotas.value(limit), reason, retry_after=RETRY_SECONDS)


class Shares:
    """The shares of callers and of tenants. What is taken for a tenant is taken in the database's threads too."""

    def __init__(self, quotas: Quotas, workers: int, clock: Callable[[], float]) -> None:
        self.lock = Lock()
        self.callers = Share(Limit.REQUESTS, Limit.REQUESTS_A_SECOND, quotas, workers, clock)
        self.tenants = Share(Limit.TENANT_REQUESTS, Limit.TENANT_REQUESTS_A_SECOND, quotas, workers, clock)

    def seat(self, caller: Hashable | None = None) -> "Seat":
        """A place for one request of this caller; None is a caller without a share, such as the bearer of a token."""
        return Seat(self, caller)


class Seat:
    """The place of one request: within its caller's share, and, once the tenant is known, within the tenant's.

    What is kept for the request is given back with its place: when the peer has taken the answer.
    """

    __slots__ = ("_caller", "_expected", "_is_over", "_kept", "_shares", "_tenants")

    def __init__(self, shares: Shares, expected: Hashable | None) -> None:
        self._shares = shares
        self._expected = expected
        self._caller: Hashable | None = None
        self._tenants: list[str] = []
        self._kept: list[Callable[[], None]] = []
        self._is_over = False

    def take(self, caller: Hashable) -> None:
        """Take a place in the share of this caller, who is found out after the request has its seat.

        Raises:
            RateLimited: the caller has none left.
        """
        with self._shares.lock:
            self._shares.callers.take(caller)
            self._caller = caller

    def enter(self, tenant_id: str) -> None:
        """Take a place in the tenant, whose caller was found to be allowed there; once for each request.

        Raises:
            RateLimited: the tenant has none left.
        """
        with self._shares.lock:
            if tenant_id not in self._tenants and not self._is_over:  # a stream reads on after its request
                self._shares.tenants.take(tenant_id)
                self._tenants.append(tenant_id)

    def __enter__(self) -> Self:
        """Take a place.

        Raises:
            RateLimited: the caller has none left.
        """
        if self._expected is not None:
            self.take(self._expected)
        return self

    def keep(self, give_back: Callable[[], None]) -> None:
        """Call this when the place is given back; the last that was kept comes first. It must not raise."""
        self._kept.append(give_back)

    def __exit__(self, *_: object) -> None:
        """Give back what was taken and kept."""
        while self._kept:
            self._kept.pop()()
        with self._shares.lock:
            self._is_over = True
            if self._caller is not None:
                self._shares.callers.give_back(self._caller)
            for tenant_id in self._tenants:
                self._shares.tenants.give_back(tenant_id)
