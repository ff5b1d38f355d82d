"""Statements that go straight to the driver, beside what SQLAlchemy makes of the same."""

import gc
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

import pysqlite3.dbapi2 as driver
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, NullPool, bindparam, create_engine, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

from connector.domain.tokens import OneTimeToken, TokenType
from connector.storage.catalogue import SqlCatalogue
from connector.storage.certificates import SqlInventory
from connector.storage.clients import SqlClients
from connector.storage.columns import Moment
from connector.storage.directories import SqlDirectory
from connector.storage.formations import SqlFormations
from connector.storage.schema import metadata, tokens
from connector.storage.statements import Insert, Prepared
from connector.storage.tokens import SqlTokens

FIND = select(tokens).where(tokens.c.id == bindparam("id"))
COUNT = update(tokens).where(tokens.c.id == bindparam("this")).values(refusals=tokens.c.refusals + 2).returning(tokens)
SPEND = update(tokens).where(tokens.c.id == bindparam("this")).values(spent_at=bindparam("now", type_=Moment))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
DIGESTS = st.binary(min_size=32, max_size=32)
TOKENS = st.builds(
    OneTimeToken,
    id=TEXTS,
    digest=DIGESTS,
    type=st.sampled_from(TokenType),
    system_auth_id=TEXTS,
    owner_id=TEXTS,
    tenant_id=TEXTS,
    minted_by=TEXTS,
    minted_at=MOMENTS,
    expires_at=MOMENTS,
    spent_at=st.none() | MOMENTS,
    withdrawn_at=st.none() | MOMENTS,
    refusals=st.integers(0, 2**31),
    certificate=st.none() | DIGESTS,
    source=st.none() | TEXTS,
    key=st.none() | DIGESTS,
)
PROPERTY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty database in memory."""
    engine = create_engine("sqlite+pysqlite://", module=driver, poolclass=NullPool)
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.commit()
        yield connection


@PROPERTY
@given(token=TOKENS)
def test_what_is_recorded_and_read_is_what_sqlalchemy_records_and_reads(
    connection: Connection, token: OneTimeToken
) -> None:
    """Of every record, prepared statements write the octets that SQLAlchemy writes, and read back what it reads."""
    raw = "SELECT * FROM tokens"
    Insert(tokens, OneTimeToken)(connection, token, taken=ValueError())
    mine, read = connection.exec_driver_sql(raw).one(), Prepared(FIND).first(connection, id=token.id)
    connection.rollback()
    connection.execute(insert(tokens), Insert(tokens, OneTimeToken).row(token))
    theirs, expected = connection.exec_driver_sql(raw).one(), connection.execute(FIND, {"id": token.id}).one()
    connection.rollback()

    assert mine == theirs
    assert read is not None
    assert tuple(read) == tuple(expected) == astuple(token)


@PROPERTY
@given(token=TOKENS, now=MOMENTS)
def test_what_is_changed_is_what_sqlalchemy_changes(connection: Connection, token: OneTimeToken, now: datetime) -> None:
    """A prepared update changes the rows that SQLAlchemy changes, says how many, and returns what they became."""

    def done(how: Any) -> tuple[object, ...]:
        Insert(tokens, OneTimeToken)(connection, token, taken=ValueError())
        came = how()
        left = connection.exec_driver_sql("SELECT * FROM tokens").one()
        connection.rollback()
        return (*came, left)

    def prepared() -> tuple[object, ...]:
        changed = [Prepared(SPEND).run(connection, this=each, now=now) for each in (token.id, token.id + "x")]
        return (*changed, *(Prepared(COUNT).first(connection, this=token.id) or ()))

    def executed() -> tuple[object, ...]:
        changed = [
            connection.execute(SPEND, {"this": each, "now": now}).rowcount for each in (token.id, token.id + "x")
        ]
        return (*changed, *connection.execute(COUNT, {"this": token.id}).one())

    assert done(prepared) == done(executed)


def test_nothing_is_found_where_there_is_nothing(connection: Connection) -> None:
    """No row is None."""
    assert Prepared(FIND).first(connection, id="nobody") is None


def test_a_time_without_a_zone_is_not_recorded(connection: Connection) -> None:
    """The columns' types judge values here too."""
    with pytest.raises(TypeError):
        Prepared(SPEND).run(connection, this="", now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("statement", [FIND, COUNT, SPEND], ids=["select", "returning", "update"])
def test_parameters_are_those_of_the_dialect(statement: Any) -> None:
    """SQLite's driver is given a list in the order of the marks, PostgreSQL's a mapping by their names; what the
    statement itself brings along is among them.
    """
    values = {"id": "a", "this": "a", "now": datetime(1970, 1, 1, tzinfo=UTC)}
    for dialect in (sqlite.dialect(), psycopg.dialect()):
        compiled = Prepared(statement).compiled(dialect)
        bound = compiled.bind(values)

        assert len(bound) == compiled.text.count("?" if isinstance(bound, list) else ")s")
        assert set(bound.values() if isinstance(bound, dict) else bound) <= {"a", 0, 2}
        assert isinstance(bound, dict) == (dialect.name == "postgresql")


def test_lookups_for_a_page_leave_nothing_to_the_garbage_collector(connection: Connection) -> None:
    """What is asked about all the rows of a page is a statement that exists already: built for each page, SQLAlchemy's
    expressions refer to each other, and a server would keep thousands of them until the next collection.
    """
    tenant, ids = "tenant", [str(number) for number in range(100)]

    def look_up() -> None:
        directory, catalogue = SqlDirectory(connection, tenant), SqlCatalogue(connection, tenant)
        directory.names(ids)
        directory.system_auths(ids, most=10)
        catalogue.of(ids)
        catalogue.texts(ids)
        catalogue.size(ids)
        SqlFormations(connection, tenant).assignments(ids)
        SqlTokens(connection).last_handed_over(tenant, ids)
        SqlInventory(connection).certified(tenant, ids)
        SqlInventory(connection).standings(tenant, ids, now=datetime(2030, 1, 1, tzinfo=UTC))
        SqlClients(connection).among(tenant, ids)

    look_up()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        look_up()
        gc.collect()
        left = [type(each) for each in gc.garbage if type(each).__module__.startswith("sqlalchemy.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    assert left == []
