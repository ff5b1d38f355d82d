"""What a command finds in a data directory."""

import asyncio
from pathlib import Path

import pytest

from connector.bootstrap.administration import NotReady, administration
from connector.bootstrap.databases import existing, stopped
from connector.errors import StorageUnavailable


def use(directory: Path) -> None:
    async def run() -> None:
        async with administration(data_dir=directory, config=None):
            raise AssertionError("there was something to work with")

    asyncio.run(run())


def use_stopped(directory: Path) -> None:
    with stopped(data_dir=directory, config=None):
        raise AssertionError("there was something to work with")


WAYS = [use, use_stopped, lambda directory: existing(data_dir=directory, config=None)]


@pytest.mark.parametrize("way", WAYS)
def test_no_server_has_started_there(way: object, tmp_path: Path) -> None:
    """Where no server has started, a command says so, and how to start one."""
    with pytest.raises(NotReady, match="Start one first"):
        way(tmp_path)  # type: ignore[operator]


@pytest.mark.parametrize("way", WAYS)
def test_the_database_was_moved(way: object, tmp_path: Path) -> None:
    """Where the file was moved to PostgreSQL, a command without its URL says so, and does not ask for a new start."""
    (tmp_path / "connector.db.moved").touch()

    with pytest.raises(StorageUnavailable, match="was moved to PostgreSQL"):
        way(tmp_path)  # type: ignore[operator]
