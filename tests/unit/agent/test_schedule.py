"""When agents renew: the rules, and ten thousand of them at once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import certificate

from connector.agent.schedule import PAUSE, Plan, backoff, plan
from connector.client import Renewal
from connector.usecases.renewal import RenewalPolicy, window

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
VALIDITY = (START, START + 90 * DAY)
TOLD = Renewal(START + 60 * DAY, START + 75 * DAY, now=False, check=6 * HOUR)


def made(
    told: Renewal | None = TOLD,
    former: Plan | None = None,
    *,
    serial: str = "1",
    now: datetime = START,
    random: float = 0.5,
) -> Plan:
    return plan(serial, VALIDITY, told, former, now=now, random=random)


@given(random=st.floats(0, 1), days=st.floats(0, 89))
def test_the_moment_is_in_what_is_left_of_the_window(random: float, days: float) -> None:
    """The moment lies in the window and not in the past; after the window it is now or before, so that it is due."""
    now = START + timedelta(days=days)
    moment = made(now=now, random=random).moment

    if now < TOLD.end:
        assert max(now, TOLD.start) <= moment <= TOLD.end
    else:
        assert moment <= now
    assert made(now=now, random=random).is_due(max(now, TOLD.end))


def test_the_moment_is_drawn_once() -> None:
    """Asking again leaves the moment where it is; another window, or another certificate, has it drawn anew."""
    first = made()

    assert made(former=first, random=0.1, now=START + DAY).moment == first.moment
    moved = Renewal(TOLD.start, TOLD.end - DAY, now=False, check=TOLD.check)
    assert made(moved, first, random=0.1).moment != first.moment
    assert made(former=first, serial="2", random=0.1).moment != first.moment


def test_a_server_without_windows() -> None:
    """Where the server says nothing, two thirds to five sixths of the validity are taken."""
    told = made(None)

    assert START + 60 * DAY < told.start < told.moment < told.end < START + 75 * DAY


def test_now_means_now_and_once() -> None:
    """Who is asked to renew at once does so, and is not made to do it again and again."""
    asked = made(Renewal(TOLD.start, TOLD.end, now=True, check=TOLD.check))
    assert asked.is_due(START)

    again = made(Renewal(TOLD.start, TOLD.end, now=True, check=TOLD.check), asked, serial="2")
    assert not again.is_due(START)
    assert again.check_at <= START + PAUSE
    later = made(Renewal(TOLD.start, TOLD.end, now=True, check=TOLD.check), again, serial="2")
    assert later.is_due(START)


def test_a_plan_is_kept_as_it_is() -> None:
    """A plan comes back from JSON as it went; what is no plan is none."""
    told = made()

    assert Plan.decode(told.encode()) == told
    for wrong in (None, {}, {**told.encode(), "moment": "soon"}, {**told.encode(), "start": 1}):
        assert Plan.decode(wrong) is None


@given(failures=st.integers(1, 10_000), random=st.floats(0, 1))
def test_waiting_grows_and_ends_at_its_limit(failures: int, random: float) -> None:
    """Each failure doubles the wait up to its limit; half of it is chance, for a fleet not to come back as one."""
    wait = backoff(failures, random=random, longest=300)

    assert min(300, 2.0 ** min(failures - 1, 20)) / 2 <= wait <= 300


def test_ten_thousand_agents() -> None:
    """Ten thousand agents that enrolled at the same moment and ask as often as they are told renew within the window of
    a certificate of one hour: in no second more than three times the mean, and none late.
    """
    policy = RenewalPolicy(check=timedelta(minutes=10))
    issued = certificate(not_before=START, not_after=START + HOUR)
    server = window(issued, issuer=issued.issuer, policy=policy)
    told = Renewal(server.start, server.end, now=server.now, check=server.check)
    random = Random(20261125)  # noqa: S311 - no secret
    renewed: list[datetime] = []
    for _ in range(10_000):
        now, kept = START, None
        while True:
            kept = plan("1", (START, START + HOUR), told, kept, now=now, random=random.random())
            if kept.is_due(now):
                break
            now = min(kept.moment, kept.check_at)
        renewed.append(now)

    seconds = (server.end - server.start).total_seconds()
    each = Counter(int((moment - server.start).total_seconds()) for moment in renewed)
    assert max(each.values()) <= 3 * len(renewed) / seconds
    assert min(renewed) >= server.start
    assert max(renewed) <= server.end
