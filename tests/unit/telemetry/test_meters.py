"""What a server counts, over all of its workers."""

import os
from bisect import bisect_right
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from connector.system.meters import BOUNDS, Board, Family, Kind, Meters

ASKED = Family("asked", Kind.COUNTER, "How often.", ("door", "status"), (("a", "2xx"), ("a", "4xx"), ("b", "2xx")))
TOOK = Family("took", Kind.HISTOGRAM, "How long.", ("door",), (("a",), ("b",)))
HAS = Family("has", Kind.GAUGE, "How much.")
FAMILIES = (ASKED, TOOK, HAS)


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(ASKED.values))))
def test_counters_are_added_up(counted: list[tuple[int, tuple[str, ...]]]) -> None:
    """Whichever worker counted, and in whatever order: the total of each value is how often it was counted."""
    board = Board(FAMILIES, workers=3)
    for worker, values in counted:
        board.row(worker).add(ASKED, values)
    assert board.totals(ASKED) == {each: [values for _, values in counted].count(each) for each in ASKED.values}


@given(st.lists(st.tuples(st.integers(1, 2), st.floats(0, 100))))
def test_durations_are_in_the_buckets_of_prometheus(observed: list[tuple[int, float]]) -> None:
    """Each bucket counts what took no longer than its bound, the last one everything; the sum is that of all."""
    board = Board(FAMILIES, workers=2)
    for worker, seconds in observed:
        board.row(worker).observe(TOOK, ("a",), seconds)
    found = board.durations(TOOK)
    every = sorted(seconds for _, seconds in observed)
    assert found["a",].counts == [*(bisect_right(every, bound) for bound in BOUNDS), len(every)]
    assert abs(found["a",].sum - sum(every)) < 1e-6
    assert found["b",].counts == [0] * (len(BOUNDS) + 1)


@given(st.tuples(st.text(), st.text()))
def test_what_is_not_known_beforehand_is_not_counted(values: tuple[str, str]) -> None:
    """A value that a family does not have makes no new one, and changes no other."""
    board = Board(FAMILIES)
    board.row(1).add(ASKED, values)
    assert sum(board.totals(ASKED).values()) == (values in ASKED.values)


def test_a_gauge_is_each_workers_own() -> None:
    """A worker's number stands for that worker; the last one that was written counts."""
    board = Board(FAMILIES, workers=3)
    for worker, number in ((1, 5.0), (3, 7.5), (1, 6.0)):
        board.row(worker).set(HAS, number)
    assert board.of_workers(HAS) == [6.0, 0.0, 7.5]


def test_threads_lose_nothing() -> None:
    """Threads of one worker that count at the same time are all counted."""
    board = Board(FAMILIES)
    row = board.row(1)

    def count() -> None:
        for _ in range(5_000):
            row.add(ASKED, ("a", "2xx"))
            row.observe(TOOK, ("b",), 0.002)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.totals(ASKED)["a", "2xx"] == board.durations(TOOK)["b",].counts[-1] == 20_000


def test_processes_share_the_board() -> None:
    """What a forked worker counts is seen here, also after its end, and its successor goes on from there."""
    board = Board(FAMILIES, workers=2)
    for _ in range(2):
        child = os.fork()
        if child == 0:
            board.row(2).add(ASKED, ("b", "2xx"), 3)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert board.totals(ASKED) == {("a", "2xx"): 0, ("a", "4xx"): 0, ("b", "2xx"): 6}


def test_who_has_no_row_counts_nothing() -> None:
    """A process that does not serve has nowhere to count, and goes on."""
    counted = Meters()
    counted.add(ASKED, ("a", "2xx"))
    counted.observe(TOOK, ("a",), 1)
    counted.set(HAS, 1)
