"""Where transactions take the time, ids and randomness from."""

from datetime import UTC, datetime
from secrets import token_bytes
from uuid import UUID

from connector.domain.uuids import RANDOM_OCTETS, uuid7


def now() -> datetime:
    """The system's clock, in UTC."""
    return datetime.now(UTC)


def make_id() -> UUID:
    """A new id. Ids made at the same time lie together in every index that they are in (decision 0019)."""
    return uuid7(token_bytes(RANDOM_OCTETS), now=now())
