"""SQLite into PostgreSQL: everything comes out the same, or nothing is there."""

from asyncio import Runner
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pysqlite3.dbapi2 as driver
import pytest
from tests.support import records
from tests.support.postgres import Postgres

from connector.domain.certificates import RevocationReason
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.storage import Database, open_sqlite

CERTIFICATES = 1200


@pytest.fixture
def url(postgresql: Postgres) -> Iterator[str]:
    with postgresql.database() as url:
        yield url


@pytest.fixture
def database(path: Path, url: str, runner: Runner) -> Database:
    """A SQLite file with some of everything in it, and an empty PostgreSQL database."""
    store = open_sqlite(path)

    def fill(tx: Transaction) -> None:
        tx.tenants.add(records.tenant(1, name="Ünïcøde ❄ \\N \\. \t\n"))
        system = records.entity(1, name="a system")
        directory = tx.directory(records.tenant().id)
        directory.add_entity(system)
        directory.add_entity(records.entity(2, integration_system_id=system.id, labels={"ä": ["x", 1]}))
        directory.add_system_auth(records.system_auth())
        for number in range(1, CERTIFICATES):
            tx.inventory.add(records.certificate(number, der=bytes(range(256)) + number.to_bytes(4)))
            tx.audit.append(records.event(number))
        tx.tokens.add(records.token(1, source="10.0.0.0/8"))
        tx.tokens.redeem(records.token(1), now=records.NOW)
        tx.keys.add(records.api_key())
        which = CertificateFilter(records.tenant().id, fingerprint=records.digest(7))
        tx.inventory.revoke(which, RevocationReason.KEY_COMPROMISE, now=records.LATER)

    runner.run(store.transaction(fill))
    runner.run(store.close())
    return Database(path, url)


def told(tx: Transaction) -> object:
    tenant = records.tenant().id
    return (
        tx.tenants.list(),
        tx.directory(tenant).entities(records.entity().kind),
        tx.directory(tenant).system_auths([records.entity().id]),
        tx.tokens.list(TokenFilter(tenant)),
        tx.inventory.list(CertificateFilter(tenant)),
        records.audited(tx),
        tx.keys.list(),
    )


def test_everything_is_copied(path: Path, database: Database, runner: Runner) -> None:
    """What the SQLite file held is what the PostgreSQL database tells; new events are numbered after the old ones; and
    nobody goes on with the file by mistake.
    """
    old = open_sqlite(path)
    expected = runner.run(old.read(told))
    runner.run(old.close())
    reports: list[str] = []

    copied = database.copy_to_postgresql(lambda what, done, total: reports.append(f"{what} {done}/{total}"))

    assert copied["certificates"] == copied["audit_events"] == CERTIFICATES - 1
    assert f"copy certificates {CERTIFICATES - 1}/{CERTIFICATES - 1}" in reports
    new = database.open()
    assert runner.run(new.read(told)) == expected
    runner.run(new.transaction(lambda tx: tx.audit.append(records.event(CERTIFICATES))))
    runner.run(new.close())
    assert {file.name for file in path.parent.iterdir()} <= {"connector.db.moved", "connector.db-turn"}
    with pytest.raises(StorageUnavailable, match="was moved to PostgreSQL"):
        Database(path).open()


def test_a_copy_that_was_killed_at_its_end_is_finished(path: Path, database: Database) -> None:
    """Where the rows are there already, all of them are compared, and the file is put away."""
    database.copy_to_postgresql(lambda *_: None)
    path.with_name("connector.db.moved").rename(path)

    assert database.copy_to_postgresql(lambda *_: None)["certificates"] == CERTIFICATES - 1
    assert not path.exists()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE certificates SET revoked_at = NULL WHERE revoked_at IS NOT NULL", "of the table certificates"),
        ("DELETE FROM tokens", "of the table tokens"),
        ("INSERT INTO tenants VALUES ('x', 'x', 'x', 1)", "of the table tenants"),
    ],
)
def test_a_database_with_other_rows_is_left_alone(
    path: Path, url: str, database: Database, statement: str, told: str
) -> None:
    """A single row that is missing, added or different stops the move, and the file stays in use."""
    database.copy_to_postgresql(lambda *_: None)
    path.with_name("connector.db.moved").rename(path)
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())

    with pytest.raises(StorageUnavailable, match=told):
        database.copy_to_postgresql(lambda *_: None)
    assert path.exists()


def test_a_row_that_postgresql_does_not_take(path: Path, url: str, database: Database) -> None:
    """One row that cannot be written stops the copy, and none is written."""
    with closing(driver.connect(str(path))) as connection:
        connection.execute("UPDATE entities SET description = 'a' || char(0) WHERE name = 'a system'")
        connection.commit()

    with pytest.raises(StorageUnavailable, match="nothing was written"):
        database.copy_to_postgresql(lambda *_: None)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (0,)
    assert path.exists()


def test_a_backup_is_the_database(path: Path, database: Database, tmp_path: Path, runner: Runner) -> None:
    """A backup that is taken while the database is written to is whole, and its owner's alone."""
    store = open_sqlite(path)
    expected = runner.run(store.read(told))
    target = tmp_path / "backup" / "connector.db"
    target.parent.mkdir()

    Database(path).back_up(target)

    runner.run(store.transaction(lambda tx: tx.keys.add(records.api_key(2))))
    runner.run(store.close())
    assert target.stat().st_mode & 0o777 == 0o600
    restored = open_sqlite(target)
    assert runner.run(restored.read(told)) == expected
    runner.run(restored.close())
    with pytest.raises(InvalidData, match="exists, and a backup replaces nothing"):
        Database(path).back_up(target)
    with pytest.raises(StorageUnavailable, match="pg_dump"):
        database.back_up(tmp_path / "other")
