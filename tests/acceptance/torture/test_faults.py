"""The faults of `make torture`, small: databases, disks and clocks."""

from pathlib import Path

from tests.acceptance.torture.conftest import Run
from tests.support.postgres import Postgres
from torture.faults import Clock, small_disk
from torture.proxy import proxied
from torture.scenarios import clocks, databases, disks, stops
from torture.sites import Site, postgresql_site, sqlite_site


def test_the_database_goes_away(mortal: Postgres, tmp_path: Path, run: Run) -> None:
    """Frozen, stopped as by a power cut, its sessions ended: what is refused is refused in time, nothing that was
    answered is lost, and the servers go on by themselves (R7). Started before it, a server says so, and serves nothing
    (R22).
    """
    with postgresql_site(mortal, tmp_path) as site:
        assert run(databases.frozen(site, seconds=6, tokens=150))["refused meanwhile"] > 0
        assert run(databases.stopped(site, times=1, tokens=150))["refused meanwhile"] > 0
        assert run(databases.terminated(site, times=5, tokens=150))["sessions ended"] > 0
        assert run(stops.started_before_its_database(site, mortal.stop, mortal.start))["refused"] == 1


def test_cut_at_commit(postgresql: Postgres, tmp_path: Path, run: Run) -> None:
    """Cut before COMMIT, or with its answer dropped, a request is answered with what became of it (R7)."""
    with proxied(postgresql.port) as proxy, postgresql_site(postgresql, tmp_path, through=proxy.port) as site:
        counts = run(databases.cut_at_commit(site, proxy, times=5, tokens=150))

    assert counts["commits cut"] == 10


def test_a_disk_that_fails(site: Site, tmp_path: Path, run: Run) -> None:
    """When a sync or a write fails, its request is refused, and nothing that was answered is gone after a kill (R5)."""
    counts = run(disks.failing_calls(site, tmp_path, first=1))

    assert counts["calls failed"] == 3


def test_a_disk_that_is_full_or_read_only(tmp_path: Path, run: Run) -> None:
    """On a full or a read-only disk nothing is issued, it is said why, and with space all goes on by itself (R6)."""
    with small_disk(tmp_path / "sqlite") as disk, sqlite_site(tmp_path) as site:
        assert run(disks.full(site, disk, times=1))["refused"] > 0
        assert run(disks.unwritable(site, disk, times=1))["refused"] > 0


def test_each_certificate_is_forced_to_the_disk(site: Site, tmp_path: Path, run: Run) -> None:
    """One after the other, each certificate is on the disk before it is answered (R8)."""
    assert run(disks.synced(site, tmp_path, certificates=20))["fewest for one"] >= 1


def test_a_clock_that_jumps(tmp_path: Path, run: Run) -> None:
    """While the clock jumps an hour back and forth nothing fails; tokens end by the server's clock (R11)."""
    clock = Clock(tmp_path / "clock")
    with sqlite_site(tmp_path, clock.settings()) as site:
        counts = run(clocks.jumps(site, clock, certificates=2, by=(-clocks.HOUR, clocks.HOUR)))

    assert counts["expired by a jump"] == 2


def test_clocks_that_are_apart(postgresql: Postgres, tmp_path: Path, run: Run) -> None:
    """On servers whose clocks are ten minutes apart a token ends at the same second; all go by the database's (R11)."""
    ours = [Clock(tmp_path / f"clock{number}") for number in range(2)]
    settings = {"CONNECTOR_TOKENS__APPLICATION_LIFETIME": "4s"}
    with postgresql_site(postgresql, tmp_path, apart=[each.settings() for each in ours], settings=settings) as site:
        counts = run(clocks.apart(site, ours, lifetime=4, tokens=3, by=[(-300, 300)]))

    assert counts["expired in time"] == 6


def test_a_start_that_cannot_be_good(site: Site, tmp_path: Path, run: Run) -> None:
    """A bad key, clock or database is named in a sentence at the start, and nothing is served (R22)."""
    assert run(stops.refused_starts(site, tmp_path))["bad starts refused"] == 5
