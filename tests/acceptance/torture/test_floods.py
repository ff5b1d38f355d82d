"""The floods of `make torture`, small."""

from pathlib import Path

import pytest
from tests.acceptance.torture.conftest import TWO_WORKERS, Run
from torture.scenarios import floods
from torture.sites import sqlite_site

PATIENT = {"CONNECTOR_LIMITS__HEADER_TIMEOUT": "30s", "CONNECTOR_LIMITS__IDLE_TIMEOUT": "30s"}
KINDS = ("announced", "chunked", "announced, with a token", "chunked, with a token")
# Few connections weigh less than the room that all bodies share: so the bound is wider here.
TIMES = 1.6


def test_data_that_nobody_reads_costs_little(tmp_path: Path, run: Run) -> None:
    """Connections with a body that nobody reads cost little more than silent ones, and nothing afterwards (R25)."""
    with sqlite_site(tmp_path, PATIENT) as site:
        counts = run(floods.held(site, peers=200, kinds=KINDS[1:3], times=TIMES, rest=8, room=20))

    assert counts["connections"] == 200


def test_connections_beyond_the_limit_cost_nothing(tmp_path: Path, run: Run) -> None:
    """More connections than are allowed cost what those cost that are allowed (R26)."""
    with sqlite_site(tmp_path, {**PATIENT, "CONNECTOR_LIMITS__CONNECTIONS": "200"}) as site:
        counts = run(floods.crowded(site, peers=600, allowed=200, times=1.5, rest=2, room=8))

    assert counts["connections"] == 600


@pytest.mark.parametrize("settings", [{}, TWO_WORKERS], ids=["one process", "two workers"])
def test_long_bodies_cost_little(tmp_path: Path, run: Run, settings: dict[str, str]) -> None:
    """Bodies of 16 MB, announced or in chunks, with a token or without, are refused, within 50 MiB (S3, S24)."""
    with sqlite_site(tmp_path, settings) as site:
        counts = run(floods.uploaded(site, peers=20, kinds=KINDS, within=50))

    assert counts["bodies"] == 80


def test_a_credential_lifts_the_limit_of_an_address(tmp_path: Path, run: Run) -> None:
    """Who has shown a key or a token is no stranger: only others count towards the limit of their address."""
    with sqlite_site(tmp_path, {"CONNECTOR_LIMITS__CONNECTIONS_PER_ADDRESS": "3"}) as site:
        counts = run(floods.introduced(site, known=6, strangers=3))

    assert counts["refused"] == 1
