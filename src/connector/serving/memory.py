"""A limit on the memory of one process's connections, and on how many strangers one address may have.

A stranger is a connection that has not shown a good credential yet. The memory of each connection is counted as it
happens: a fixed amount while it is open, the body of the request under way, and what the peer has not taken of its
answer. Above the limit the newest strangers are closed. When a flood is over, the allocator is asked to give the memory
back to the system: it does not do so by itself.
"""

import ctypes
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

MIB = 1024 * 1024

# An open connection's memory, with its sockets' objects, its parser and a small request (docs/decisions: measured).
CLEAR = 16 * 1024
SECURED = 48 * 1024

# A flood is over when this many octets are free again.
FLOOD = 32 * MIB

# Seconds between two times that memory is given back: it takes some milliseconds, in which nothing else is done.
TRIM_SECONDS = 5.0

# Threads have the interpreter one at a time, so that two arenas are enough.
ARENAS = 2
_M_ARENA_MAX = -8


class Memory:
    """The memory of all connections of this process. ``limit`` is in octets."""

    def __init__(self, limit: int = 512 * MIB) -> None:
        """Nothing is held."""
        self.limit = limit
        self.used = 0
        self._most = 0  # since memory was last given back
        self._trimmed_at = 0.0
        self._strangers: dict[Account, Callable[[], None]] = {}  # the newest last; the functions close them

    @property
    def is_full(self) -> bool:
        """Whether more is held than is allowed."""
        return self.used > self.limit

    def take(self, octets: int) -> None:
        """Count that number of octets more."""
        self.used += octets
        self._most = max(self._most, self.used)

    def make_room(self) -> None:
        """Close strangers until what is held is within the limit, the newest first."""
        while self.used > self.limit and self._strangers:
            account, close = self._strangers.popitem()
            account.close()
            close()

    def give_back(self, octets: int) -> None:
        """Count that number of octets less."""
        self.used -= octets

    def watch(self, account: "Account", close: Callable[[], None]) -> None:
        """This connection is a stranger's, which ``close`` closes when memory is short."""
        self._strangers[account] = close

    def forget(self, account: "Account") -> None:
        """It is closed, or no stranger's any more."""
        self._strangers.pop(account, None)

    def tidy(self, now: float) -> None:
        """Give memory back to the system if a flood is over; ``now`` is the event loop's time."""
        if self._most - self.used >= FLOOD and now - self._trimmed_at >= TRIM_SECONDS:
            self._most, self._trimmed_at = self.used, now
            trim()


class Addresses:
    """How many strangers each address has: with IPv6 each /64, which is what one host gets (RFC 4291 2.5.4)."""

    def __init__(self, most: int = 0, exempt: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        """Nobody is there.

        Args:
            most: for one address; 0 for any number.
            exempt: those of proxies, behind which there are many clients.
        """
        self._most = most
        self._exempt = tuple(exempt)
        self._counts = Counter[str]()

    def enter(self, address: str) -> Callable[[], None] | None:
        """Count one more stranger of this address; what to call when it is gone or known, or None if it is refused."""
        network = self._network(address)
        if network is None:
            return nothing
        if self._counts[network] >= self._most:
            return None
        self._counts[network] += 1
        return lambda: self._leave(network)

    def _leave(self, network: str) -> None:
        self._counts[network] -= 1
        if not self._counts[network]:
            del self._counts[network]

    def _network(self, address: str) -> str | None:
        """Whom it counts for; None if it is not counted."""
        if not self._most:
            return None
        if not self._exempt and ":" not in address:
            return address
        parsed = ip_address(address.partition("%")[0])
        if is_within(parsed, self._exempt):
            return None
        if isinstance(parsed, IPv6Address):
            return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
        return address


class Account:
    """The memory of one connection."""

    __slots__ = ("_held", "_leave", "_memory", "is_stranger")

    def __init__(self, memory: Memory, octets: int, leave: Callable[[], None]) -> None:
        """It holds that number of octets; ``leave`` is called when it is closed, or no longer a stranger's."""
        self._memory = memory
        self._held = octets
        self._leave: Callable[[], None] | None = leave
        self.is_stranger = True
        memory.take(octets)

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._held > 0

    @property
    def has_room(self) -> bool:
        """Whether there is memory for more."""
        return not self._memory.is_full

    def watch(self, close: Callable[[], None]) -> None:
        """The connection is open, and ``close`` closes it when memory is short: at once, if it is."""
        if self.is_stranger:
            self._memory.watch(self, close)
        self._memory.make_room()

    def change(self, former: int, now: int) -> None:
        """Of one kind it held ``former`` octets, and holds ``now`` from here on."""
        if self._held:
            self._held += now - former
            if now > former:
                self._memory.take(now - former)
                self._memory.make_room()
            else:
                self._memory.give_back(former - now)

    def vouch(self) -> None:
        """The peer has shown a good credential."""
        if self.is_stranger:
            self.is_stranger = False
            self._memory.forget(self)
            self._left()

    def move(self, leave: Callable[[], None]) -> None:
        """Its peer stands for somebody else, who is counted; ``leave`` is called from now on in place of the former."""
        if self._leave is None:
            leave()
            return
        self._left()
        self._leave = leave

    def close(self) -> None:
        """The connection is closed."""
        held, self._held = self._held, 0
        self._memory.give_back(held)
        self._memory.forget(self)
        self._left()

    def _left(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


def is_within(address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether the address is in one of the networks."""
    return any(address in network for network in networks)


def nothing() -> None:
    """Nobody is counted."""


def _of_glibc(name: str) -> Callable[..., object]:
    """A function of the GNU C library; elsewhere the allocator is left alone."""
    try:
        found: Callable[..., object] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return lambda *_: None
    return found


_malloc_trim, _mallopt = _of_glibc("malloc_trim"), _of_glibc("mallopt")


def trim() -> None:
    """Give free memory back to the system."""
    _malloc_trim(0)


def share_arenas() -> None:
    """Let all threads that are started from now on allocate from the same few arenas (mallopt(3)). With an arena for
    each, what one thread has free no other can use, and a flood leaves it in all of them.
    """
    _mallopt(_M_ARENA_MAX, ARENAS)
