"""When keys of identity tokens sign and are published, and for whom tokens are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.directory import EntityKind
from connector.domain.identity_tokens import (
    LEAD,
    LONGEST_LIFETIME,
    PERIOD,
    Audience,
    TokenKey,
    check_audience,
    claims_of,
    is_next_due,
    signing_key,
)
from connector.domain.refusals.clients import AudienceRefused, OAuthRequestInvalid
from connector.domain.subjects import Owner

START = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = Owner("auth", "id", EntityKind.RUNTIME, "name", "tenant-id", "acme")
AUDIENCES = [Audience("everybody"), Audience("one", frozenset({"acme"})), Audience("other", frozenset({"globex"}))]


@given(st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=50)), min_size=1, max_size=80))
def test_verifiers_know_every_key_that_signs(pauses: list[timedelta]) -> None:
    """However long the pauses between the rounds of a replica: a key signs only if it was published a day before, or if
    there was no other, and it stays published for as long as the longest of its tokens is valid.
    """
    keys, now, signed = list[TokenKey](), START, dict[str, datetime]()
    for pause in pauses:
        if is_next_due(keys, now):
            keys.append(TokenKey(str(len(keys)), b"", now))
        key = signing_key(keys, now)
        assert key is not None
        signed[key.id] = now
        older = [each for each in keys if each is not key and each.can_sign(now)]
        assert key.published_at + LEAD <= now or not any(each.published_at < key.published_at for each in older)
        assert all(
            each.is_published(now) for each in keys if each.id in signed and now < signed[each.id] + LONGEST_LIFETIME
        )
        assert sum(each.can_sign(now) for each in keys) <= 2
        now += pause


def test_the_next_key_is_made_in_time() -> None:
    """It is due when the newest is thirty days old, signs a day later, and the former ends a day after that."""
    first = TokenKey("first", b"", START)
    assert not is_next_due([first], START + PERIOD - timedelta(seconds=1))
    assert is_next_due([first], START + PERIOD)
    second = TokenKey("second", b"", START + PERIOD)
    keys = [first, second]
    assert signing_key(keys, START + PERIOD + LEAD - timedelta(seconds=1)) == first
    assert signing_key(keys, START + PERIOD + LEAD) == second
    assert not first.can_sign(START + PERIOD + 2 * LEAD)
    assert first.is_published(START + PERIOD + 2 * LEAD)
    assert not first.is_published(START + PERIOD + 2 * LEAD + LONGEST_LIFETIME)


def test_a_removed_key_is_nothing_any_more() -> None:
    """It neither signs nor is published, and another one is due at once."""
    removed = TokenKey("removed", b"", START, removed_at=START)
    assert not removed.can_sign(START)
    assert not removed.is_published(START)
    assert signing_key([removed], START) is None
    assert is_next_due([removed], START)


@pytest.mark.parametrize(("wanted", "tenant"), [("everybody", "acme"), ("everybody", "globex"), ("one", "acme")])
def test_an_audience_is_for_its_tenants(wanted: str, tenant: str) -> None:
    """Those of every tenant, or of those that are named."""
    assert check_audience(wanted, AUDIENCES, tenant) == wanted


@pytest.mark.parametrize("wanted", ["other", "nobody", "ONE", "one ", "one/"])
def test_another_audience_is_refused(wanted: str) -> None:
    """One of other tenants alone, and one that is not named to the letter, alike."""
    with pytest.raises(AudienceRefused):
        check_audience(wanted, AUDIENCES, "acme")


@pytest.mark.parametrize("wanted", [None, ""])
def test_an_audience_must_be_named(wanted: str | None) -> None:
    """There is none by default: a token that everybody takes would be everybody's."""
    with pytest.raises(OAuthRequestInvalid, match="audience"):
        check_audience(wanted, AUDIENCES, "acme")


def test_a_token_says_who_its_holder_is() -> None:
    """By ids that never change, and the name; the subject is the SPIFFE id where there is one."""
    said = {"client_id": "auth", "tenant": "acme", "kind": "Runtime", "id": "id", "name": "name"}
    assert claims_of(OWNER, None) == {"sub": "runtime:id", **said}
    assert claims_of(OWNER, "spiffe://a/b") == {"sub": "spiffe://a/b", **said}
