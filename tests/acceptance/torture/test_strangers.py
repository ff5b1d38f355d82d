"""What strangers' documents cost in `make torture`, small."""

from pathlib import Path

from tests.acceptance.torture.conftest import Run
from torture.scenarios import strangers
from torture.sites import Site


def test_strangers_documents_are_refused_and_nobody_else_is(either: Site, tmp_path: Path, run: Run) -> None:
    """Beside strangers that send new documents all others are served, and the strangers are refused (R23)."""
    few = {"clients_at_once": 8, "signatures": 20, "rounds": 1, "calls": 20}
    counts = run(strangers.documents(either, tmp_path, connections=4, **few))

    assert counts["strangers' documents"] > 0


def test_strangers_turn_no_store_over(either: Site, run: Run) -> None:
    """A caller's document is kept, and the standard ones stay known, whatever strangers send (R24)."""
    assert run(strangers.store(either, documents=40, connections=2))["forgotten"] == 0


def test_strangers_turn_no_workers_store_over(workers: Site, run: Run) -> None:
    """So it is in each of two workers (R24)."""
    assert run(strangers.store(workers, documents=40, connections=4))["forgotten"] == 0
