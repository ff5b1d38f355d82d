"""Durations: as people read them, and as the settings of the server write them."""

import re
from datetime import datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_TEXT = re.compile(r"(?=[0-9])(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,3})?)s?)?", re.ASCII)
_TWO_OF_A_UNIT = 2


def spoken(length: timedelta) -> str:
    """The length in words, in its largest unit that counts at least two: ``186 days``, ``90 minutes``, ``1 second``."""
    seconds = round(abs(length.total_seconds()))
    for unit, size in _UNITS:
        count = round(seconds / size)
        if seconds >= _TWO_OF_A_UNIT * size or size == 1:
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    raise AssertionError(length)


def until(moment: datetime, now: datetime) -> str:
    """How far a moment is from now: ``in 90 days``, ``3 hours ago``."""
    return f"in {spoken(moment - now)}" if moment >= now else f"{spoken(now - moment)} ago"


def seconds(text: str) -> float:
    """The seconds in ``10m``, ``1h30m``, ``4s``, or a number of seconds.

    Raises:
        ValueError: it is none of these.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("It should be a duration such as 10m, 1h30m or 30s")
    days, hours, minutes, rest = (float(group or 0) for group in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest
