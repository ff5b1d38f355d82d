"""UUIDs in the order of the times at which they were made (RFC 9562 5.7). Python has its own from 3.14 on."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

RANDOM_OCTETS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION, _VARIANT = 0x7, 0b10


def uuid7(random: bytes, *, now: datetime) -> UUID:
    """A UUID of version 7: 48 bits of milliseconds since 1970, and 74 random bits of the 80 that are given.

    Raises:
        ValueError: ``random`` is not ten octets.
    """
    if len(random) != RANDOM_OCTETS:
        raise ValueError(f"a UUID takes {RANDOM_OCTETS} random octets")
    bits = int.from_bytes(random)
    rand_a, rand_b = bits >> 68, bits & (1 << 62) - 1
    milliseconds = (now - _EPOCH) // _MILLISECOND
    return UUID(int=milliseconds << 80 | _VERSION << 76 | rand_a << 64 | _VARIANT << 62 | rand_b)
