"""What more than one part of the tests stands on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support.postgres import Postgres, postgres
from tests.support.server import Server

# Other tests, and other programs, may keep the processors busy: an example that takes long is no fault.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# By its name it would be among the last, and at the end one process would be busy with it alone.
LONGEST = "tests/unit/web/test_judge.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are handed out to processes in this order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running server, for all tests that neither stop nor break it."""
    with Server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """One running PostgreSQL, for all tests that neither stop nor break it."""
    with postgres() as running:
        yield running


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, not yet started."""
    server = Server(tmp_path / "data")
    yield server
    server.__exit__()
