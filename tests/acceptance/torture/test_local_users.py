"""A local user against a server, as in `make torture`."""

from pathlib import Path

from tests.acceptance.torture.conftest import TWO_WORKERS, Run
from tests.support.local_users import UNPRIVILEGED
from torture.scenarios import local_users
from torture.sites import Site, sqlite_site


def test_exposed_files_are_refused(site: Site, tmp_path: Path, run: Run) -> None:
    """A data directory, settings, key or database that others can get at stops the server and every command (S27)."""
    counts = run(local_users.exposed_files_refused(site, tmp_path, most=5))

    assert counts["starts refused"] == counts["files exposed"] == 5


def test_memory_of_a_server_is_closed(tmp_path: Path, run: Run) -> None:
    """No other process of the same user can read the memory of a process that has keys, and no dump holds it (S28)."""
    with sqlite_site(tmp_path, TWO_WORKERS, wrapper=UNPRIVILEGED) as site:
        counts = run(local_users.memory_closed(site))

    assert counts["processes"] == 3
