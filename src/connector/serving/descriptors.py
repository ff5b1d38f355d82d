"""File descriptors: every connection is one, and there must be enough of them for all that the limits allow."""

import resource
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from connector.serving.listeners import ListenerError
from connector.serving.protocol import FEWEST_HANDSHAKES, Limits

# Other descriptors of this process: database, listening sockets, the event loop's own, log and certificate files.
RESERVE = 128


def raise_limit() -> int | None:
    """Allow as many open files as the system lets this process have; how many that are, or None for no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems call the hard limit infinite and then refuse it.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return None if soft == resource.RLIM_INFINITY else soft


def fit(limits: Sequence[Limits], descriptors: int | None) -> list[Limits]:
    """The limits of all listeners, lowered in proportion until their connections and handshakes fit.

    Args:
        limits: one for each listener.
        descriptors: how many this process may have, or None for no limit.

    Raises:
        ListenerError: there is not even one connection for each listener.
    """
    wanted = sum(one.descriptors for one in limits)
    if descriptors is None or wanted + RESERVE <= descriptors:
        return list(limits)
    room = descriptors - RESERVE
    lowered = [_lower(one, room * one.descriptors // wanted) for one in limits]
    if any(one.connections < 1 for one in lowered):
        raise ListenerError(
            f"The limit of {descriptors} open files leaves too few for {len(limits)} listeners. Raise it (ulimit -n)."
        )
    return lowered


def _lower(limits: Limits, descriptors: int) -> Limits:
    """As many connections as leave enough for the handshakes: a quarter of them, or the fewest that there are."""
    most = min((4 * descriptors + 3) // 5, descriptors - FEWEST_HANDSHAKES)
    return replace(limits, connections=min(limits.connections, most))
