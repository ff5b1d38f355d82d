from asyncio import Runner
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from tests.support import records

from connector.directory import Entity, Tenant
from connector.errors import StorageUnavailable
from connector.ports import Transaction
from connector.principals import ApiKey, Role
from connector.storage import attach_sqlite, open_sqlite, schema
from connector.storage.migrations import upgrade


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    """A connection to a new, empty database."""
    engine = create_engine(f"sqlite+pysqlite:///{path}", module=driver)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_the_steps_make_the_tables_of_the_program(connection: Connection) -> None:
    """After all steps the database has exactly the tables, columns, types, constraints and indexes of the metadata."""
    upgrade(connection)

    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, schema.metadata) == []


def test_the_order_of_columns_is_the_order_of_the_metadata(connection: Connection) -> None:
    """Each table has its columns in the same order in both: a person who looks finds what the code says."""
    upgrade(connection)

    for table in schema.metadata.sorted_tables:
        columns = connection.execute(text(f"PRAGMA table_info({table.name})")).all()
        assert [column.name for column in columns] == [column.name for column in table.columns]


def test_only_fetched_tokens_are_indexed_by_certificate(connection: Connection) -> None:
    """The index that the comparison cannot look into is a partial one."""
    upgrade(connection)

    index = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'ix_tokens_certificate'")).scalar_one()
    assert index.endswith("WHERE certificate IS NOT NULL")


def test_to_upgrade_again_changes_nothing(connection: Connection) -> None:
    """A database of this version is left as it is."""
    upgrade(connection)
    before = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()

    upgrade(connection)

    assert connection.execute(text("SELECT name, sql FROM sqlite_master")).all() == before


def test_a_newer_database_is_refused(path: Path) -> None:
    """A database of a newer version is refused in a sentence, and not touched."""
    open_sqlite(path)
    with driver.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StorageUnavailable, match="made by a newer version of Connector"):
        open_sqlite(path)

    assert driver.connect(str(path)).execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_to_attach_changes_no_table(path: Path, runner: Runner) -> None:
    """Whoever attaches to a database works on one of the own version, and leaves every other as it is."""
    runner.run(open_sqlite(path).close())
    store = attach_sqlite(path)
    assert runner.run(store.transaction(lambda tx: tx.tenants.list())) == []
    runner.run(store.close())

    with driver.connect(str(path)) as connection:
        for statement, told in (
            ("UPDATE alembic_version SET version_num = '9999'", "made by a newer version of Connector"),
            ("DELETE FROM alembic_version", "made by an older version of Connector. Restart the server"),
            ("DROP TABLE alembic_version", "made by an older version of Connector. Restart the server"),
        ):
            connection.execute(statement)
            connection.commit()
            before = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
            with pytest.raises(StorageUnavailable, match=told):
                attach_sqlite(path)
            assert connection.execute("SELECT name, sql FROM sqlite_master").fetchall() == before


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"])
def test_the_database_keeps_the_audit_append_only(connection: Connection, statement: str) -> None:
    """The database itself refuses to change or remove an event, whoever asks."""
    upgrade(connection)
    connection.execute(text("INSERT INTO audit_events (at, action, actor) VALUES (1, 'token.spent', 'system')"))

    with pytest.raises(DBAPIError, match="audit_events is append-only"):
        connection.execute(text(statement))


def test_what_the_first_version_recorded_is_all_there(path: Path, runner: Runner) -> None:
    """A database of the first version is brought up to date with its rows: its key may do what it could, everything
    everywhere; its entities have no labels yet; and an older server that still writes can do so.
    """
    made = records.tenant(), records.entity(), records.api_key()
    with closing(driver.connect(str(path))) as old:
        old.executescript("".join(f"{statement};" for statement in _statements_of("0001")))
        _write_as_the_first_version(old, *made)
        old.commit()

    store = open_sqlite(path)
    with closing(driver.connect(str(path))) as old:
        other = records.tenant(2), records.entity(2, tenant_id=records.tenant(2).id), records.api_key(2)
        _write_as_the_first_version(old, *other)
        old.commit()
    for tenant, entity, key in (made, other):

        def read(tx: Transaction, of: tuple[Tenant, Entity, ApiKey] = (tenant, entity, key)) -> object:
            tenant, entity, key = of
            directory = tx.directory(tenant.id)
            return tx.tenants.find(tenant.external_id), directory.entities(entity.kind), tx.keys.find(key.digest)

        assert runner.run(store.read(read)) == (tenant, [entity], replace(key, role=Role.ADMINISTRATOR))
    runner.run(store.close())


def _statements_of(revision: str) -> list[str]:
    """The SQL that makes a database of that version."""
    engine = create_engine("sqlite+pysqlite://", module=driver)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "connector.storage:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars().all()
    engine.dispose()
    version = f"INSERT INTO alembic_version VALUES ('{revision}')"  # noqa: S608 - our own
    return [*made, version, "INSERT INTO probes VALUES (1, 0)"]


def _write_as_the_first_version(old: driver.Connection, tenant: Tenant, entity: Entity, key: ApiKey) -> None:
    """What the first version wrote: the columns that it knew."""
    moment = int((tenant.created_at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    for table, columns, values in (
        ("tenants", "id, external_id, name, created_at", (tenant.id, tenant.external_id, tenant.name, moment)),
        (
            "entities",
            "id, tenant_id, kind, name, description, created_at",
            (entity.id, entity.tenant_id, entity.kind.value, entity.name, entity.description, moment),
        ),
        ("api_keys", "id, name, digest, created_at", (key.id, key.name, key.digest, moment)),
    ):
        marks = ", ".join("?" for _ in values)
        old.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - our own names
