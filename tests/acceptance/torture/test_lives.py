"""Upgrades, backups and loads of `make torture`, small."""

from pathlib import Path

import pytest
from tests.acceptance.torture.conftest import Run
from tests.support.postgres import Postgres
from torture.plan import UNLIMITED
from torture.scenarios import backups, loads, readers, upgrades
from torture.sites import Site, postgresql_site, sqlite_site

QUICK = {
    "CONNECTOR_LIMITS__HANDSHAKE_TIMEOUT": "2s",
    "CONNECTOR_LIMITS__HEADER_TIMEOUT": "2s",
    "CONNECTOR_LIMITS__IDLE_TIMEOUT": "2s",
    "CONNECTOR_LIMITS__REQUEST_TIMEOUT": "2s",
}


def test_an_upgrade_that_is_killed(site: Site, tmp_path: Path, run: Run) -> None:
    """Killed in the middle, an upgrade from the first version is done or not begun, and the next goes through (R9)."""
    counts = run(upgrades.killed_upgrade(site, tmp_path, certificates=300, kills=1))

    assert counts["rows"] > 300


def test_the_first_version_beside_this_one(tmp_path: Path, run: Run) -> None:
    """The first version's statements work on this one's tables, beside it; newer tables are refused (R9)."""
    with sqlite_site(tmp_path, UNLIMITED) as site:
        counts = run(upgrades.side_by_side(site, tmp_path, certificates=300, lives=20))

    assert counts["newer tables refused"] == 1


def test_the_first_version_beside_this_one_on_postgresql(postgresql: Postgres, tmp_path: Path, run: Run) -> None:
    """So they do on PostgreSQL (R9)."""
    with postgresql_site(postgresql, tmp_path, replicas=1, settings=UNLIMITED) as site:
        counts = run(upgrades.side_by_side(site, tmp_path, certificates=300, lives=20))

    assert counts["newer tables refused"] == 1


def test_restored_elsewhere(tmp_path: Path, run: Run) -> None:
    """What was answered before a backup under load is in it; where it is restored, spent tokens stay spent (R10)."""
    with sqlite_site(tmp_path, UNLIMITED) as site:
        counts = run(backups.restored_elsewhere(site, tmp_path, times=1))

    assert counts["in the last backup"] > 0


def test_load_leaves_nothing_behind(site: Site, tmp_path: Path, run: Run) -> None:
    """After onboardings neither memory nor open files have grown, and too many at once harm nobody (R17, R18)."""
    assert run(loads.sustained(site, tmp_path, lasting=2, block=30))["errors"] == 0
    assert run(loads.overloaded(site, normal=60, connections=60, rate=200, lasting=2))["health asked"] > 0


def test_peers_that_stall(tmp_path: Path, run: Run) -> None:
    """Peers that stall in six ways are cut in time, and keep nobody from being served (R19, R20)."""
    within = dict.fromkeys(("silent", "half a handshake", "plain HTTP", "idle", "slow head", "slow body"), 6.0)
    with sqlite_site(tmp_path, QUICK) as site:
        counts = run(loads.stalled(site, peers=36, onboardings=60, rounds=1, within=within, seconds=4))

    assert counts["errors of others"] == 0


@pytest.mark.parametrize("where", ["workers", "replicas"])
def test_a_viewer_who_reads_all_there_is(request: pytest.FixtureRequest, tmp_path: Path, run: Run, where: str) -> None:
    """A viewer's dearest query, sent again and again, is refused or answered whole, and holders are served (R28).

    How fast, and in how much memory, the large run says.
    """
    site: Site = request.getfixturevalue(where)
    counts = run(readers.dear_queries(site, tmp_path, applications=12, auths=6, at_once=3, lasting=2))

    assert counts["read, pages of 200"] > 0
    assert counts["refused as too dear"] > 0
