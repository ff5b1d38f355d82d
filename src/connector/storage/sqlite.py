# ruff: noqa: ARG002, D102 - what the methods promise, and take, stands in connector.ports
"""The store on one SQLite file: one writer thread with group commit, a few readers, and look-ups on the event loop.

Every commit is on disk before its callers get their results (WAL, synchronous=FULL). Other processes may use the file.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import pysqlite3.dbapi2 as driver  # type: ignore[import-untyped]
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageFull, StorageReadOnly, StorageUnavailable
from connector.ports.transaction import Transaction
from connector.storage.migrations import check, upgrade
from connector.storage.transaction import SqlTransaction
from connector.storage.turns import Turn
from connector.storage.workers import Job, Queue, Tell, Worker, silent

T = TypeVar("T")

# Before this version a checkpoint that races a commit can lose it: https://www.sqlite.org/wal.html#walresetbug
OLDEST_VERSION = (3, 51, 3)
BUSY_MILLISECONDS = 5000
WRITES_IN_A_BATCH = 64
QUESTIONS_IN_A_BATCH = 16
# Two, each with one view in a transaction: while a long page is read, other views have the other reader.
VIEW_READERS = 2
MOST_WAITING = 10_000

# Immediate: a transaction that starts as a reader could find at its first write that it is too late.
_BEGIN_WRITING = "BEGIN IMMEDIATE"
_BEGIN_READING = "BEGIN"

_FULL_SYNC = 2
# 16 MiB of log, four times SQLite's own measure, before it is copied into the file. Of the pages that every enrollment
# writes, each is copied once for all that is in the log: this makes 3 % more enrollments, on a full inventory too.
_CHECKPOINT_PAGES = 4000
_WRITING: Mapping[str, int | str] = {
    "busy_timeout": BUSY_MILLISECONDS,
    "journal_mode": "wal",
    "synchronous": _FULL_SYNC,
    "foreign_keys": 1,
    "wal_autocheckpoint": _CHECKPOINT_PAGES,
}
_READING = {**_WRITING, "query_only": 1}
# The event loop waits for nobody.
_LOOKING_UP = {**_READING, "busy_timeout": 0}

_PRIMARY = 0xFF  # the other bits of a result code tell the variant
# With these codes one statement is at fault, not the database.
_ONE_STATEMENT = {
    driver.SQLITE_ERROR,
    driver.SQLITE_CONSTRAINT,
    driver.SQLITE_TOOBIG,
    driver.SQLITE_MISMATCH,
    driver.SQLITE_MISUSE,
    driver.SQLITE_RANGE,
}
# These codes can have many causes; the disk shows whether it is one of the two that have names.
_LOOK_AT_THE_DISK = {driver.SQLITE_IOERR, driver.SQLITE_CANTOPEN}
# A file that SQLite shares between processes grows by 32 KiB.
_ROOM_OCTETS = 64 * 1024


class SqliteStore:
    """Runs functions in transactions on the SQLite file; see :class:`connector.ports.transaction.Store`."""

    def __init__(self, path: Path, *, most_waiting: int = MOST_WAITING, tell: Tell = silent) -> None:
        self._writes = Queue(most_waiting)
        # Single questions, such as who calls, have a reader of their own: behind a page of 200 applications with all
        # their system auths they waited for a third of a second.
        self._questions = Queue(most_waiting)
        self._views = Queue(most_waiting)
        turn = Turn(path.with_name(f"{path.name}-turn"))
        writer = _Line(_engine(path, _WRITING), path, begin=_BEGIN_WRITING, run=_write, turn=turn)
        self._workers = [
            Worker("connector-writer", self._writes, WRITES_IN_A_BATCH, run=writer.run, end=writer.drop, tell=tell)
        ]
        reading = [("questions", self._questions, QUESTIONS_IN_A_BATCH)]
        reading += [(f"views-{number}", self._views, 1) for number in range(VIEW_READERS)]
        for name, queue, batch in reading:
            reader = _reader(path, _READING)
            self._workers.append(Worker(f"connector-{name}", queue, batch, run=reader.run, end=reader.drop))
        self._looking_up = _reader(path, _LOOKING_UP)
        self._is_closed = False

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        # Every transaction is alone here: SQLite has one writer at a time.
        return await _submit(self._writes, function)

    async def read(self, function: Callable[[Transaction], T], *, single: bool = False) -> T:
        return await _submit(self._questions if single else self._views, function)

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        # On the event loop itself: a few pages, nearly always in memory, cost less than the way to a thread.
        if self._is_closed:
            raise StorageUnavailable
        job = Job(function)
        self._looking_up.run([job])
        return await self.read(function, single=True) if _is_busy(job.error) else job.found()

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        return await self.transaction(function)

    async def probe(self) -> None:
        await _submit(self._writes, SqlTransaction.probe)

    async def close(self) -> None:
        self._writes.close()
        self._questions.close()
        self._views.close()
        self._is_closed = True
        self._looking_up.drop()
        for worker in self._workers:
            await asyncio.to_thread(worker.join)


def open_sqlite(path: Path, *, tell: Tell = silent) -> SqliteStore:
    """The store on this file, which is made or brought to this program's version first. Its directory exists.

    Raises:
        StorageUnavailable: the database cannot be used, and why.
    """
    bring_up_to_date(path)
    return SqliteStore(path, tell=tell)


def bring_up_to_date(path: Path) -> None:
    """Make the file and its tables, or bring them to this program's version.

    Raises:
        StorageUnavailable: the database cannot be used, and why.
    """
    check_version(driver.sqlite_version_info)
    try:
        # Nobody else may read it, not even for a moment. SQLite gives its -wal and -shm the same mode.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with writing_engine(path).begin() as connection:
            upgrade(connection)
    except (OSError, driver.Error, SQLAlchemyError) as error:
        raise _refusal(error, path) from error


def ask(path: Path, question: Callable[[Connection], Iterable[T]]) -> Sequence[T]:
    """The answer of the file to the question.

    Raises:
        StorageUnavailable: it cannot be asked.
    """
    try:
        with reading_engine(path).connect() as connection:
            return list(question(connection))
    except (driver.Error, SQLAlchemyError) as error:
        raise _refusal(error, path) from error


def back_up(path: Path, target: Path) -> None:
    """Write a copy of the file as it is at one moment, while others go on using it. ``target`` is a new file.

    Raises:
        InvalidData: the target exists.
        StorageUnavailable: it cannot be read or written; no part of a copy is left.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise InvalidData(f"{target} exists, and a backup replaces nothing. Name a new file.") from error
    except OSError as error:
        raise StorageUnavailable(f"The backup cannot be written to {target}: {error.strerror}.") from error
    try:
        with writing_engine(path).connect() as connection:
            connection.connection.dbapi_connection.execute("VACUUM INTO ?", (str(target),))  # type: ignore[union-attr]
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        os.fsync(descriptor)
        os.close(descriptor)
    except (OSError, driver.Error, SQLAlchemyError) as error:
        target.unlink(missing_ok=True)
        raise _refusal(error, target) from error


def attach_sqlite(path: Path) -> SqliteStore:
    """The store on this file, which a server made and may be using. The tables are left as they are.

    Raises:
        StorageUnavailable: the database cannot be used, or another version of the program made it.
    """
    check_version(driver.sqlite_version_info)
    try:
        with reading_engine(path).connect() as connection:
            check(connection)
    except (driver.Error, SQLAlchemyError) as error:
        raise _refusal(error, path) from error
    return SqliteStore(path)


def check_version(version: tuple[int, ...]) -> None:
    """Refuse a SQLite that can lose commits.

    Raises:
        StorageUnavailable: this is one.
    """
    if version < OLDEST_VERSION:
        found, oldest = (".".join(map(str, numbers)) for numbers in (version, OLDEST_VERSION))
        raise StorageUnavailable(
            f"SQLite {found} can lose commits (the WAL-reset bug). Install a pysqlite3 with SQLite {oldest} or newer."
        )


class _Line:
    """One connection, opened when it is needed and dropped after a fault. One thread uses it.

    To open it anew is what heals: a full disk that was freed, a file that became writable, need no restart.

    Transactions and savepoints are begun and ended straight at the driver: SQLAlchemy would make an object for each.
    """

    def __init__(
        self, engine: Engine, path: Path, *, begin: str, run: "Run", turn: AbstractContextManager[None]
    ) -> None:
        self._engine = engine
        self._path = path
        self._begin = begin
        self._run = run
        self._turn = turn
        self._connection: Connection | None = None

    def run(self, jobs: Sequence[Job[Any]]) -> None:
        """Run the jobs in one transaction, and commit. All fail if the database does."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            execute = self._connection.connection.dbapi_connection.execute  # type: ignore[union-attr]
            transaction = SqlTransaction(self._connection)
            with self._turn:
                execute(self._begin)
            for job in jobs:
                transaction.renew(job.circumstances)
                self._run(execute, transaction, job)
            execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the commit is not known to be on disk
            self.drop()
            # Also the jobs that were refused: they may have seen what a neighbour wrote, and that is undone.
            for job in jobs:
                job.error = _refusal(error, self._path)
                job.error.__cause__ = error

    def drop(self) -> None:
        """Close the connection, if it is open. Uncommitted work is undone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(driver.Error, SQLAlchemyError):
                connection.close()


def _reader(path: Path, pragmas: Mapping[str, int | str]) -> _Line:
    return _Line(_engine(path, pragmas), path, begin=_BEGIN_READING, run=_read, turn=nullcontext())


Execute = Callable[[str], object]
Run = Callable[[Execute, SqlTransaction, Job[Any]], None]


def _write(execute: Execute, transaction: SqlTransaction, job: Job[Any]) -> None:
    """Run one function in a savepoint; its exception undoes its own work and no other's. A fault is raised."""
    execute("SAVEPOINT one")
    try:
        job.result = job.function(transaction)
        job.events = transaction.audit.appended
    except BaseException as error:  # any exception of the function goes to its caller
        if _is_fault(error):
            raise
        execute("ROLLBACK TO one")
        job.error = error
    execute("RELEASE one")


def _read(_: Execute, transaction: SqlTransaction, job: Job[Any]) -> None:
    """Run one function, which writes nothing that could be undone. A fault is raised."""
    try:
        job.result = job.function(transaction)
    except BaseException as error:  # any exception of the function goes to its caller
        if _is_fault(error):
            raise
        job.error = error


async def _submit(queue: Queue, function: Callable[[SqlTransaction], T]) -> T:
    job = Job(function)
    queue.put(job)
    return await job.outcome()


def writing_engine(path: Path) -> Engine:
    """An engine whose every transaction may write."""
    return _beginning(_engine(path, _WRITING), _BEGIN_WRITING)


def reading_engine(path: Path) -> Engine:
    """An engine whose connections read only."""
    return _beginning(_engine(path, _READING), _BEGIN_READING)


def _beginning(engine: Engine, begin: str) -> Engine:
    """The engine, which begins each of SQLAlchemy's transactions with this statement."""

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _engine(path: Path, pragmas: Mapping[str, int | str]) -> Engine:
    """An engine of which the driver begins no transaction: it would begin them late, and deferred.

    Parameters are hidden, since SQLAlchemy would write them into its exceptions.
    """
    url = URL.create("sqlite+pysqlite", database=str(path))
    engine = create_engine(url, module=driver, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        # SQLite's own lower() knows ASCII alone.
        connection.create_function("connector_folded", 1, str.lower, deterministic=True)
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")
            if connection.execute(f"PRAGMA {name}").fetchone() != (value,):
                raise StorageUnavailable(f"SQLite cannot be used on this file system: it refuses {name} = {value}.")

    return engine


def _result_code(error: BaseException) -> int | None:
    """SQLite's primary result code, if the error has one."""
    code = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def _is_busy(refusal: BaseException | None) -> bool:
    """Whether the refusal comes of another process that holds the file for a moment."""
    cause = None if refusal is None else refusal.__cause__
    return cause is not None and _result_code(cause) == driver.SQLITE_BUSY


def _is_fault(error: BaseException) -> bool:
    """Whether the database is at fault, and not one statement or the function."""
    code = _result_code(error)
    return code is not None and code not in _ONE_STATEMENT


def _refusal(error: Exception, path: Path) -> StorageUnavailable:
    """The refusal for the callers."""
    if isinstance(error, StorageUnavailable):
        return StorageUnavailable(str(error))
    code = _result_code(error)
    if code == driver.SQLITE_FULL:
        return StorageFull()
    if code == driver.SQLITE_READONLY:
        return StorageReadOnly()
    if code in _LOOK_AT_THE_DISK or isinstance(error, OSError):
        return _disk_refusal(path)
    return StorageUnavailable()


def _disk_refusal(path: Path) -> StorageUnavailable:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return StorageUnavailable()
    if disk.f_flag & os.ST_RDONLY:
        return StorageReadOnly()
    return StorageFull() if disk.f_bavail * disk.f_frsize < _ROOM_OCTETS else StorageUnavailable()
