"""Every test in this folder runs over every store."""

from asyncio import Runner
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from tests.support import records
from tests.support.memory.store import MemoryStore
from tests.support.postgres import Postgres

from connector.ports.transaction import Store, Transaction
from connector.storage import open_sqlite
from connector.storage.postgresql.engine import bring_up_to_date
from connector.storage.postgresql.store import PostgresqlStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A store, asked from outside an event loop."""

    store: Store
    runner: Runner

    def write(self, function: Callable[[Transaction], T]) -> T:
        """The function's result, committed."""
        return self.runner.run(self.store.transaction(function))

    def read(self, function: Callable[[Transaction], T]) -> T:
        """What the function sees."""
        return self.runner.run(self.store.read(function))

    def look_up(self, function: Callable[[Transaction], T]) -> T:
        """What the function finds."""
        return self.runner.run(self.store.look_up(function))


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def template(postgresql: Postgres) -> Iterator[str]:
    """The name of a PostgreSQL database that has the tables, and nothing in them."""
    with postgresql.database() as url:
        bring_up_to_date(url)
        yield urlsplit(url).path[1:]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, runner: Runner) -> Iterator[Stored]:
    """An empty store of each kind."""
    with ExitStack() as stack:
        store: Store
        match request.param:
            case "memory":
                store = MemoryStore()
            case "sqlite":
                store = open_sqlite(tmp_path / "connector.db")
            case _:
                server, template = request.getfixturevalue("postgresql"), request.getfixturevalue("template")
                store = PostgresqlStore(stack.enter_context(server.database(template)))
        yield Stored(store, runner)
        runner.run(store.close())


@pytest.fixture
def furnished(stored: Stored) -> Stored:
    """A store with two tenants, an application of the first and its system auth."""

    def furnish(tx: Transaction) -> None:
        tx.tenants.add(records.tenant(1))
        tx.tenants.add(records.tenant(2))
        tx.directory(records.tenant().id).add_entity(records.entity())
        tx.directory(records.tenant().id).add_system_auth(records.system_auth())

    stored.write(furnish)
    return stored
