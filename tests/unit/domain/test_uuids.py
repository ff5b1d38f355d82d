from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.uuids import uuid7

times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
octets = st.binary(min_size=10, max_size=10)


@given(random=octets, now=times)
def test_what_a_uuid_says(random: bytes, now: datetime) -> None:
    """It is of version 7 and the variant of RFC 9562, and its first 48 bits are the milliseconds since 1970."""
    made = uuid7(random, now=now)

    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(first=octets, second=octets, now=times)
def test_order_and_difference(first: bytes, second: bytes, now: datetime) -> None:
    """Whatever is made a millisecond later comes later, as a text too; no random bit but six is lost."""
    made, later = uuid7(first, now=now), uuid7(second, now=now + timedelta(milliseconds=1))

    assert made < later
    assert str(made) < str(later)
    kept = int.from_bytes(first) >> 68, int.from_bytes(first) & (1 << 62) - 1
    assert (made.int >> 64 & 0xFFF, made.int & (1 << 62) - 1) == kept


def test_an_example_of_the_standard() -> None:
    """The UUID of RFC 9562 A.6."""
    random = (0xCC3 << 68 | 0x18C4DC0C0C07398F).to_bytes(10)

    made = uuid7(random, now=datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC))

    assert str(made) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize("octets", [b"", bytes(9), bytes(11)])
def test_too_little_randomness(octets: bytes) -> None:
    """Fewer random octets, or more, are refused: there is a mistake."""
    with pytest.raises(ValueError, match="10 random octets"):
        uuid7(octets, now=datetime(2026, 1, 1, tzinfo=UTC))
