"""What PostgreSQL alone makes possible, and what goes wrong there alone: replicas, lost sessions, lost servers."""

import asyncio
import signal
import threading
import time
from asyncio import Runner
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from tests.support.postgres import Postgres, postgres
from tests.support.records import api_key, tenant, token

from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageReadOnly, StorageUnavailable
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.storage.clock import ServerClock
from connector.storage.database import Database
from connector.storage.postgresql.engine import bring_up_to_date, time_of
from connector.storage.postgresql.store import PostgresqlStore, attach_postgresql, open_postgresql


@pytest.fixture
def url(postgresql: Postgres) -> Iterator[str]:
    """An empty database."""
    with postgresql.database() as url:
        yield url


@pytest.fixture
def stores(url: str, runner: Runner) -> Iterator[tuple[PostgresqlStore, PostgresqlStore]]:
    """Two replicas' stores on one database."""
    stores = open_postgresql(url), open_postgresql(url)
    yield stores
    for store in stores:
        runner.run(store.close())


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that a test may stop."""
    with postgres() as server:
        yield server


def test_a_database_has_one_clock(url: str, tmp_path: Path, runner: Runner) -> None:
    """Whoever opens, attaches to or reopens a database goes by its server's clock, which is read again every minute."""
    passed = [0.0]
    for way in (Database.open, Database.attach, Database.reopen):
        clock = ServerClock(monotonic=lambda: passed[0])
        store = way(Database(tmp_path / "none", url, clock=clock))
        for seconds in (0.0, 61.0):
            passed[0] += seconds
            assert clock.is_old == (seconds > 0 or way is not Database.attach)
            before = _time_of(url)
            runner.run(store.read(lambda tx: tx.keys.any()))
            assert not clock.is_old
            assert before - timedelta(seconds=61) <= clock() <= _time_of(url)
        runner.run(store.close())


def _time_of(url: str) -> datetime:
    with psycopg.connect(url) as connection:
        return time_of(connection)


def setting(tx: Transaction, name: str) -> object:
    """What the connection of this transaction says of itself."""
    return tx._connection.exec_driver_sql(f"SHOW {name}").scalar_one()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to ask this very connection


def test_every_connection_is_safe(url: str, runner: Runner) -> None:
    """A commit is on disk whatever the database's default; statements, locks and idle transactions have an end; reads
    write nothing, and are one view.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{connection.info.dbname}" SET synchronous_commit = off')
    store = open_postgresql(url)
    names = "synchronous_commit", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"

    def ask(tx: Transaction) -> list[object]:
        return [setting(tx, name) for name in (*names, "transaction_isolation", "transaction_read_only")]

    writing = ["on", "4s", "4s", "5s", "read committed", "off"]
    assert runner.run(store.transaction(ask)) == writing
    assert runner.run(store.transaction(ask, alone=False)) == writing
    assert runner.run(store.read(ask)) == ["on", "4s", "4s", "5s", "repeatable read", "on"]
    runner.run(store.close())


def test_who_is_alone_is_alone_everywhere(stores: tuple[PostgresqlStore, PostgresqlStore], runner: Runner) -> None:
    """While transactions run together, one that runs alone waits for them, on whatever replica; and none begins
    beside it.
    """
    here, there = stores
    under_way, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def hold(_: Transaction) -> None:
        under_way.set()
        assert may_end.wait(3)
        order.append("together")

    async def scenario() -> None:
        together = asyncio.create_task(here.transaction(hold, alone=False))
        await asyncio.to_thread(under_way.wait)
        alone = asyncio.create_task(there.transaction(lambda _: order.append("alone")))
        await asyncio.sleep(0.3)
        after = asyncio.create_task(here.transaction(lambda _: order.append("after"), alone=False))
        await asyncio.sleep(0.3)
        assert order == []
        may_end.set()
        await asyncio.gather(together, alone, after)

    runner.run(scenario())
    assert order == ["together", "alone", "after"]


def test_what_waits_too_long_is_refused(stores: tuple[PostgresqlStore, PostgresqlStore], runner: Runner) -> None:
    """Who waits for a lock too long is refused within five seconds, and nothing of it is done later."""
    here, there = stores
    under_way, may_end = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        under_way.set()
        may_end.wait(20)

    async def scenario() -> None:
        holding = asyncio.create_task(here.transaction(hold))
        await asyncio.to_thread(under_way.wait)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await there.transaction(lambda tx: tx.keys.add(api_key()), alone=False)
        assert time.monotonic() - began < 18
        may_end.set()
        await holding
        await asyncio.sleep(0.5)
        assert not await here.read(lambda tx: tx.keys.any())

    runner.run(scenario())


def test_a_deadlock_is_tried_again(stores: tuple[PostgresqlStore, PostgresqlStore], runner: Runner) -> None:
    """Of two transactions that wait for one another both are done in the end."""
    both_hold = threading.Barrier(2)

    def count(first: int, second: int, tx: Transaction) -> None:
        tx.tokens.count_refusals(token(first))
        with suppress(threading.BrokenBarrierError):  # whoever comes again is on its own
            both_hold.wait(2)
        tx.tokens.count_refusals(token(second))

    async def scenario() -> list[int]:
        here, there = stores
        for number in (1, 2):
            await here.transaction(lambda tx, number=number: tx.tokens.add(token(number)))
        await asyncio.gather(
            here.transaction(partial(count, 1, 2), alone=False), there.transaction(partial(count, 2, 1), alone=False)
        )
        return [one.refusals for one in await here.read(lambda tx: tx.tokens.list(TokenFilter(tenant().id)))]

    assert runner.run(scenario()) == [2, 2]


def test_a_session_that_is_ended_is_replaced(
    url: str, stores: tuple[PostgresqlStore, PostgresqlStore], runner: Runner
) -> None:
    """When the server ends every session, also in the midst of a transaction, nobody notices: it is run again, once."""
    store, _ = stores
    runs: list[int] = []

    def function(tx: Transaction) -> None:
        tx.keys.add(api_key())
        runs.append(1)
        if len(runs) == 1:
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            tx.keys.any()

    runner.run(store.read(lambda tx: tx.keys.any()))
    runner.run(store.transaction(function))

    assert len(runs) == 2
    assert len(runner.run(store.read(lambda tx: tx.keys.list()))) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_is_away(own_server: Postgres, runner: Runner, how: signal.Signals) -> None:
    """While the database is away calls are refused at once; when it is back they are answered, without a restart."""
    store = open_postgresql(own_server.url)
    runner.run(store.transaction(lambda tx: tx.keys.add(api_key())))

    own_server.stop(how)
    began = time.monotonic()
    for call in (store.read(lambda tx: tx.keys.any()), store.probe(), store.transaction(lambda tx: tx.keys.list())):
        with pytest.raises(StorageUnavailable):
            runner.run(call)
    assert time.monotonic() - began < 20
    own_server.start()

    assert runner.run(store.read(lambda tx: tx.keys.list())) == [api_key()]
    runner.run(store.probe())
    runner.run(store.close())


def test_a_server_without_room(own_server: Postgres, runner: Runner) -> None:
    """When the server takes no more connections, calls are refused; the store heals when there is room."""
    store = open_postgresql(own_server.url)
    with ExitStack() as others:

        def take_all() -> None:
            while True:
                others.enter_context(psycopg.connect(own_server.url))

        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            take_all()
        with pytest.raises(StorageUnavailable):
            runner.run(store.probe())

    runner.run(store.probe())
    runner.run(store.close())


def test_a_standby_is_no_place_to_ask(url: str) -> None:
    """A server that may only be read is refused at start: it could know nothing yet of a revocation."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{connection.info.dbname}" SET default_transaction_read_only = on')

    with pytest.raises(StorageUnavailable, match="read-only"):
        open_postgresql(url)


def test_a_database_that_turns_read_only(url: str, runner: Runner) -> None:
    """A refusal to write is told as what it is."""
    store = open_postgresql(url)

    def switch(tx: Transaction) -> None:
        tx._connection.exec_driver_sql("SET LOCAL transaction_read_only = on")  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        tx.keys.add(api_key())

    with pytest.raises(StorageReadOnly):
        runner.run(store.transaction(switch))
    runner.run(store.close())


def test_text_that_postgresql_does_not_take(stores: tuple[PostgresqlStore, PostgresqlStore], runner: Runner) -> None:
    """A NUL in a text is the caller's fault, is said so, and hurts nobody else."""
    store, _ = stores

    with pytest.raises(InvalidData, match=r"U\+0000"):
        runner.run(store.transaction(lambda tx: tx.tenants.add(tenant(name="a\0b"))))
    with pytest.raises(InvalidData, match=r"U\+0000"):
        runner.run(store.read(lambda tx: tx.tenants.find("a\0b")))

    runner.run(store.transaction(lambda tx: tx.tenants.add(tenant())))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("ENCODING 'SQL_ASCII' TEMPLATE template0", "encoding is SQL_ASCII"),
        (None, "does not exist"),
    ],
)
def test_databases_that_are_refused(postgresql: Postgres, made: str | None, told: str) -> None:
    """A database on which this program would be wrong, or that is not there, stops the start in a sentence."""
    url = postgresql.url.removesuffix("postgres") + "refused"
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        if made is not None:
            connection.execute(f"CREATE DATABASE refused {made}".encode())
        try:
            with pytest.raises(StorageUnavailable, match=told):
                open_postgresql(url)
        finally:
            connection.execute("DROP DATABASE IF EXISTS refused WITH (FORCE)")


def test_a_server_that_loses_commits_is_refused() -> None:
    """A server with fsync off is refused, as a SQLite is that loses commits."""
    with postgres("fsync=off") as server, pytest.raises(StorageUnavailable, match="fsync"):
        open_postgresql(server.url)


@pytest.mark.parametrize("url", ["postgresql://[::1", "postgresql://localhost/x?nonsense=1"])
def test_a_url_that_is_none(url: str) -> None:
    """What libpq cannot read is refused, and not repeated: there may be a password in it."""
    with pytest.raises(StorageUnavailable, match=r"^database\.url is not a PostgreSQL URL") as caught:
        open_postgresql(url)
    assert url not in str(caught.value)


def test_replicas_start_at_once(url: str) -> None:
    """Of many that bring an empty database up to date at the same time each succeeds."""
    threads = [threading.Thread(target=bring_up_to_date, args=[url]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    attach_postgresql(url)


def test_to_attach_changes_no_table(url: str, runner: Runner) -> None:
    """Whoever attaches works on a database of the own version, and leaves every other as it is."""
    with pytest.raises(StorageUnavailable, match=r"made by an older version of Connector\. Restart"):
        attach_postgresql(url)
    bring_up_to_date(url)
    store = attach_postgresql(url)
    assert runner.run(store.transaction(lambda tx: tx.tenants.list())) == []
    runner.run(store.close())

    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for use in (attach_postgresql, open_postgresql):
        with pytest.raises(StorageUnavailable, match="made by a newer version of Connector"):
            use(url)


def test_the_password_is_nowhere(runner: Runner) -> None:
    """Neither a refusal nor what a store says of itself holds the URL's password."""
    with pytest.raises(StorageUnavailable) as caught:
        open_postgresql("postgresql://somebody:geheim@127.0.0.1:1/database")
    store = PostgresqlStore("postgresql://somebody:geheim@127.0.0.1:1/database")
    with pytest.raises(StorageUnavailable) as later:
        runner.run(store.probe())

    assert "geheim" not in "".join((str(caught.value), repr(store), str(later.value), str(later.value.__cause__)))
    runner.run(store.close())
