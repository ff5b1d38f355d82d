from asyncio import Runner
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.storage import SqliteStore, open_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database of a test is."""
    return tmp_path / "connector.db"


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner() as runner:
        yield runner


@pytest.fixture
def store(path: Path, runner: Runner) -> Iterator[SqliteStore]:
    store = open_sqlite(path)
    yield store
    runner.run(store.close())
