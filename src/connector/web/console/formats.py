"""How times, lengths of time, numbers and sizes are written."""

from datetime import datetime, timedelta

UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def exact(at: datetime, now: datetime) -> str:
    """The time, in the zone of ``now``, which is the reader's."""
    return at.astimezone(now.tzinfo).strftime("%Y-%m-%d %H:%M:%S %Z")


def grouped(number: int) -> str:
    """A number, its digits in groups of three (ISO 80000-1 7.3.1)."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def spoken(length: timedelta) -> str:
    """A length of time, in the largest unit of which it is a whole number."""
    seconds = int(length.total_seconds())
    unit, word = next(each for each in UNITS if seconds % each[0] == 0)
    return f"{seconds // unit} {word}{'' if seconds == unit else 's'}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that is whole; or how long ahead, rounded: ninety days less a second are 90."""
    distance = at - now
    seconds = abs(distance) // timedelta(seconds=1)
    unit, word = next((each for each in UNITS if seconds >= each[0]), (0, ""))
    if not unit:
        return "just now"
    is_ahead = distance > timedelta(0)
    number = (seconds + unit // 2) // unit if is_ahead else seconds // unit
    text = f"{number} {word}{'' if number == 1 else 's'}"
    return f"in {text}" if is_ahead else f"{text} ago"


def size(octets: int) -> str:
    """A size, in the largest binary unit (IEC 80000-13) that it fills."""
    for unit, word in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if octets >= unit:
            return f"{octets / unit:.1f} {word}"
    return f"{octets} byte{'' if octets == 1 else 's'}"
