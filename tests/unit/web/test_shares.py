"""Each caller's and each tenant's share of requests."""

import pytest

from connector.domain.quotas import Limit, Quotas
from connector.domain.refusals.quotas import RateLimited
from connector.web.shares import Shares


class Clock:
    """A clock that stands until it is moved."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def shares(workers: int = 1, **values: int) -> Shares:
    return Shares(Quotas(**values), workers, Clock())


def test_a_caller_has_so_many_requests_under_way() -> None:
    """One more is refused with the setting's name and a time, until one has ended; another caller has its own."""
    made = shares(requests=2)
    with made.seat("a"), made.seat("b"):
        with made.seat("a"), pytest.raises(RateLimited) as caught:
            made.seat("a").__enter__()
        assert (caught.value.limit, caught.value.value, caught.value.retry_after) == (Limit.REQUESTS, 2, 1)
        with made.seat("a"):
            pass


def test_a_caller_has_so_many_requests_a_second() -> None:
    """They come back with the time."""
    made = shares(requests_a_second=3)
    for _ in range(3):
        with made.seat("a"):
            pass
    with pytest.raises(RateLimited, match=Limit.REQUESTS_A_SECOND.value):
        made.seat("a").__enter__()
    made.callers.clock.at = 0.5  # type: ignore[attr-defined]
    with made.seat("a"):
        pass


def test_a_tenants_share_is_taken_once_by_each_request() -> None:
    """However often a request enters its tenant; what it took is given back when it ends, also when it was refused."""
    made = shares(tenant_requests=2)
    with made.seat("a") as first, made.seat("b") as second:
        for _ in range(5):
            first.enter("tenant")
        second.enter("tenant")
        with made.seat("c") as third, pytest.raises(RateLimited, match=Limit.TENANT_REQUESTS.value):
            third.enter("tenant")
    with made.seat("a") as again:
        again.enter("tenant")
        again.enter("other")
    again.enter("tenant")
    with made.seat("a") as first, made.seat("b") as second:
        first.enter("tenant")
        second.enter("tenant")


def test_a_caller_who_is_found_out_later_takes_a_share() -> None:
    """A request can have its seat before its caller is known; the share is then taken, and ends with the request."""
    made = shares(requests=1)
    with made.seat() as seat:
        seat.take("a")
        with pytest.raises(RateLimited):
            made.seat("a").__enter__()
    with made.seat("a"):
        pass


def test_what_is_kept_for_a_request_ends_with_it() -> None:
    """Each once, the last first."""
    ended = list[str]()
    with shares().seat() as seat:
        seat.keep(lambda: ended.append("first"))
        seat.keep(lambda: ended.append("second"))
        assert not ended

    assert ended == ["second", "first"]


def test_callers_without_a_share_are_not_counted() -> None:
    """The bearers of tokens, and those without a credential, share nothing with one another."""
    made = shares(requests=1, requests_a_second=1)
    with made.seat(None), made.seat(None), made.seat("a"):
        pass


def test_workers_share_out_what_callers_have() -> None:
    """Each has its part; the refusal names the whole, which is what can be raised."""
    made = shares(workers=2, requests=4)
    with made.seat("a"), made.seat("a"), pytest.raises(RateLimited, match=r"quotas\.requests = 4"):
        made.seat("a").__enter__()
