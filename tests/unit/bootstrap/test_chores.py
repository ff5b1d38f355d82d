import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from tests.support.authority import Timed
from tests.support.memory.store import MemoryStore
from tests.support.records import EXPIRY, digest, token

from connector.bootstrap.chores import Chore, compare_clocks, keep_up
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.transaction import Transaction
from connector.system import telemetry
from connector.usecases.maintenance import BATCH, remove_ended_tokens

DAY = timedelta(days=1)
SOON = timedelta(milliseconds=20)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged meanwhile."""
    stream = StringIO()
    telemetry.configure("info", "json", stream=stream)
    yield stream
    telemetry.configure("info", "json")


def keep_up_for(seconds: float, store: MemoryStore, *chores: Chore, chance: Callable[[], float] = lambda: 0.5) -> None:
    async def main() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await keep_up(store, chores, SOON, chance)

    asyncio.run(main())


def test_chores_are_done_again_and_again() -> None:
    """Each chore has its turn at every interval."""
    turns: list[str] = []

    def chore(name: str) -> Chore:
        def do(_: Transaction) -> int:
            turns.append(name)
            return 0

        return Chore(name, do)

    keep_up_for(0.3, MemoryStore(), chore("first"), chore("second"))

    assert turns[:4] == ["first", "second"] * 2


def test_all_batches_are_done_in_one_turn(log: StringIO) -> None:
    """A full batch is followed by another; the turn is logged once, with what all of them did."""
    batches = iter([BATCH, BATCH, 3])

    keep_up_for(1.0, MemoryStore(), Chore("tokens", lambda _: next(batches, 0)))

    (record,) = (json.loads(line) for line in log.getvalue().splitlines())
    assert (record["event"], record["chore"], record["records"]) == ("chore.done", "tokens", 2 * BATCH + 3)


def test_a_chore_that_fails_is_tried_again(log: StringIO) -> None:
    """A failure is logged and keeps neither the next chore nor the next turn from coming."""
    turns: list[str] = []

    def fail(_: Transaction) -> int:
        turns.append("failed")
        raise StorageUnavailable

    def do(_: Transaction) -> int:
        turns.append("done")
        return 0

    keep_up_for(0.3, MemoryStore(), Chore("bad", fail), Chore("good", do))

    assert turns[:4] == ["failed", "done"] * 2
    first = json.loads(log.getvalue().splitlines()[0])
    assert (first["event"], first["chore"]) == ("chore.failed", "bad")


@pytest.mark.parametrize(("ahead", "told"), [(-11, [-11]), (-9, []), (0, []), (9, []), (11, [11])])
def test_clocks_that_are_apart_are_told(ahead: int, told: list[int], log: StringIO) -> None:
    """A clock that is more than ten seconds from the database's is said so in the log, with how far ahead it is."""

    async def main() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await compare_clocks(lambda: EXPIRY + timedelta(seconds=ahead), lambda: EXPIRY, DAY)

    asyncio.run(main())

    records = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(record["event"], record["seconds_ahead"]) for record in records] == [
        ("clock.apart", each) for each in told
    ]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.5), (1.0, 1.5)])
def test_turns_come_at_irregular_times(chance: float, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between half an interval and one and a half pass, so that processes do not all come at the same moment."""
    slept: list[float] = []

    async def sleep(time: float) -> None:
        slept.append(time)
        raise TimeoutError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with suppress(TimeoutError):
        asyncio.run(keep_up(MemoryStore(), [], timedelta(seconds=1), lambda: chance))

    assert slept == [seconds]


def test_tokens_are_kept_for_the_retention() -> None:
    """A token is removed when its expiry is longer ago than the retention, and no sooner."""
    late = EXPIRY + DAY
    clock = iter([EXPIRY, late, late + timedelta(microseconds=1), late])
    store = Timed(MemoryStore(), lambda: next(clock))
    asyncio.run(store.transaction(lambda tx: tx.tokens.add(token())))

    for removed in (0, 1):
        assert asyncio.run(store.transaction(lambda tx: remove_ended_tokens(tx, retention=DAY))) == removed
    assert asyncio.run(store.read(lambda tx: tx.tokens.find(digest(1)))) is None
