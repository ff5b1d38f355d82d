"""What one holder can cost, of `make torture`, small."""

from pathlib import Path

from tests.acceptance.torture.conftest import Run
from torture.scenarios import holders
from torture.sites import Site


def test_a_holder_fills_no_disk(either: Site, tmp_path: Path, run: Run) -> None:
    """At his limits a holder's renewals, refused renewals and configurations are refused, and add a few rows; another
    holder is served (R27).
    """
    counts = run(holders.bounded(either, tmp_path, settling=1.5, lasting=2, most=10_000))

    rows = dict(
        either.database.rows(
            "SELECT 'certificates', count(*) FROM certificates UNION SELECT 'tokens', count(*) FROM tokens "
            "UNION SELECT 'refusals', count(*) FROM audit_events WHERE action = 'certificate.refused'"
        )
    )
    replicas = len(either.servers)
    assert counts["answers to another holder"] >= 1
    assert 100 <= rows["certificates"] <= 200 + 10
    assert 10 <= rows["tokens"] <= 4 + 10 + 10
    assert rows["refusals"] <= 10 * replicas
