# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The store on PostgreSQL: a few connections, each with a thread of its own, for any number of replicas.

Every transaction that writes holds one advisory lock: together with others, or alone (decision 0017). Every commit is
on disk before its callers get their results; where the answer to a commit was lost, the server is asked about it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.transaction import Transaction
from connector.storage.clock import ServerClock
from connector.storage.migrations import check
from connector.storage.postgresql import CONNECTIONS, faults
from connector.storage.postgresql.engine import (
    WRITING,
    Driver,
    bring_up_to_date,
    command,
    driver,
    lock_of,
    make_engine,
    time_of,
)
from connector.storage.transaction import SqlTransaction
from connector.storage.workers import Job, Queue, Tell, Worker, silent

T = TypeVar("T")

MOST_WAITING = 10_000

# The longest that a caller waits; a transaction that has not committed by then is rolled back.
PATIENCE_SECONDS = 5.0
# Tries after conflicts, and the longest pause before the second; each further pause may be that much longer.
ATTEMPTS = 5
PAUSE_SECONDS = 0.05
# Between two checks of a commit's outcome.
ASK_SECONDS = 0.1

# The number of the transaction, by which its fate can be asked, comes with the lock: one round trip for all of it. The
# number alone proves nothing: PostgreSQL may give it again after a crash, to a transaction that is then committed, when
# nothing of the first one had reached the disk. So each also leaves a mark, in a row of its connection's own.
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; UPDATE probes SET count = {{count}} WHERE id = {{mark}}; "
    "SELECT pg_current_xact_id()::text, {lock}({key})"
)
_BEGIN_ALONE = _BEGIN.format(lock="pg_advisory_xact_lock", key=WRITING)
_BEGIN_TOGETHER = _BEGIN.format(lock="pg_advisory_xact_lock_shared", key=WRITING)
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_ONE_STATEMENT = ""  # is a view of its own, and needs no transaction: one round trip instead of three
_ONLY_READ = "SET default_transaction_read_only = on"
_MAKE_MARK = "INSERT INTO probes (id, count) VALUES (%s, 0) ON CONFLICT DO NOTHING"
_READ_FATE = "SELECT pg_xact_status(%s::xid8), (SELECT count FROM probes WHERE id = %s)"
_REMOVE_MARK = "DELETE FROM probes WHERE id = %s"
# The first is that of SqlTransaction.probe.
_MARKS = range(2, 1 << 31)


class PostgresqlStore:
    """Runs functions in transactions on a PostgreSQL database; see :class:`connector.ports.transaction.Store`."""

    def __init__(
        self,
        url: str,
        *,
        clock: ServerClock | None = None,
        connections: int = CONNECTIONS,
        most_waiting: int = MOST_WAITING,
        tell: Tell = silent,
    ) -> None:
        engine = make_engine(url, autocommit=True)
        clock = clock or ServerClock()
        self._together = Queue(most_waiting)
        self._alone = Queue(most_waiting)
        self._reads = Queue(most_waiting)
        # Work that runs alone has its own connection: it waits for the others, and must not keep them waiting for it.
        queues = [self._alone]
        queues += [self._together] * max(1, (connections - 1) // 2)
        queues += [self._reads] * max(1, connections - len(queues))
        self._workers = [
            _worker(f"connector-postgresql-{number}", queue, engine, clock, writes=queue is not self._reads, tell=tell)
            for number, queue in enumerate(queues)
        ]

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        if alone:
            return await _submit(self._alone, _BEGIN_ALONE, function)
        return await _submit(self._together, _BEGIN_TOGETHER, function)

    async def read(self, function: Callable[[Transaction], T], *, single: bool = False) -> T:
        return await _submit(self._reads, _ONE_STATEMENT if single else _BEGIN_READING, function)

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        return await self.read(function, single=True)

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        def run(tx: SqlTransaction) -> T | None:
            return function(tx) if tx.is_sole(lock_of(name)) else None

        return await _submit(self._together, _BEGIN_TOGETHER, run)

    async def probe(self) -> None:
        await _submit(self._together, _BEGIN_TOGETHER, SqlTransaction.probe)

    async def close(self) -> None:
        for queue in (self._alone, self._together, self._reads):
            queue.close()
        for worker in self._workers:
            await asyncio.to_thread(worker.join)


def open_postgresql(
    url: str, *, clock: ServerClock | None = None, connections: int = CONNECTIONS, tell: Tell = silent
) -> PostgresqlStore:
    """The store on this database, whose tables are made or brought to this program's version first.

    Of several replicas that start at once, one does it and the others wait.

    Args:
        url: as libpq takes it: ``postgresql://user:password@host:port/database?sslmode=verify-full``.
        clock: reads the server's from now on.
        connections: the most that this process opens, three at least.
        tell: gets each event that was recorded.

    Raises:
        StorageUnavailable: the database cannot be used, and why.
    """
    bring_up_to_date(url)
    return PostgresqlStore(url, clock=clock, connections=connections, tell=tell)


def attach_postgresql(url: str, *, clock: ServerClock | None = None) -> PostgresqlStore:
    """The store on this database, which a server made and may be using. The tables are left as they are.

    Raises:
        StorageUnavailable: the database cannot be used, or another version of the program made it.
    """
    try:
        with make_engine(url).connect() as connection:
            check(connection)
            if clock is not None:
                clock.read(partial(time_of, driver(connection)))
    except (psycopg.Error, DBAPIError) as error:
        raise faults.unreachable(error) from error
    return PostgresqlStore(url, clock=clock, connections=3)


class _LostCommitError(Exception):
    """The answer to a commit did not come; ``number`` is the transaction's."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class _Task(Job[T]):
    """A job, and the statement that begins its transaction."""

    __slots__ = ("begin",)

    def __init__(self, begin: str, function: Callable[[SqlTransaction], T]) -> None:
        super().__init__(function)
        self.begin = begin


class _Session(NamedTuple):
    """A connection as SQLAlchemy has it, and as the driver has it. The former forgets the latter when that is lost."""

    connection: Connection
    driver: Driver


class _Line:
    """One connection, opened when it is needed and dropped after a fault. One thread uses it.

    To open it anew is what heals: a server that was restarted, or is another now, needs no restart here.
    """

    def __init__(self, engine: Engine, clock: ServerClock, *, writes: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._writes = writes
        self._mark = random.SystemRandom().choice(_MARKS)
        self._count = 0
        self._session: _Session | None = None

    def run(self, jobs: Sequence[Job[Any]]) -> None:
        """Run each job in a transaction of its own."""
        for job in jobs:
            try:
                job.result = self._attempt(cast("_Task[Any]", job))
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

    def _attempt(self, job: _Task[T]) -> T:
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

    def _once(self, job: _Task[T], deadline: float) -> T:
        """One transaction.

        Raises:
            psycopg.Error, DBAPIError: the database could not, and nothing was committed.
        """
        try:
            session = self._connected()
            number = self._begin(session, job.begin)
            transaction = SqlTransaction(session.connection, self._clock)
            transaction.audit.renew(job.circumstances)
            result = job.function(transaction)
            job.events = transaction.audit.appended
            if job.future.cancelled():  # its caller has the answer already that nothing was done
                raise StorageUnavailable  # noqa: TRY301 - to be rolled back as everything else
        except BaseException:  # any exception of the function goes to its caller
            self._roll_back()
            raise
        if job.begin == _ONE_STATEMENT:
            return result
        try:
            _commit(session.driver, number)
        except _LostCommitError as lost:
            self.drop()
            if not self._was_committed(lost.number, deadline):
                raise psycopg.OperationalError("the connection was lost before the commit") from lost
        return result

    def _begin(self, session: _Session, statement: str) -> str | None:
        """Begin a transaction; its number, if it is one that writes."""
        if statement == _ONE_STATEMENT:
            return None
        self._count += 1
        found = command(session.driver, statement.format(count=self._count, mark=self._mark))
        return (found.get_value(0, 0) or b"").decode() if self._writes else None

    def _connected(self) -> _Session:
        if self._session is None:
            connection = self._engine.connect()
            self._session = _Session(connection, driver(connection))
            if self._writes:
                self._session.driver.execute(_MAKE_MARK, [self._mark])
            else:
                self._session.driver.execute(_ONLY_READ)
        if self._clock.is_old:
            self._clock.read(partial(time_of, self._session.driver))
        return self._session

    def _was_committed(self, number: str, deadline: float) -> bool:
        """The fate of the transaction, asked over a new connection; its server process may still be working.

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
                command(connected, "ROLLBACK")
        if connected.closed or connected.info.transaction_status != TransactionStatus.IDLE:
            self.drop()


def _commit(connected: Driver, number: str | None) -> None:
    try:
        status = command(connected, "COMMIT").command_status
    except psycopg.Error as error:
        if connected.closed and number is not None:
            raise _LostCommitError(number) from error
        raise
    # A transaction in which a statement failed is rolled back by COMMIT, without an error.
    if status != b"COMMIT":
        raise psycopg.InternalError("the transaction was rolled back")


async def _submit(queue: Queue, begin: str, function: Callable[[SqlTransaction], T]) -> T:
    job = _Task(begin, function)
    queue.put(job)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await job.outcome()
    except TimeoutError as error:
        raise StorageUnavailable from error


def _worker(name: str, queue: Queue, engine: Engine, clock: ServerClock, *, writes: bool, tell: Tell) -> Worker:
    line = _Line(engine, clock, writes=writes)
    return Worker(name, queue, 1, run=line.run, end=line.end, tell=tell)
