import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import Postgres, postgres
from torture.sites import Site, postgresql_site, sqlite_site

TWO_WORKERS = {"CONNECTOR_SERVING__WORKERS": "2"}

Run = Callable[[Awaitable[Mapping[str, Any]]], Mapping[str, Any]]


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """What a test leaves open is found at its end, and not in some other test."""
    yield
    gc.collect()


@pytest.fixture
def run() -> Run:
    """Runs a scenario to its end, and returns its counts."""

    def run(scenario: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
        async def main() -> Mapping[str, Any]:
            return await scenario

        return asyncio.run(main())

    return run


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """One server on SQLite, of the test's own."""
    with sqlite_site(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server on SQLite, of two processes, for tests that neither stop nor break it."""
    with sqlite_site(tmp_path_factory.mktemp("workers"), TWO_WORKERS) as site:
        yield site


@pytest.fixture
def replicas(tmp_path: Path, postgresql: Postgres) -> Iterator[Site]:
    """Two servers on a PostgreSQL database."""
    with postgresql_site(postgresql, tmp_path, keeps_ports=True) as site:
        yield site


@pytest.fixture(scope="module")
def four_processes(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgres) -> Iterator[Site]:
    """Two servers of two processes each on a PostgreSQL database, for tests that neither stop nor break them."""
    with postgresql_site(postgresql, tmp_path_factory.mktemp("four"), settings=TWO_WORKERS) as site:
        yield site


@pytest.fixture(params=["site", "replicas"])
def either(request: pytest.FixtureRequest) -> Site:
    """A site on SQLite, then one on PostgreSQL."""
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL server that the test may stop."""
    with postgres() as running:
        yield running
