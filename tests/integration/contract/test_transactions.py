import asyncio
import time

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import api_key, audited, digest, event, tenant, token

from connector.domain.refusals.storage import StorageReadOnly, StorageUnavailable
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction


class BrokenError(Exception):
    """The function's own."""


def break_after_writing(tx: Transaction) -> None:
    tx.tokens.add(token(99))
    tx.audit.append(event(99))
    raise BrokenError


def test_the_result_of_a_function_is_returned(stored: Stored) -> None:
    """Whatever a function returns reaches its caller, from a transaction and from a read."""
    assert stored.write(lambda _: ("result", None)) == ("result", None)
    assert stored.read(lambda _: None) is None


def test_a_function_reads_what_it_wrote(stored: Stored) -> None:
    """Inside a transaction its own writes are visible."""

    def add_and_find(tx: Transaction) -> object:
        tx.tokens.add(token())
        return tx.tokens.find(token().digest)

    assert stored.write(add_and_find) == token()


def test_an_exception_leaves_nothing(stored: Stored) -> None:
    """A function's exception reaches its caller, and nothing that the function wrote is left."""
    with pytest.raises(BrokenError):
        stored.write(break_after_writing)

    assert stored.read(lambda tx: tx.tokens.find(digest(99))) is None
    assert stored.read(audited) == []


@pytest.mark.parametrize("error", [StopIteration, SystemExit, asyncio.CancelledError])
def test_an_exception_that_means_something_to_python_hurts_nobody(stored: Stored, error: type[BaseException]) -> None:
    """Also an exception that would end a thread or a coroutine ends only the transaction."""

    def function(tx: Transaction) -> None:
        tx.tokens.add(token(99))
        raise error

    async def attempt() -> BaseException | None:
        # Caught inside: the loop itself would not survive some of these.
        try:
            await stored.store.transaction(function)
        except BaseException as caught:  # noqa: BLE001 - which one is asserted below
            return caught
        return None

    # PEP 479: a StopIteration leaves a coroutine as a RuntimeError.
    assert isinstance(stored.runner.run(attempt()), RuntimeError if error is StopIteration else error)
    assert stored.write(lambda tx: tx.tokens.list(TokenFilter(tenant().id))) == []


def test_a_failing_function_does_not_hurt_its_neighbours(stored: Stored) -> None:
    """Of many functions at once each third fails: those leave nothing, all others are recorded."""

    def function(number: int) -> object:
        def add(tx: Transaction) -> None:
            tx.tokens.add(token(number))
            if number % 3 == 0:
                raise BrokenError

        return stored.store.transaction(add)

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(*(function(number) for number in range(100)), return_exceptions=True)  # type: ignore[call-overload,no-any-return]

    outcomes = stored.runner.run(all_at_once())

    assert [type(outcome) for outcome in outcomes] == [
        type(None) if number % 3 else BrokenError for number in range(100)
    ]
    recorded = {one.id for one in stored.read(lambda tx: tx.tokens.list(TokenFilter(tenant().id)))}
    assert recorded == {token(number).id for number in range(100) if number % 3}


@pytest.mark.parametrize("single", [False, True])
def test_a_read_writes_nothing(stored: Stored, *, single: bool) -> None:
    """A write in a read is refused, and the store goes on."""
    with pytest.raises(StorageReadOnly):
        stored.runner.run(stored.store.read(lambda tx: tx.keys.add(api_key()), single=single))

    assert stored.read(lambda tx: tx.keys.any()) is False
    stored.write(lambda tx: tx.keys.add(api_key()))


def test_a_read_sees_all_that_was_committed_before(stored: Stored) -> None:
    """What a transaction returned from is in the next read, each time."""
    for number in range(50):
        stored.write(lambda tx, number=number: tx.tokens.add(token(number)))
        assert stored.read(lambda tx, number=number: tx.tokens.find(digest(number))) is not None


def test_a_probe_says_whether_a_transaction_can_be_written(stored: Stored) -> None:
    """A probe of a good store returns, and leaves no trace that could be asked for."""
    stored.runner.run(stored.store.probe())

    assert stored.read(audited) == []


def test_a_closed_store_refuses(stored: Stored) -> None:
    """After close every call is refused; to close again does nothing."""
    stored.runner.run(stored.store.close())
    stored.runner.run(stored.store.close())

    for call in (
        stored.store.transaction(lambda tx: tx.keys.add(api_key())),
        stored.store.read(lambda tx: tx.keys.any()),
        stored.store.probe(),
    ):
        with pytest.raises(StorageUnavailable):
            stored.runner.run(call)


def test_what_was_begun_is_finished(stored: Stored) -> None:
    """Transactions that wait when the store is closed are committed, and their callers hear of it."""

    async def begin_and_close() -> list[None]:
        begun = [
            asyncio.create_task(stored.store.transaction(lambda tx, number=number: tx.tokens.add(token(number))))
            for number in range(200)
        ]
        await asyncio.sleep(0)
        await stored.store.close()
        return await asyncio.gather(*begun)

    assert stored.runner.run(begin_and_close()) == [None] * 200


def test_what_is_sole_never_runs_twice_at_once(stored: Stored) -> None:
    """Of many calls of one name at once no two overlap; each has the function's result, or None without having run."""
    running, ran = [0], [0]

    def function(_: Transaction) -> str:
        assert running == [0]
        running[0] = 1
        time.sleep(0.05)
        running[0] = 0
        ran[0] += 1
        return "done"

    async def race() -> list[str | None]:
        return list(await asyncio.gather(*(stored.store.sole("chore", function) for _ in range(10))))

    results = stored.runner.run(race())

    assert set(results) <= {"done", None}
    assert results.count("done") == ran[0] >= 1


def test_what_is_sole_is_a_transaction(stored: Stored) -> None:
    """It is committed; an exception leaves nothing and reaches the caller, and the name is free again after either."""
    for _ in range(2):
        with pytest.raises(BrokenError):
            stored.runner.run(stored.store.sole("chore", break_after_writing))
    stored.runner.run(stored.store.sole("chore", lambda tx: tx.tokens.add(token())))
    found = stored.runner.run(stored.store.sole("chore", lambda tx: tx.tokens.find(token().digest)))

    assert found == token()
    assert stored.read(lambda tx: tx.tokens.find(digest(99))) is None
