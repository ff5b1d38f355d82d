"""Callers without a credential are refused at a pace."""

import pytest

from connector.web.patience import A_SECOND, AT_ONCE, LONGEST_SECONDS, Patience


@pytest.mark.parametrize("pace", [A_SECOND, A_SECOND // 4, 1])
def test_an_address_is_refused_at_a_pace(pace: int) -> None:
    """A few are refused at once, then as many as the pace allows, and nobody waits for more than two seconds; another
    address waits for nobody, and after a pause it all begins anew. A worker has its share of the pace.
    """
    now = 1000.0
    patience = Patience(pace, lambda: now)
    waits = [patience.reserve("192.0.2.1") for _ in range(500)]

    assert max(waits[:AT_ONCE]) <= 1e-6
    assert abs(waits[AT_ONCE] - 1 / pace) < 1e-6
    assert waits == sorted(waits)
    assert max(waits) <= LONGEST_SECONDS + 1e-6
    assert patience.reserve("192.0.2.2") <= 0
    now += LONGEST_SECONDS + AT_ONCE / pace
    assert patience.reserve("192.0.2.1") <= 0


def test_so_many_addresses_are_remembered() -> None:
    """The memory for addresses is bounded: the one that was not refused for longest is forgotten."""
    patience = Patience(clock=lambda: 1000.0, most=10)
    for number in range(100):
        patience.reserve(f"192.0.2.{number}")

    assert len(patience._due) == 10  # noqa: SLF001 - the bound itself is what is proven
