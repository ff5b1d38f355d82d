"""Against guessing: a number of wrong credentials from one address, and then only as many as a minute brings."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from math import ceil

from connector.domain.refusals.callers import TooManyAttempts

PERIOD_SECONDS = 60.0
MOST_SOURCES = 10_000
MOST_DEBT = 10  # periods


@dataclass(slots=True)
class Throttle:
    """Counts the wrong credentials of each source in a bucket of ``attempts``, which a minute refills; 0 is any number.

    Only wrong ones count, and only who presents a credential is asked, so that good clients elsewhere never notice. The
    sources that failed last are remembered, ``most`` of them: who has more addresses than that can have one of them
    forgotten, and gets as many attempts anew for each address that it spends on it.
    """

    attempts: int
    clock: Callable[[], float]
    most: int = MOST_SOURCES
    _sources: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def admit(self, source: str | None) -> None:
        """Return if this address may present a credential now.

        Raises:
            TooManyAttempts: it may not; for how long is in the refusal.
        """
        if not self.attempts or not self._sources:
            return
        left = self._left(network(source))
        if left < 1:
            raise TooManyAttempts(ceil((1 - left) * PERIOD_SECONDS / self.attempts))

    def failed(self, source: str | None) -> None:
        """Count a wrong credential of this address."""
        if not self.attempts:
            return
        key = network(source)
        # Below zero: many tries at once are all let in before the first has failed, and are paid for after.
        self._sources[key] = (max(self._left(key) - 1, -MOST_DEBT * self.attempts), self.clock())
        self._sources.move_to_end(key)
        if len(self._sources) > self.most:
            self._sources.popitem(last=False)

    def _left(self, network: str) -> float:
        left, at = self._sources.get(network, (self.attempts, 0.0))
        return min(left + (self.clock() - at) * self.attempts / PERIOD_SECONDS, self.attempts)


def network(source: str | None) -> str:
    """Whom an address stands for: itself, or with IPv6 its /64, which is what one host gets (RFC 4291 2.5.4)."""
    if source is None:
        return ""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or int(address) >> 64)
