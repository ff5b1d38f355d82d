"""What quotas are made of: buckets, estimates, and events that repeat."""

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import NOW, event

from connector.domain.quotas import Buckets, Estimates, Limit, Quotas, Used, share, whole_seconds
from connector.domain.repeats import Repeats

SECOND = timedelta(seconds=1)


def test_every_limit_has_a_value() -> None:
    """The limits are the fields of the quotas, each by its name."""
    assert {limit.field for limit in Limit} == set(Quotas.__dataclass_fields__)
    assert Quotas(certificates=7).value(Limit.CERTIFICATES) == 7


def test_no_limit_is_never_met() -> None:
    """Zero is no limit; another is met when nothing more fits."""
    assert not Used(Limit.CERTIFICATES, 5, 0).is_met
    assert [Used(Limit.CERTIFICATES, number, 5).is_met for number in (4, 5, 6)] == [False, True, True]


def test_workers_share_a_limit_out_and_never_make_it_none() -> None:
    """Each has its part, and one at least; no limit stays no limit."""
    assert [share(100, 4), share(3, 4), share(0, 4)] == [25, 1, 0]


def test_retry_after_is_a_whole_second_and_never_zero() -> None:
    """What is over within a second, or already, is to be tried again in one."""
    assert [whole_seconds(each * SECOND) for each in (-5, 0, 0.2, 1, 1.2)] == [1, 1, 1, 1, 2]


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60), st.integers(1, 20))
def test_a_bucket_gives_its_capacity_and_what_time_brings(steps: list[tuple[float, bool]], capacity: int) -> None:
    """However it is asked, it never gives more than it held and what flowed in since, nor goes dry for longer."""
    buckets = Buckets(capacity, seconds=60.0)
    at, taken = 0.0, 0
    for pause, wants in steps:
        at += pause
        wait = buckets.wait("a", at)
        if wants:
            drawn = buckets.draw("a", at)
            assert drawn == (not wait)
            taken += drawn
        assert wait <= 60.0 / capacity + 1e-6
    assert taken <= capacity + at * capacity / 60.0 + 1e-6


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    """Time that did not pass brings nothing."""
    buckets = Buckets(1, seconds=60.0)
    buckets.take("a", 1000.0)

    assert buckets.wait("a", 0.0) == 60.0
    assert buckets.wait("b", 0.0) == 0.0


def test_an_estimate_refuses_nothing_by_itself() -> None:
    """At the limit the truth is asked each time: what has become free is given at once."""
    estimates, truth = Estimates(), [5]

    def admit() -> bool:
        return estimates.admit("a", 5, lambda: truth[0], trusted=5, now=NOW, good_for=SECOND)

    assert not admit()
    truth[0] = 4
    assert admit()
    truth[0] = 5
    assert not admit()


def test_an_estimate_is_asked_again_when_it_is_old() -> None:
    """What others added is seen after a while, and not before; a clock that goes back makes it old."""
    estimates, asked = Estimates(), list[int]()

    def admit(seconds: int) -> bool:
        return estimates.admit(
            "a", 100, lambda: asked.append(1) or 0, trusted=50, now=NOW + seconds * SECOND, good_for=5 * SECOND
        )

    assert all(admit(seconds) for seconds in (0, 1, 4))
    assert len(asked) == 1
    assert admit(5)
    assert admit(-100)
    assert len(asked) == 3


EVENTS = st.builds(
    lambda auth, token, reason: event(system_auth_id=auth, token_id=token, actor=f"token:{token}", reason=reason),
    st.sampled_from(["auth-1", "auth-2"]),
    st.integers(1, 30).map(str),
    st.sampled_from(["token_spent", "token_expired"]),
)


@given(st.lists(EVENTS | st.none(), max_size=200))
def test_repeats_are_counted_and_none_is_lost(steps: list[object]) -> None:
    """What is recorded adds up to what happened, for each system auth, whenever a minute ends; and of one
    system auth there are a few rows a minute.
    """
    repeats, recorded, happened = Repeats(most_of_one=3), Counter[object](), Counter[object]()
    rows = Counter[object]()

    def record(events: list[object]) -> None:
        for each in events:
            recorded[each.system_auth_id] += each.times  # type: ignore[attr-defined]
            rows[each.system_auth_id] += 1  # type: ignore[attr-defined]

    for step in steps:
        if step is None:
            record(list(repeats.take()))
            rows.clear()
        else:
            happened[step.system_auth_id] += 1  # type: ignore[attr-defined]
            now = repeats.note(step)  # type: ignore[arg-type]
            record([] if now is None else [now])
        # Three kinds and one for all others, each once at first, and once at the end.
        assert max(rows.values(), default=0) <= 2 * (3 + 1)
    record(list(repeats.take()))

    assert recorded == happened


def test_what_could_not_be_recorded_is_counted_on() -> None:
    """Events that are put back come with the next minute, together with its own."""
    repeats = Repeats()
    assert repeats.note(event()) == event()
    assert [repeats.note(event()) for _ in range(2)] == [None, None]
    repeats.put_back(repeats.take())
    assert repeats.note(event()) is None

    assert [each.times for each in repeats.take()] == [3]
    assert repeats.take() == []


def test_a_count_names_an_address_only_if_all_came_from_there() -> None:
    """Repeats from one address are counted with it; repeats from several have none, and none has a request's id."""
    repeats = Repeats()
    for address, request in (("192.0.2.1", "a"), ("192.0.2.1", "b"), ("192.0.2.1", "c")):
        repeats.note(event(address=address, request_id=request))
    (counted,) = repeats.take()
    assert (counted.times, counted.address, counted.request_id) == (2, "192.0.2.1", None)

    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.3"):
        repeats.note(event(address=address))
    (mixed,) = repeats.take()
    assert (mixed.times, mixed.address) == (3, None)
    repeats.note(event(address="192.0.2.4"))
    repeats.put_back([mixed])
    repeats.note(event(address="192.0.2.4"))
    (both,) = repeats.take()
    assert (both.times, both.address) == (4, None)


def test_an_estimate_is_trusted_up_to_a_number() -> None:
    """From there on the truth is asked each time, so that what others add is seen near the limit."""
    estimates, asked = Estimates(), list[int]()

    def count() -> int:
        asked.append(1)
        return len(asked)

    for _ in range(4):
        assert estimates.admit("a", 100, count, trusted=3, now=NOW, good_for=SECOND)

    assert len(asked) == 3


@given(st.lists(st.integers(0, 2), min_size=200, max_size=400))
def test_processes_that_estimate_pass_a_limit_by_what_is_trusted(turns: list[int]) -> None:
    """Whoever's turn it is, three processes add no more than the limit, and what each but one is trusted with."""
    most, trusted, truth = 50, 5, 0
    processes = [Estimates() for _ in range(3)]
    for turn in [*turns, *range(3)]:
        truth += processes[turn].admit("a", most, lambda: truth, trusted=trusted, now=NOW, good_for=SECOND)  # noqa: B023

        assert truth <= most + 2 * trusted

    assert truth >= most
