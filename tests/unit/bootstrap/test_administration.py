"""What a command finds in a data directory."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.bootstrap.administration import NotReady, administration
from connector.bootstrap.databases import existing, stopped
from connector.domain.refusals.storage import StorageUnavailable


def use(directory: Path) -> None:
    async def run() -> None:
        async with administration(data_dir=directory, config=None):
            raise AssertionError("there was something to work with")

    asyncio.run(run())


def use_stopped(directory: Path) -> None:
    with stopped(data_dir=directory, config=None):
        raise AssertionError("there was something to work with")


def use_existing(directory: Path) -> None:
    existing(data_dir=directory, config=None)


Way = Callable[[Path], None]
WAYS: list[Way] = [use, use_stopped, use_existing]


@pytest.mark.parametrize("way", WAYS)
def test_no_server_has_started_there(way: Way, tmp_path: Path) -> None:
    """Where no server has started, a command says so, and how to start one."""
    with pytest.raises(NotReady, match="Start one first"):
        way(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_the_database_was_moved(way: Way, tmp_path: Path) -> None:
    """Where the file was moved to PostgreSQL, a command without its URL says so, and does not ask for a new start."""
    (tmp_path / "connector.db.moved").touch(0o600)

    with pytest.raises(StorageUnavailable, match="was moved to PostgreSQL"):
        way(tmp_path)
