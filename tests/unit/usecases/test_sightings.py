"""Sightings: kept in mind, and written down now and then."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.memory.store import MemoryStore
from tests.support.records import NOW, digest

from connector.domain.refusals.storage import StorageUnavailable
from connector.usecases.sightings import PRECISION, Sightings


async def written(store: MemoryStore) -> Mapping[bytes, datetime]:
    return await store.read(lambda tx: tx.sightings.find([digest(number) for number in range(2_000)]))


@given(st.lists(st.tuples(st.sampled_from(("see", "flush")), st.integers(0, 3), st.integers(0, 400))))
def test_what_is_written_is_true_to_the_precision(steps: list[tuple[str, int, int]]) -> None:
    """After a flush, each certificate's moment is one at which it was seen, and no older than the precision before the
    last.
    """

    async def scenario() -> None:
        minded, store, now, truth = Sightings(), MemoryStore(), NOW, dict[bytes, list[datetime]]()
        for step, number, seconds in [*steps, ("flush", 0, 0)]:
            now += timedelta(seconds=seconds)
            if step == "see":
                minded.see(digest(number), now=now)
                truth.setdefault(digest(number), []).append(now)
                continue
            await minded.flush(store)
            found = await written(store)
            assert found.keys() == truth.keys()
            for each, at in found.items():
                assert at in truth[each]
                assert truth[each][-1] - at < PRECISION

    asyncio.run(scenario())


def test_a_thousand_calls_are_written_once() -> None:
    """Within the precision a certificate is written once, however often its holder calls and whenever it is flushed."""

    async def scenario() -> None:
        minded, store = Sightings(), MemoryStore()
        for number in range(1_000):
            minded.see(digest(1), now=NOW + number * PRECISION / 1_000)
            if number % 100 == 0:
                await minded.flush(store)
        assert await written(store) == {digest(1): NOW}

    asyncio.run(scenario())


def test_nothing_is_lost_while_the_storage_is_away() -> None:
    """What could not be written is written later; what is seen while it is being written is, too."""

    async def scenario() -> None:
        minded, away, store = Sightings(), MemoryStore(), MemoryStore()
        await away.close()
        for number in range(1_500):
            minded.see(digest(number), now=NOW)
        with pytest.raises(StorageUnavailable):
            await minded.flush(away)
        minded.see(digest(1), now=NOW + PRECISION)
        await minded.flush(store)
        assert await written(store) == {
            **{digest(number): NOW for number in range(1_500)},
            digest(1): NOW + PRECISION,
        }

    asyncio.run(scenario())


def test_the_memory_is_bounded() -> None:
    """However many are seen: no more are kept in mind than is allowed, and each is written."""

    async def scenario() -> None:
        minded, store = Sightings(most=10), MemoryStore()
        for number in range(100):
            minded.see(digest(number), now=NOW)
            assert len(minded._seen) <= 10  # noqa: SLF001 - what takes the memory
            if number % 5 == 0:
                await minded.flush(store)
        await minded.flush(store)
        assert await written(store) == {digest(number): NOW for number in range(100)}

    asyncio.run(scenario())
