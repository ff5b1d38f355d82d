"""Failed attempts from one address are rate-limited."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from connector.domain.refusals.callers import TooManyAttempts
from connector.web.throttle import Throttle

ATTEMPTS = 20


class Clock:
    """A time that stands until it is moved, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def exhausted(source: str = "192.0.2.1") -> tuple[Throttle, Clock]:
    """A throttle with one source that has used up its attempts."""
    clock = Clock()
    throttle = Throttle(ATTEMPTS, clock)
    for _ in range(ATTEMPTS):
        throttle.admit(source)
        throttle.failed(source)
    return throttle, clock


def test_after_so_many_wrong_credentials_an_address_waits() -> None:
    """The 21st try is refused, with the seconds after which one more is answered; a minute later all are."""
    throttle, clock = exhausted()

    with pytest.raises(TooManyAttempts) as refused:
        throttle.admit("192.0.2.1")
    assert refused.value.retry_after == 3
    clock.now += 3
    throttle.admit("192.0.2.1")
    throttle.failed("192.0.2.1")
    with pytest.raises(TooManyAttempts):
        throttle.admit("192.0.2.1")
    clock.now += 60
    for _ in range(ATTEMPTS):
        throttle.admit("192.0.2.1")
        throttle.failed("192.0.2.1")


def test_tries_at_once_are_paid_for_after() -> None:
    """Who had 200 tries under way at once waits for all of them, though for ten minutes at most."""
    for tries, seconds in ((200, 9 * 60 + 3), (4000, 10 * 60 + 3)):
        clock = Clock()
        throttle = Throttle(ATTEMPTS, clock)
        for _ in range(tries):
            throttle.admit("192.0.2.1")
        for _ in range(tries):
            throttle.failed("192.0.2.1")
        with pytest.raises(TooManyAttempts) as refused:
            throttle.admit("192.0.2.1")
        assert refused.value.retry_after == seconds
        clock.now += seconds
        throttle.admit("192.0.2.1")


def test_others_do_not_notice() -> None:
    """Another address, and a connection without one, come in as before."""
    throttle, _ = exhausted()

    for source in ("192.0.2.2", "2001:db8::1", None, "not an address"):
        throttle.admit(source)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8::1", "2001:db8::ffff"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_two_ways_to_come_from_one_source(one: str, other: str) -> None:
    """IPv4 addresses are the same however they are written; an IPv6 host has every address of its /64."""
    throttle, _ = exhausted(one)

    with pytest.raises(TooManyAttempts):
        throttle.admit(other)


@pytest.mark.parametrize(("one", "other"), [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")])
def test_two_sources(one: str, other: str) -> None:
    """Another IPv4 address, and another /64, is somebody else."""
    throttle, _ = exhausted(one)

    throttle.admit(other)


def test_zero_is_any_number() -> None:
    """With 0 attempts nobody is counted."""
    throttle = Throttle(0, Clock())
    for _ in range(1000):
        throttle.failed("192.0.2.1")
        throttle.admit("192.0.2.1")


def test_a_flood_of_sources_is_bounded() -> None:
    """However many addresses fail, the last 10 000 are remembered."""
    clock = Clock()
    throttle = Throttle(1, clock)
    for number in range(100_000):
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    def is_throttled(number: int) -> bool:
        try:
            throttle.admit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        except TooManyAttempts:
            return True
        return False

    assert sum(map(is_throttled, range(100_000))) == 10_000
    assert is_throttled(99_999)


class Buckets(RuleBasedStateMachine):
    """A bucket against its history: the failures that the refill has not yet made good."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.throttle = Throttle(ATTEMPTS, self.clock)
        self.used = 0.0

    @rule(count=st.integers(1, 30))
    def fail(self, count: int) -> None:
        """Some wrong credentials."""
        for _ in range(count):
            self.throttle.failed("192.0.2.1")
            self.used = min(self.used + 1, 11 * ATTEMPTS)

    @rule(seconds=st.integers(0, 90))
    def wait(self, seconds: int) -> None:
        """Time goes on."""
        self.clock.now += seconds
        self.used = max(self.used - seconds * ATTEMPTS / 60, 0)

    @rule()
    def ask(self) -> None:
        """Whether one more is answered is what the model says, but for rounding."""
        left = ATTEMPTS - self.used
        try:
            self.throttle.admit("192.0.2.1")
            assert left > 1 - 1e-6
        except TooManyAttempts:
            assert left < 1 + 1e-6


TestBuckets = Buckets.TestCase
TestBuckets.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
