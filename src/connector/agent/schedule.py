"""When to renew, when to ask about it, and how long to wait after a failure: plain values, no clock, no dice.

``random`` is a number from 0 to 1 that the caller has drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from connector.client.calls import Renewal

# Where the server knows no windows: as it would by default.
WINDOW = (0.67, 0.83)
CHECK = timedelta(hours=6)
# Of a certificate that ends soon, the window is asked about at least this many times within its validity.
CHECKS = 12
PAUSE = timedelta(minutes=5)

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """For the certificate with this serial: the window, the moment in it, and when to ask the server again.

    ``asked`` says that the server wants the renewal now.
    """

    serial: str
    start: datetime
    end: datetime
    moment: datetime
    check_at: datetime
    asked: bool = False

    def encode(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "serial": self.serial,
            "asked": self.asked,
            **{name: getattr(self, name).isoformat() for name in ("start", "end", "moment", "check_at")},
        }

    @classmethod
    def decode(cls, kept: Mapping[str, Any] | None) -> Self | None:
        """From JSON; None where it is none."""
        if kept is None:
            return None
        try:
            times = {name: datetime.fromisoformat(kept[name]) for name in ("start", "end", "moment", "check_at")}
            return cls(serial=kept["serial"], asked=kept["asked"], **times)
        except (KeyError, TypeError, ValueError):
            return None

    def is_due(self, now: datetime) -> bool:
        """Whether to renew."""
        return self.asked or now >= self.moment


def plan(
    serial: str,
    validity: tuple[datetime, datetime],
    renewal: Renewal | None,
    former: Plan | None,
    *,
    now: datetime,
    random: float,
) -> Plan:
    """Decide the next step for a certificate, after the server was asked.

    The moment is drawn once for a window, so that asking often does not draw it nearer. An agent that comes late draws
    from the rest of the window; after it, the moment is now.

    Args:
        serial: of the certificate.
        validity: its beginning and end.
        renewal: the window from the server; None where it names none.
        former: the plan so far.
        now: the server's time.
        random: the die.
    """
    first, last = validity
    length = last - first
    start, end = (renewal.start, renewal.end) if renewal else (first + length * WINDOW[0], first + length * WINDOW[1])
    if former is not None and (former.serial, former.start, former.end) == (serial, start, end):
        moment = former.moment
    else:
        moment = _between(max(start, now), end, random)
    check = min(renewal.check if renewal else CHECK, length / CHECKS)
    # An agent that has just renewed because the server asked does not renew again at once: else a server at odds with
    # itself, as replicas are while their CA is changed, would have it renewed without end.
    is_asked = renewal is not None and renewal.now
    is_repeated = is_asked and former is not None and former.asked and former.serial != serial
    if is_repeated:
        check = min(check, PAUSE)
    # Not all at once: somewhat earlier than was said, each by another part.
    check_at = now + check * (0.75 + random / 4)
    return Plan(serial, start, end, moment, check_at, asked=is_asked and not is_repeated)


def backoff(failures: int, *, random: float, longest: float = LONGEST_DELAY) -> float:
    """Seconds to wait after that number of failures in a row: doubled each time, of which half is random."""
    full = min(longest, FIRST_DELAY * 2.0 ** min(failures - 1, 20))
    return full * (0.5 + random / 2)


def _between(start: datetime, end: datetime, random: float) -> datetime:
    return start if end <= start else start + (end - start) * random
