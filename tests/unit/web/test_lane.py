"""The lane in which documents are judged: one at a time, and a share for everybody."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress

import pytest

from connector.domain.refusals.requests import Overloaded
from connector.web.graphql.lane import (
    WAITING,
    WAITING_OF_PRINCIPAL,
    WAITING_OF_SOURCE,
    WAITING_OF_STRANGERS,
    Lane,
    Payer,
)


class Works:
    """Work that takes until it is let go on, and the order in which it was begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.at_once = 0
        self.most = 0
        self.gate = threading.Event()

    def one(self, name: str) -> Callable[[], str]:
        def work() -> str:
            self.begun.append(name)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            assert self.gate.wait(10)
            self.at_once -= 1
            return name

        return work


async def settled() -> None:
    """Wait until everybody has had a turn."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(main: Coroutine[None, None, None]) -> None:
    asyncio.run(main)


def test_one_at_a_time_and_each_address_in_its_turn() -> None:
    """However many an address sends, another's document is next but one; no two are judged at the same time."""

    async def main() -> None:
        lane, works = Lane(), Works()
        many = [
            asyncio.create_task(lane.run(Payer("192.0.2.1", f"p{number}"), works.one(f"many {number}")))
            for number in range(10)
        ]
        await settled()
        few = asyncio.create_task(lane.run(Payer("192.0.2.2", "q"), works.one("few")))
        await settled()
        works.gate.set()
        assert await few == "few"
        assert sorted(await asyncio.gather(*many)) == sorted(f"many {number}" for number in range(10))
        assert works.begun.index("few") <= 2
        assert works.most == 1

    run(main())


@pytest.mark.parametrize(
    ("payers", "most"),
    [
        ([Payer(f"192.0.2.{number}", "one") for number in range(200)], WAITING_OF_PRINCIPAL),
        ([Payer("192.0.2.1", f"p{number}") for number in range(200)], WAITING_OF_SOURCE),
        ([Payer(f"192.0.2.{number}", f"p{number}") for number in range(200)], WAITING),
        ([Payer(f"192.0.2.{number}", None) for number in range(200)], WAITING_OF_STRANGERS),
        ([Payer("192.0.2.1", None)] * 200, WAITING_OF_STRANGERS // 2),
    ],
    ids=["principal", "source", "all", "strangers", "stranger"],
)
def test_a_full_lane_refuses(payers: list[Payer], most: int) -> None:
    """So many may wait of a principal, an address, strangers and all together; one more is refused, to come again."""

    async def main() -> None:
        lane, works = Lane(), Works()
        tasks = [asyncio.create_task(lane.run(payer, works.one(""))) for payer in payers]
        await settled()
        refused = [task for task in tasks if task.done()]
        assert len(tasks) - len(refused) == most
        assert all(isinstance(task.exception(), Overloaded) for task in refused)
        other = asyncio.create_task(lane.run(Payer("198.51.100.1", "another"), works.one("other")))
        await settled()
        assert (other in refused or other.done()) == (most == WAITING)
        for task in tasks:
            task.cancel()
        with suppress(Overloaded):
            works.gate.set()
            await other
        await settled()
        assert await lane.run(Payer("192.0.2.1", "one"), lambda: "free") == "free"

    run(main())


def test_a_stranger_rests_and_nobody_else_does() -> None:
    """After a stranger's document other strangers wait nineteen times as long as it took; who is known does not."""

    async def main() -> None:
        lane = Lane()

        def long() -> None:
            for _ in range(300_000):
                pass

        await lane.run(Payer("192.0.2.1", None), long)
        stranger = asyncio.create_task(lane.run(Payer("192.0.2.2", None), lambda: "stranger"))
        await settled()
        assert await lane.run(Payer("192.0.2.3", "known"), lambda: "known") == "known"
        assert not stranger.done()
        assert await stranger == "stranger"

    run(main())


def test_who_goes_away_leaves_the_lane_free() -> None:
    """Whoever is cancelled, while waiting or while judged, gives up the place, and the next has it."""

    async def main() -> None:
        lane, works = Lane(), Works()
        first = asyncio.create_task(lane.run(Payer("192.0.2.1", "a"), works.one("first")))
        second = asyncio.create_task(lane.run(Payer("192.0.2.1", "b"), works.one("second")))
        third = asyncio.create_task(lane.run(Payer("192.0.2.1", "c"), works.one("third")))
        await settled()
        first.cancel()
        second.cancel()
        await settled()
        works.gate.set()
        assert await third == "third"
        assert "second" not in works.begun
        assert works.most == 1

    run(main())


def test_what_was_raised_is_raised() -> None:
    """An error of the work reaches whoever asked for it, and the lane goes on."""

    async def main() -> None:
        lane = Lane()

        def fails() -> None:
            raise Overloaded

        with pytest.raises(Overloaded):
            await lane.run(Payer("192.0.2.1", "a"), fails)
        assert await lane.run(Payer("192.0.2.1", "a"), lambda: 1) == 1

    run(main())
