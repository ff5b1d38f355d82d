"""Normal load beside every kind of flood, of `make torture`, small."""

from pathlib import Path

from tests.acceptance.torture.conftest import Run
from torture.scenarios import sieges
from torture.sites import Site


def test_no_flood_makes_an_onboarding_fail(either: Site, tmp_path: Path, run: Run) -> None:
    """While strangers, a holder and a viewer do as much as they can, in turn, every system is onboarded (R29)."""
    counts = run(sieges.besieged(either, tmp_path, lasting=5, sizes=sieges.Sizes(held=100, uploads=4), kept=200))

    assert counts["errors"] == 0
    assert counts["onboardings"] >= 5 * sieges.ROUND
