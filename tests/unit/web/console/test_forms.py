"""Numbers as forms send them, and the zone that a cookie names."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from connector.web.console.forms import whole_number, zone_of


@given(number=st.integers(min_value=0, max_value=2**63), least=st.integers(0, 5), most=st.integers(5, 2**63 - 1))
def test_whole_numbers_within_the_bounds_are_read(number: int, least: int, most: int) -> None:
    """A whole number is read if it is within the bounds, both inclusive."""
    assert whole_number(str(number), least=least, most=most) == (number if least <= number <= most else None)


@pytest.mark.parametrize("text", ["", " 1", "+1", "-1", "1.0", "1e1", "0x1", "\u0661", "\u00b2", "1_0", "9" * 10_000])
def test_what_is_no_whole_number_is_none(text: str) -> None:
    """Signs, spaces, fractions, digits of other scripts and absurd lengths are no number."""
    assert whole_number(text, most=100) is None


def _request(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_zone_of_the_reader_is_taken_from_the_cookie() -> None:
    """A zone that this machine knows counts."""
    assert str(zone_of(_request("connector-zone=America/Argentina/Ushuaia"))) == "America/Argentina/Ushuaia"


@pytest.mark.parametrize(
    "name",
    ["", "America", "Nowhere/City", "../../etc/passwd", "/etc/passwd", "tzdata.zi", "Europe/Berlin/../../x", "A" * 100],
)
def test_zone_that_is_not_known_is_utc(name: str) -> None:
    """No cookie, a directory, an unknown zone, and paths out of the zones: times are UTC."""
    assert zone_of(_request(f"connector-zone={name}")) is UTC
