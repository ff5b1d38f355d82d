# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The store on PostgreSQL: a few connections, each with a thread of its own, for any number of replicas.

Every transaction that writes holds one advisory lock: together with others, or alone (decision 0017). Every commit is
on disk before its callers hear of it; where the answer to a commit was lost, the server is asked what became of it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connector.errors import StorageUnavailable
from connector.ports import Transaction
from connector.storage.database import CONNECTIONS
from connector.storage.migrations import check
from connector.storage.postgresql import faults
from connector.storage.postgresql.engine import WRITING, Driver, bring_up_to_date, driver, lock_of, make_engine
from connector.storage.repositories import SqlTransaction
from connector.storage.workers import Job, Queue, Worker

T = TypeVar("T")

MOST_WAITING = 10_000

# A caller waits so long at most; what is not committed by then is rolled back.
PATIENCE_SECONDS = 5.0
# So often a function is run again after a conflict, and so long, at most, a try waits for the one before.
ATTEMPTS = 5
PAUSE_SECONDS = 0.05
# Between two questions what became of a commit.
ASK_SECONDS = 0.1

# The number of the transaction, by which its fate can be asked, comes with the lock: one round trip for all of it. The
# number alone proves nothing: PostgreSQL may give it again after a crash, to a transaction that is then committed, when
# nothing of the first one had reached the disk. So each also leaves a mark, in a row of its connection's own.
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT {lock}({key}), pg_current_xact_id()::text; "
    "UPDATE probes SET count = {{count}} WHERE id = {{mark}}"
)
_BEGIN_ALONE = _BEGIN.format(lock="pg_advisory_xact_lock", key=WRITING)
_BEGIN_TOGETHER = _BEGIN.format(lock="pg_advisory_xact_lock_shared", key=WRITING)
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MAKE_MARK = "INSERT INTO probes (id, count) VALUES (%s, 0) ON CONFLICT DO NOTHING"
_READ_FATE = "SELECT pg_xact_status(%s::xid8), (SELECT count FROM probes WHERE id = %s)"
_REMOVE_MARK = "DELETE FROM probes WHERE id = %s"
# The first is that of SqlTransaction.probe.
_MARKS = range(2, 1 << 31)


class PostgresqlStore:
    """Runs functions in transactions on a PostgreSQL database; see :class:`connector.ports.Store`."""

    def __init__(self, url: str, *, connections: int = CONNECTIONS, most_waiting: int = MOST_WAITING) -> None:
        engine = make_engine(url, autocommit=True)
        self._together = Queue(most_waiting)
        self._alone = Queue(most_waiting)
        self._reads = Queue(most_waiting)
        # What runs alone has a connection of its own: it waits for the others, and must not keep them waiting for it.
        lines = [(self._alone, _BEGIN_ALONE)]
        lines += [(self._together, _BEGIN_TOGETHER)] * max(1, (connections - 1) // 2)
        lines += [(self._reads, _BEGIN_READING)] * max(1, connections - len(lines))
        self._workers = [
            _worker(f"connector-postgresql-{number}", queue, engine, begin)
            for number, (queue, begin) in enumerate(lines)
        ]

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        return await _submit(self._alone if alone else self._together, function)

    async def read(self, function: Callable[[Transaction], T]) -> T:
        return await _submit(self._reads, function)

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        def run(tx: SqlTransaction) -> T | None:
            return function(tx) if tx.is_sole(lock_of(name)) else None

        return await _submit(self._together, run)

    async def probe(self) -> None:
        await _submit(self._together, SqlTransaction.probe)

    async def close(self) -> None:
        for queue in (self._alone, self._together, self._reads):
            queue.close()
        for worker in self._workers:
            await asyncio.to_thread(worker.join)


def open_postgresql(url: str, *, connections: int = CONNECTIONS) -> PostgresqlStore:
    """The store on this database, whose tables are made or brought to this program's version first.

    Of several replicas that start at once, one does it and the others wait.

    Args:
        url: as libpq takes it: ``postgresql://user:password@host:port/database?sslmode=verify-full``.
        connections: the most that this process opens, three at least.

    Raises:
        StorageUnavailable: the database cannot be used, and why.
    """
    bring_up_to_date(url)
    return PostgresqlStore(url, connections=connections)


def attach_postgresql(url: str) -> PostgresqlStore:
    """The store on this database, which a server made and may be using. The tables are left as they are.

    Raises:
        StorageUnavailable: the database cannot be used, or another version of the program made it.
    """
    try:
        with make_engine(url).connect() as connection:
            check(connection)
    except (psycopg.Error, DBAPIError) as error:
        raise faults.unreachable(error) from error
    return PostgresqlStore(url, connections=3)


class _LostCommitError(Exception):
    """The answer to a commit did not come; ``number`` is the transaction's."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class _Session(NamedTuple):
    """A connection as SQLAlchemy has it, and as the driver has it. The former forgets the latter when that is lost."""

    connection: Connection
    driver: Driver


class _Line:
    """One connection, opened when it is needed and dropped after a fault. One thread uses it.

    To open it anew is what heals: a server that was restarted, or is another now, needs no restart here.
    """

    def __init__(self, engine: Engine, begin: str) -> None:
        self._engine = engine
        self._begin = begin
        self._mark = random.SystemRandom().choice(_MARKS)
        self._count = 0
        self._session: _Session | None = None

    def run(self, jobs: Sequence[Job[Any]]) -> None:
        """Run each job in a transaction of its own."""
        for job in jobs:
            try:
                job.result = self._attempt(job)
            except BaseException as error:  # noqa: BLE001 - any exception of the function goes to its caller
                job.error = error

    def drop(self) -> None:
        """Close the connection, if it is open."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error, SQLAlchemyError):
                session.connection.close()
                session.driver.close()

    def end(self) -> None:
        """Leave nothing behind."""
        if self._session is not None and self._writes:
            with suppress(psycopg.Error):
                self._session.driver.execute(_REMOVE_MARK, [self._mark])
        self.drop()

    @property
    def _writes(self) -> bool:
        return self._begin != _BEGIN_READING

    def _attempt(self, job: Job[T]) -> T:
        """Run the job until it is committed or refused; again after a conflict, or when the connection was lost.

        Raises:
            StorageUnavailable, and whatever the function raises.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(job, deadline)
            except (psycopg.Error, DBAPIError) as error:
                last = attempt == ATTEMPTS or time.monotonic() >= deadline
                if last or not faults.may_be_tried_again(error) or job.future.cancelled():
                    raise faults.refusal(error) from error
                time.sleep(random.uniform(0, PAUSE_SECONDS * attempt))  # noqa: S311 - no secret; so that two do not meet again
        raise StorageUnavailable

    def _once(self, job: Job[T], deadline: float) -> T:
        """One transaction.

        Raises:
            psycopg.Error, DBAPIError: the database could not, and nothing was committed.
        """
        try:
            session, number = self._begun()
            result = job.function(SqlTransaction(session.connection))
            if job.future.cancelled():  # its caller was told meanwhile that nothing was done
                raise StorageUnavailable  # noqa: TRY301 - to be rolled back as everything else
        except BaseException:
            self._roll_back()
            raise
        try:
            _commit(session.driver, number)
        except _LostCommitError as lost:
            self.drop()
            if not self._was_committed(lost.number, deadline):
                raise psycopg.OperationalError("the connection was lost before the commit") from lost
        return result

    def _begun(self) -> tuple[_Session, str | None]:
        """A session in a transaction, and the transaction's number if it is one that writes."""
        session = self._connected()
        self._count += 1
        cursor = session.driver.execute(self._begin.format(count=self._count, mark=self._mark).encode())
        number = cursor.fetchone() if cursor.nextset() else None
        return session, None if number is None else number[1]

    def _connected(self) -> _Session:
        if self._session is None:
            connection = self._engine.connect()
            self._session = _Session(connection, driver(connection))
            if self._writes:
                self._session.driver.execute(_MAKE_MARK, [self._mark])
        return self._session

    def _was_committed(self, number: str, deadline: float) -> bool:
        """What became of the transaction, asked over a new connection; its server process may still be at it.

        Raises:
            StorageUnavailable: nobody knows yet. It may have been committed.
        """
        while time.monotonic() < deadline:
            try:
                fate = self._connected().driver.execute(_READ_FATE, [number, self._mark]).fetchone()
            except (psycopg.Error, DBAPIError):
                self.drop()
            else:
                if fate is not None and fate[0] in {"committed", "aborted"}:
                    return fate == ("committed", self._count)
            time.sleep(ASK_SECONDS)
        raise StorageUnavailable(
            "The database went away while it was answering, and whether it recorded this is not known. Look before "
            "you try again."
        )

    def _roll_back(self) -> None:
        if self._session is None:
            return
        connected = self._session.driver
        with suppress(psycopg.Error):
            if not connected.closed and connected.info.transaction_status != TransactionStatus.IDLE:
                connected.execute("ROLLBACK")
        if connected.closed or connected.info.transaction_status != TransactionStatus.IDLE:
            self.drop()


def _commit(connected: Driver, number: str | None) -> None:
    try:
        status = connected.execute("COMMIT").statusmessage
    except psycopg.Error as error:
        if connected.closed and number is not None:
            raise _LostCommitError(number) from error
        raise
    # A transaction in which a statement failed is rolled back by COMMIT, without an error.
    if status != "COMMIT":
        raise psycopg.InternalError("the transaction was rolled back")


async def _submit(queue: Queue, function: Callable[[SqlTransaction], T]) -> T:
    job = Job(function)
    queue.put(job)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await job.outcome()
    except TimeoutError as error:
        raise StorageUnavailable from error


def _worker(name: str, queue: Queue, engine: Engine, begin: str) -> Worker:
    line = _Line(engine, begin)
    return Worker(name, queue, 1, run=line.run, end=line.end)
