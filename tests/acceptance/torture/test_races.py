"""The races of `make torture`, small."""

from pathlib import Path

import pytest
from tests.acceptance.torture.conftest import Run
from torture.scenarios import model, races
from torture.sites import Site


@pytest.mark.parametrize("where", ["workers", "four_processes"])
def test_one_token_one_winner(request: pytest.FixtureRequest, run: Run, where: str) -> None:
    """Of 200 redemptions of one token at once, over several processes, exactly one gets a certificate (R1)."""
    site: Site = request.getfixturevalue(where)
    counts = run(races.one_winner(site, tokens=3, tries=200, replays=20))

    assert (counts["won"], counts["refused"], counts["refused as busy"]) == (3, 3 * 199, 0)
    assert counts["replays refused"] == 60


@pytest.mark.parametrize("where", ["workers", "four_processes"])
def test_revoked_here_refused_there(request: pytest.FixtureRequest, tmp_path: Path, run: Run, where: str) -> None:
    """Revoked on one server, a certificate is refused by the other in the next request, on open connections too (R13).

    Where there is one server, its other process may be the one that answers.
    """
    site: Site = request.getfixturevalue(where)
    counts = run(races.revoked_everywhere(site, tmp_path, certificates=15))

    assert counts["refused at the next request"] == 30


def test_a_model_foretells_every_answer(four_processes: Site) -> None:
    """Whatever is done with tokens on two servers, in whatever order, a model of a few lines foretells it (R2)."""
    counts = model.explored(four_processes, examples=10, steps=15)

    assert counts["issued"] > 0
