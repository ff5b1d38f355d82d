"""The crashes of `make torture`, small."""

from pathlib import Path

from tests.acceptance.torture.conftest import Run
from tests.support.postgres import Postgres
from torture.proxy import proxied
from torture.scenarios import kills, stops
from torture.sites import Site, postgresql_site

# Of the large run it is asked for three seconds, by the machine alone.
READY_SECONDS = 15.0


def test_killed_under_load(either: Site, tmp_path: Path, run: Run) -> None:
    """After kill -9 under load, what clients received is stored, with one event each; nothing is used twice (R3)."""
    counts = run(kills.kill_under_load(either, tmp_path, kills=2, ready_within=READY_SECONDS))

    assert counts["received"] >= 10


def test_killed_at_each_step(site: Site, tmp_path: Path, run: Run) -> None:
    """Killed by the system call that a step begins with, a server has told nothing that is not stored (R4)."""
    counts = run(kills.kill_at_each_step(site, tmp_path, times=1, ready_within=READY_SECONDS))

    assert counts["kills"] == len(kills.STEPS)


def test_killed_at_commit(postgresql: Postgres, tmp_path: Path, run: Run) -> None:
    """Killed as COMMIT goes by, and as its answer comes back: both or neither of token and certificate count (R4)."""
    with (
        proxied(postgresql.port) as proxy,
        postgresql_site(postgresql, tmp_path, replicas=1, through=proxy.port) as site,
    ):
        counts = run(kills.kill_at_commit(site, proxy, times=1, ready_within=READY_SECONDS))

    assert counts["kills"] == 2


def test_stopped_under_load(site: Site, tmp_path: Path, run: Run) -> None:
    """At SIGTERM under load every request that was taken in is answered, and what is recorded was received (R21)."""
    counts = run(stops.stop_under_load(site, tmp_path, stops=2))

    assert counts["received"] == counts["stored"]


def test_restarted_one_after_the_other(replicas: Site, tmp_path: Path, run: Run) -> None:
    """Behind a load balancer, one server after the other is restarted without an error for clients (R21)."""
    counts = run(stops.rolling_restart(replicas, tmp_path, restarts=2, clients_at_once=3))

    assert counts["received"] > 0
