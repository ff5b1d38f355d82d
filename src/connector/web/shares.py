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

    def seat(self, caller: Hashable | None) -> "Seat":
        """A place for one request of this caller; None is a caller without a share, such as the bearer of a token."""
        return Seat(self, caller)


class Seat:
    """The place of one request: within its caller's share, and, once the tenant is known, within the tenant's."""

    __slots__ = ("_caller", "_is_over", "_shares", "_tenants")

    def __init__(self, shares: Shares, caller: Hashable | None) -> None:
        self._shares = shares
        self._caller = caller
        self._tenants: list[str] = []
        self._is_over = False

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
        if self._caller is not None:
            with self._shares.lock:
                self._shares.callers.take(self._caller)
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what was taken."""
        with self._shares.lock:
            self._is_over = True
            if self._caller is not None:
                self._shares.callers.give_back(self._caller)
            for tenant_id in self._tenants:
                self._shares.tenants.give_back(tenant_id)
