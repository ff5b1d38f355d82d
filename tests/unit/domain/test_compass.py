"""What a Compass database holds is read without a fault, whatever stands in it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.compass import CompassAuth, read_auth, read_time
from connector.domain.directory import EntityKind, SystemAuth
from connector.domain.tokens import TokenPolicy, TokenType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = dict.fromkeys(TokenType, timedelta(minutes=5))
POLICY = TokenPolicy(MINUTES, dict.fromkeys(TokenType, timedelta(days=1)), timedelta(minutes=5), 20)
AUTH = SystemAuth("auth", "tenant", "owner", EntityKind.APPLICATION, NOW)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=st.none() | ZONES))
def test_every_time_is_read_in_utc_or_not_at_all(moment: datetime) -> None:
    """A time is read as the same moment in UTC; one that was never set, or that UTC has no date for, is none."""
    found = read_time(moment.isoformat())
    assert found is None or found == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if 2 <= moment.year < 9999:
        assert found is not None


@given(st.datetimes(timezones=ZONES), st.datetimes(timezones=ZONES) | st.none())
def test_a_token_lives_no_longer_than_ours(created: datetime, expires: datetime | None) -> None:
    """Whatever times a token has there, it is none here, or began by now and ends within the longest life of ours."""
    value = {"Token": "t" * 88, "Used": False, "CreatedAt": created.isoformat()}
    if expires is not None:
        value["ExpiresAt"] = expires.isoformat()
    token = read_auth(CompassAuth("auth", "tenant", 1, json.dumps({"OneTimeToken": value})))
    assert token is not None
    pending = token.pending(AUTH, id=UUID(int=1), by="import", policy=POLICY, now=NOW)
    if pending is not None:
        assert pending.minted_at <= NOW < pending.expires_at <= NOW + timedelta(days=1)


@pytest.mark.parametrize("text", ["x", "t" * 87, "t" * 87 + "ä"])
def test_what_cannot_be_a_token_here_is_none(text: str) -> None:
    """A pending token whose text no token here has is seen, so that it is counted, and is not taken."""
    found = read_auth(CompassAuth("auth", "tenant", 1, json.dumps({"OneTimeToken": {"Token": text, "Used": False}})))
    assert found is not None
    assert found.pending(AUTH, id=UUID(int=1), by="import", policy=POLICY, now=NOW) is None
