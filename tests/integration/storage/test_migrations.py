import subprocess
import sys
from asyncio import Runner
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysqlite3.dbapi2 as driver
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from tests.support import records

from connector.domain import labels
from connector.domain.directory import Entity, Tenant
from connector.domain.principals import ApiKey, Role
from connector.domain.refusals.storage import StorageUnavailable
from connector.storage import attach_sqlite, open_sqlite, schema
from connector.storage.migrations import newest, steps, upgrade
from connector.storage.postgresql.engine import make_engine
from connector.storage.sqlite import writing_engine
from connector.storage.transaction import SqlTransaction


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, path: Path) -> Iterator[Connection]:
    """A connection to a new, empty database of each kind."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            engine = writing_engine(path)
        else:
            engine = make_engine(stack.enter_context(request.getfixturevalue("postgresql").database()))
        yield stack.enter_context(engine.connect())


def test_the_steps_make_the_tables_of_the_program(connection: Connection) -> None:
    """After all steps the database has exactly the tables, columns, types, constraints and indexes of the metadata."""
    upgrade(connection)

    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, schema.metadata) == []


def test_the_order_of_columns_is_the_order_of_the_metadata(connection: Connection) -> None:
    """Each table has its columns in the same order in both: a person who looks finds what the code says."""
    upgrade(connection)

    for table in schema.metadata.sorted_tables:
        columns = inspect(connection).get_columns(table.name)
        assert [column["name"] for column in columns] == [column.name for column in table.columns]


def test_only_fetched_tokens_are_indexed_by_certificate(connection: Connection) -> None:
    """The index that the comparison cannot look into is a partial one."""
    upgrade(connection)

    (index,) = (one for one in inspect(connection).get_indexes("tokens") if one["name"] == "ix_tokens_certificate")
    assert "certificate IS NOT NULL" in str(index["dialect_options"][f"{connection.dialect.name}_where"])


def test_to_upgrade_again_changes_nothing(connection: Connection) -> None:
    """A database of this version is left as it is."""
    upgrade(connection)
    before = _reflected(connection)

    upgrade(connection)

    assert _reflected(connection) == before


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


def test_what_the_first_version_recorded_is_all_there(connection: Connection) -> None:
    """A database of the first version is brought up to date with its rows: its key may do what it could, everything
    everywhere; its entities have no labels yet, and a normalised name; and an older server that still writes can do so.
    """
    made = records.tenant(), records.entity(), records.api_key()
    other = records.tenant(2), records.entity(2, tenant_id=records.tenant(2).id), records.api_key(2)
    command.upgrade(_config(connection), "0001")
    _write_as_the_first_version(connection, *made)

    upgrade(connection)
    _write_as_the_first_version(connection, *other)

    tx = SqlTransaction(connection)
    for tenant, entity, key, normalized in ((*made, labels.normalized(made[1].name)), (*other, None)):
        assert tx.tenants.find(tenant.external_id) == tenant
        assert tx.directory(tenant.id).entities(entity.kind) == [replace(entity, normalized_name=normalized)]
        assert tx.keys.find(key.digest) == replace(key, role=Role.ADMINISTRATOR)


def test_a_migration_that_fails_leaves_nothing(connection: Connection) -> None:
    """The steps are one transaction: after a fault in the midst of them the database is what it was before."""
    command.upgrade(_config(connection), "0001")
    connection.commit()
    before = _reflected(connection)
    connection.execute(text("CREATE TABLE trust_anchors (x TEXT)"))  # where the third step wants to make one
    with pytest.raises(DBAPIError):
        upgrade(connection)
    connection.rollback()

    assert _reflected(connection) == before


def test_the_steps_are_those_that_alembic_finds() -> None:
    """The numbers in the steps' file names, by which a start sees that none is due, are Alembic's own, in its order."""
    config = Config()
    config.set_main_option("script_location", "connector.storage:migrations")
    found = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]

    assert steps() == found[::-1]
    assert newest() == found[0]


def test_a_start_without_a_step_needs_no_alembic(tmp_path: Path) -> None:
    """Where no step is due, none is looked for: Alembic is not even imported, which a start would feel."""
    script = (
        "import sys; from pathlib import Path; from connector.storage import sqlite; "
        "sqlite.bring_up_to_date(Path(sys.argv[1])); print('alembic' in sys.modules)"
    )
    path = str(tmp_path / "connector.db")
    told = [subprocess.check_output([sys.executable, "-c", script, path], text=True).strip() for _ in range(2)]

    assert told == ["True", "False"]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "connector.storage:migrations")
    config.attributes["connection"] = connection
    return config


def _reflected(connection: Connection) -> Mapping[str, object]:
    """What the database says of its tables."""
    found = inspect(connection)
    return {
        table: (
            [{**column, "type": str(column["type"])} for column in found.get_columns(table)],
            sorted(str(index["name"]) for index in found.get_indexes(table)),
        )
        for table in found.get_table_names()
    } | {"version": str(connection.execute(text("SELECT * FROM alembic_version")).all())}


def _write_as_the_first_version(connection: Connection, tenant: Tenant, entity: Entity, key: ApiKey) -> None:
    """What the first version wrote: the columns that it knew."""
    moment = int((tenant.created_at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    for table, row in (
        ("tenants", {"id": tenant.id, "external_id": tenant.external_id, "name": tenant.name}),
        (
            "entities",
            {
                "id": entity.id,
                "tenant_id": entity.tenant_id,
                "kind": entity.kind.value,
                "name": entity.name,
                "description": entity.description,
            },
        ),
        ("api_keys", {"id": key.id, "name": key.name, "digest": key.digest}),
    ):
        values = {**row, "created_at": moment}
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)  # noqa: S608 - our own names
