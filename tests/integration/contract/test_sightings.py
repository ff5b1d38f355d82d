"""When certificates were last seen, over every store."""

from datetime import datetime, timedelta

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, digest

MANY = 1_200


def test_who_was_never_seen_is_left_out(furnished: Stored) -> None:
    """Of those that are asked for, the ones that were seen are found, each with its own moment."""
    assert furnished.read(lambda tx: tx.sightings.find([digest(1)])) == {}
    furnished.write(lambda tx: tx.sightings.see({digest(1): NOW, digest(2): LATER}))
    furnished.write(lambda tx: tx.sightings.see({}))
    asked = [digest(1), digest(2), digest(3)]
    assert furnished.read(lambda tx: tx.sightings.find(asked)) == {digest(1): NOW, digest(2): LATER}
    assert furnished.read(lambda tx: tx.sightings.find([])) == {}


@pytest.mark.parametrize("moments", [(NOW, LATER), (LATER, NOW), (NOW, NOW)])
def test_the_newest_moment_stays(furnished: Stored, moments: tuple[datetime, datetime]) -> None:
    """In whatever order processes write what they saw: the newest counts, to the microsecond."""
    first, second = (at + timedelta(microseconds=1) for at in moments)
    furnished.write(lambda tx: tx.sightings.see({digest(1): first}))
    furnished.write(lambda tx: tx.sightings.see({digest(1): second, digest(2): NOW}))
    found = furnished.read(lambda tx: tx.sightings.find([digest(1), digest(2)]))
    assert found == {digest(1): max(first, second), digest(2): NOW}


def test_many_are_written_and_found_at_once(furnished: Stored) -> None:
    """More than a statement may have parameters."""
    first = {digest(number): NOW + timedelta(seconds=number) for number in range(MANY)}
    second = {each: at + timedelta(hours=number % 2) for number, (each, at) in enumerate(first.items())}
    furnished.write(lambda tx: tx.sightings.see(first))
    assert furnished.read(lambda tx: tx.sightings.find(first)) == first
    furnished.write(lambda tx: tx.sightings.see(second))
    assert furnished.read(lambda tx: tx.sightings.find(first)) == second
