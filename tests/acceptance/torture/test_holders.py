"""What one holder can cost, of `make torture`, small."""

import time
from pathlib import Path

from tests.acceptance.torture.conftest import Run
from torture.scenarios import holders
from torture.sites import Site

from connector.usecases.quotas import UNCOUNTED_PART


def test_a_holder_fills_no_disk(either: Site, tmp_path: Path, run: Run) -> None:
    """At his limits a holder's renewals, refused renewals and configurations are refused, and add a few rows; another
    holder is served (R27).
    """
    started = time.monotonic()
    counts = run(holders.bounded(either, tmp_path, settling=1.5, before=1, lasting=2, most=10_000))

    rows = dict(
        either.database.rows(
            "SELECT 'certificates', count(*) FROM certificates UNION SELECT 'tokens', count(*) FROM tokens "
            "UNION SELECT 'refusals', count(*) FROM audit_events WHERE action = 'certificate.refused'"
        )
    )
    # The limits of a minute hold for the minute in which it began, too.
    minutes = 2 + (time.monotonic() - started) // 60
    replicas = len(either.servers)
    uncounted = 200 // UNCOUNTED_PART * (replicas - 1)
    assert counts["answers to another holder"] >= 1
    assert 100 <= rows["certificates"] <= 200 + 10 + uncounted
    assert 10 <= rows["tokens"] <= 4 + 10 * minutes
    assert rows["refusals"] <= 5 * minutes * replicas
