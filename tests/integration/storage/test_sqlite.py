import asyncio
import stat
import subprocess
import sys
import threading
from asyncio import Runner
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pysqlite3.dbapi2 as driver
import pytest
from sqlalchemy.exc import SQLAlchemyError
from tests.support.records import NOW, api_key, entity, tenant, token

from connector.domain import tokens
from connector.domain.directory import EntityKind, Identity
from connector.domain.origins import Origin
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.storage import StorageFull, StorageUnavailable
from connector.domain.refusals.tokens import TokenSpent
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.storage import SqliteStore, open_sqlite
from connector.storage.sqlite import OLDEST_VERSION, check_version

REPOSITORY = Path(__file__).parents[3]


def pragma(tx: Transaction, name: str) -> object:
    """What the connection of this transaction says of itself."""
    return tx._connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to ask this very connection


def test_every_connection_is_safe(store: SqliteStore, runner: Runner) -> None:
    """Writer and readers use WAL with full synchronisation and foreign keys, and wait for a lock (R8)."""
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    for ask, query_only in ((store.transaction, 0), (store.read, 1)):
        assert runner.run(ask(lambda tx: {name: pragma(tx, name) for name in expected})) == expected
        assert runner.run(ask(lambda tx: pragma(tx, "query_only"))) == query_only


def test_a_library_that_loses_commits_is_refused() -> None:
    """A SQLite before 3.51.3 is refused in a sentence; the one that is here is good (R8)."""
    check_version(OLDEST_VERSION)
    check_version(driver.sqlite_version_info)
    with pytest.raises(StorageUnavailable, match=r"SQLite 3\.51\.2 can lose commits .* SQLite 3\.51\.3 or newer"):
        check_version((3, 51, 2))


def test_nobody_else_reads_the_files(path: Path, store: SqliteStore, runner: Runner) -> None:
    """The database and the files beside it have mode 0600."""
    runner.run(store.probe())

    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == [f"connector.db{end}" for end in ("", "-shm", "-turn", "-wal")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 4


def test_no_secret_is_in_the_files(path: Path, store: SqliteStore, runner: Runner) -> None:
    """Neither a token's text nor its octets are anywhere in the files; its digest is."""
    random = bytes(range(100, 164))
    minted = tokens.mint(
        random,
        Origin(uuid4(), NOW, "admin:test"),
        Identity("tenant", "owner", EntityKind.APPLICATION, "auth"),
        lifetime=timedelta(minutes=5),
    )
    runner.run(store.transaction(lambda tx: tx.tokens.add(minted.token)))

    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert minted.token.digest in content
    assert minted.secret.text.encode() not in content
    assert random not in content


def test_a_failed_statement_shows_no_values(store: SqliteStore, runner: Runner) -> None:
    """What the driver says of a failed statement, which may reach a log, holds none of its values."""
    runner.run(store.transaction(lambda tx: tx.tokens.add(token())))

    with pytest.raises(ValueError, match="recorded already") as caught:
        runner.run(store.transaction(lambda tx: tx.tokens.add(token())))

    assert isinstance(caught.value.__cause__, driver.IntegrityError)
    assert token().id not in str(caught.value.__cause__)


def test_a_failed_statement_of_sqlalchemy_shows_no_values(store: SqliteStore, runner: Runner) -> None:
    """What SQLAlchemy says of a failed statement holds none of its values."""

    def rename(tx: Transaction) -> None:
        tx.tenants.add(tenant())
        for number in (1, 2):
            tx.directory(tenant().id).add_entity(entity(number, name=f"name-{number}"))
        tx.directory(tenant().id).update_entity(entity(2, name="name-1"))

    with pytest.raises(NotUniqueName) as caught:
        runner.run(store.transaction(rename))

    assert isinstance(caught.value.__cause__, SQLAlchemyError)
    assert "name-1" not in str(caught.value.__cause__)
    assert "hide_parameters" in str(caught.value.__cause__)


async def while_held(store: SqliteStore, *functions: Callable[[Transaction], object]) -> list[object]:
    """What comes of the functions when all of them wait behind a transaction that takes its time."""
    running, go = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        running.set()
        assert go.wait(10)

    first = asyncio.create_task(store.transaction(hold))
    await asyncio.to_thread(running.wait, 10)
    waiting = [asyncio.create_task(store.transaction(function)) for function in functions]
    await asyncio.sleep(0)
    go.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_many_that_wait_share_a_commit(path: Path, store: SqliteStore, runner: Runner) -> None:
    """Functions that wait together are committed together: while the last runs, nobody else sees the first's work."""

    def add(tx: Transaction, number: int) -> object:
        tx.tokens.add(token(number))
        with closing(driver.connect(str(path))) as other:
            return len(tx.tokens.list(TokenFilter(tenant().id))), other.execute(
                "SELECT count(*) FROM tokens"
            ).fetchone()[0]

    functions = [partial(add, number=number) for number in range(64)]
    assert runner.run(while_held(store, *functions)) == [(number + 1, 0) for number in range(64)]


def test_a_fault_is_told_to_all_that_shared_the_commit(store: SqliteStore, runner: Runner) -> None:
    """When the database fails under one function, no function of the same commit leaves anything, and all are told.

    So is the one that was refused, since it may have seen what is undone. The next transaction works.
    """

    def fill(tx: Transaction) -> None:
        # SQLite's own limit makes the same error as a full disk, in the middle of the function.
        tx._connection.exec_driver_sql(f"PRAGMA max_page_count = {pragma(tx, 'page_count')}")  # type: ignore[attr-defined]  # noqa: SLF001 - it is set for this very connection
        for number in range(100, 1000):
            tx.tokens.add(token(number))

    outcomes = runner.run(
        while_held(
            store,
            lambda tx: tx.tokens.add(token(1)),
            lambda tx: tx.tokens.redeem(token(2), now=NOW),
            fill,
            lambda tx: tx.tokens.add(token(3)),
        )
    )

    assert list(map(type, outcomes)) == [StorageFull] * 4
    runner.run(store.transaction(lambda tx: tx.tokens.add(token(4))))
    assert runner.run(store.read(lambda tx: tx.tokens.list(TokenFilter(tenant().id)))) == [token(4)]


def test_too_many_that_wait_are_refused(path: Path, runner: Runner) -> None:
    """Beyond the bound a call is refused at once; those that waited before it are done."""
    open_sqlite(path)
    store = SqliteStore(path, most_waiting=3)

    outcomes = runner.run(while_held(store, *[lambda _: "done"] * 5))

    assert list(map(type, outcomes)) == [str] * 3 + [StorageUnavailable] * 2
    runner.run(store.close())


def test_a_caller_that_has_gone_hurts_nobody(store: SqliteStore, runner: Runner) -> None:
    """A cancelled call that still waited is not run, and the store goes on."""
    running, go = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        running.set()
        assert go.wait(10)

    async def go_away() -> None:
        first = asyncio.create_task(store.transaction(hold))
        await asyncio.to_thread(running.wait, 10)
        gone = asyncio.create_task(store.transaction(lambda tx: tx.keys.add(api_key())))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        go.set()
        await first

    runner.run(go_away())
    runner.run(store.probe())  # stands in the queue behind the call that went away

    assert runner.run(store.read(lambda tx: tx.keys.any())) is False


@pytest.mark.parametrize(("long", "single"), [(1, False), (2, True)])
def test_nobody_waits_behind_a_long_view(store: SqliteStore, runner: Runner, long: int, *, single: bool) -> None:
    """While a long view is read another is, and while all readers of views are taken single questions are answered,
    though all of them came in one round of the event loop.
    """
    go = threading.Event()

    async def ask() -> bool:
        views = [asyncio.create_task(store.read(lambda _: go.wait(10))) for _ in range(long)]
        asked = asyncio.create_task(store.read(lambda tx: tx.keys.any(), single=single))
        try:
            return await asyncio.wait_for(asked, 10)
        finally:
            go.set()
            assert await asyncio.gather(*views) == [True] * long

    assert runner.run(ask()) is False


def test_a_loop_that_has_ended_hurts_nobody(store: SqliteStore, runner: Runner) -> None:
    """A store that was used on one event loop goes on when that loop is closed with a call under way."""
    go = threading.Event()

    async def leave() -> None:
        asyncio.create_task(store.transaction(lambda _: go.wait(10)))  # noqa: RUF006 - it is abandoned on purpose
        await asyncio.sleep(0)

    asyncio.run(leave())
    go.set()

    runner.run(store.probe())


def test_two_stores_on_one_file_have_one_winner(path: Path, store: SqliteStore, runner: Runner) -> None:
    """Of concurrent redemptions over two stores on one file, as by two replicas, one wins (R1)."""
    other = open_sqlite(path)
    runner.run(store.transaction(lambda tx: tx.tokens.add(token())))

    async def race() -> list[object]:
        attempts = [
            one.transaction(lambda tx: tx.tokens.redeem(token(), now=NOW)) for one in (store, other) for _ in range(50)
        ]
        return await asyncio.gather(*attempts, return_exceptions=True)

    assert Counter(map(type, runner.run(race()))) == {type(None): 1, TokenSpent: 99}
    runner.run(other.close())


def test_four_processes_have_one_winner(path: Path, store: SqliteStore, runner: Runner) -> None:
    """Of 4 processes with 50 redemptions each, one redemption wins, and the other 199 are told TokenSpent (R1)."""
    runner.run(store.transaction(lambda tx: tx.tokens.add(token())))
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.storing", "redeem", str(path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    outcomes: Counter[str] = Counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        outcomes.update({line.split()[0]: int(line.split()[1]) for line in printed.splitlines()})

    assert outcomes == {"redeemed": 1, "token_spent": 199}


def test_a_lookup_waits_for_a_lock_without_the_loop(path: Path, store: SqliteStore, runner: Runner) -> None:
    """While another process keeps readers out, the event loop goes on, and what is looked up is found afterwards."""
    runner.run(store.close())
    with closing(driver.connect(str(path), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        second = SqliteStore(path)

        async def ask() -> bool:
            asked = asyncio.create_task(second.look_up(lambda tx: tx.keys.any()))
            await asyncio.sleep(0.1)
            assert not asked.done()
            other.close()
            return await asked

        assert runner.run(ask()) is False
    runner.run(second.close())


def test_a_lookup_after_the_end_is_refused(store: SqliteStore, runner: Runner) -> None:
    """A store that is closed looks nothing up."""
    runner.run(store.close())
    with pytest.raises(StorageUnavailable):
        runner.run(store.look_up(lambda tx: tx.keys.any()))


def test_a_file_that_is_locked_for_long_is_unavailable(path: Path, store: SqliteStore, runner: Runner) -> None:
    """While another process holds the write lock a transaction waits for seconds, then is refused; reads go on."""
    other = driver.connect(str(path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def attempt() -> object:
        writing = asyncio.create_task(store.probe())
        assert await store.read(lambda tx: tx.keys.any()) is False
        return (await asyncio.gather(writing, return_exceptions=True))[0]

    assert type(runner.run(attempt())) is StorageUnavailable

    other.close()
    runner.run(store.probe())


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + bytes(4096)])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """Something else under the database's name is refused, and left as it is."""
    path.write_bytes(content)

    with pytest.raises(StorageUnavailable):
        open_sqlite(path)

    assert path.read_bytes() == content


def test_a_directory_that_is_missing_is_refused(tmp_path: Path) -> None:
    """Where there is no directory there is no database."""
    with pytest.raises(StorageUnavailable):
        open_sqlite(tmp_path / "missing" / "connector.db")
