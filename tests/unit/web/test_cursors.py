"""Cursors: what was written is read back, and nothing else is."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.refusals.objects import InvalidData
from connector.web.graphql.director.paging import Cursors

LIST = Cursors("applications\0acme", (datetime, str, bytes))
PLACE = [0, "name", "00"]


def forged(octets: bytes, about: str = LIST.about) -> str:
    """A cursor as anyone can make it: the check is no secret."""
    check = sha256(about.encode() + b"\0" + octets).digest()[:12]
    return urlsafe_b64encode(check + octets).decode()


@given(
    at=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=256),
    octets=st.binary(max_size=32),
)
def test_a_cursor_names_its_place(at: datetime, text: str, octets: bytes) -> None:
    """A cursor is read back as the place for which it was written."""
    assert LIST.read(LIST.write((at, text, octets))) == (at, text, octets)


def test_a_forged_cursor_with_good_values_is_read() -> None:
    """The forgery of these tests is right: only the values decide below."""
    assert LIST.read(forged(json.dumps(PLACE).encode())) == (datetime(1970, 1, 1, tzinfo=UTC), "name", b"\0")


@pytest.mark.parametrize(
    "octets",
    [
        rb'[0, "\udfff", "00"]',
        b'[0, "\xed\xbf\xbf", "00"]',
        rb'[0, "\u0000", "00"]',
        b'[0, "name", "0"]',
        b'[0, "name", 0]',
        b'[true, "name", "00"]',
        b'["0", "name", "00"]',
        b'[NaN, "name", "00"]',
        b'[1.5, "name", "00"]',
        b'[1e300, "name", "00"]',
        b"[" + b"9" * 300 + b', "name", "00"]',
        b'[0, {"a": "name"}, "00"]',
        b'[0, "name"]',
        b'{"0": 0, "1": "name", "2": "00"}',
        b"null",
        b"[" * 1000,
        json.dumps(PLACE).encode("utf-16"),
        json.dumps(PLACE).encode("utf-32"),
        b"",
    ],
)
def test_a_forged_cursor_with_bad_values_is_refused(octets: bytes) -> None:
    """A cursor whose values are not of the list's types, or not JSON, is invalid data and nothing worse."""
    with pytest.raises(InvalidData, match="no cursor of this list"):
        LIST.read(forged(octets))


def test_a_cursor_of_another_list_is_refused() -> None:
    """A cursor serves the list, the tenant and the filter for which it was written, and no other."""
    place = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1), "name", b"\1")

    with pytest.raises(InvalidData):
        LIST.read(Cursors("applications\0other", LIST.types).write(place))
