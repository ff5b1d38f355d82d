"""One-time tokens, without a store: what they are, and when they may be redeemed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import tokens
from connector.errors import TokenExpired, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.tokens import Minted, TokenState, TokenType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIME = timedelta(minutes=5)


def mint(random: bytes = bytes(64), **changes: object) -> Minted:
    arguments: dict[str, object] = {
        "id": UUID(int=1),
        "type": TokenType.APPLICATION,
        "system_auth_id": "auth",
        "owner_id": "owner",
        "tenant_id": "tenant",
        "minted_by": "admin:test",
        "now": NOW,
        "lifetime": LIFETIME,
    }
    return tokens.mint(random, **{**arguments, **changes})  # type: ignore[arg-type]


@given(st.binary(min_size=64, max_size=64))
def test_a_token_has_the_form_of_the_original(random: bytes) -> None:
    """A token is URL-safe base64 with padding of 64 octets: 88 characters that end in two equals signs."""
    secret = mint(random).secret.text

    assert len(secret) == 88
    assert secret.endswith("==")


@given(st.binary(max_size=128).filter(lambda octets: len(octets) != 64))
def test_a_token_takes_exactly_64_octets(random: bytes) -> None:
    """Too little randomness mints nothing."""
    with pytest.raises(ValueError, match="64 random octets"):
        mint(random)


def test_only_the_digest_is_kept() -> None:
    """Of the secret there is the SHA-256, and neither it nor the secret is in a repr."""
    secret, token = mint(b"\x07" * 64)

    assert token.digest == sha256(secret.text.encode()).digest()
    assert secret.text not in repr((secret, token))
    assert token.digest.hex() not in repr(token)
    assert repr(token.digest) not in repr(token)


@given(st.text())
def test_any_other_text_is_unknown(text: str) -> None:
    """A text that is no token of ours is unknown, whatever it is."""
    minted = mint(b"\x07" * 64)
    with pytest.raises(TokenUnknown):
        tokens.check(minted.token, tokens.digest(text), now=NOW)


@pytest.mark.parametrize("variant", [" {}", "{} ", "{}\n", "{}=", "{}é"])
def test_a_token_has_one_spelling(variant: str) -> None:
    """Blanks and other characters around a token make it another one, so that none is good under two names."""
    minted = mint(b"\x07" * 64)
    with pytest.raises(TokenUnknown):
        tokens.digest(variant.format(minted.secret.text))


def test_a_token_ends_at_its_expiry() -> None:
    """A token is good up to, and not at, the moment of its expiry."""
    token = mint().token

    assert token.state(now=NOW + LIFETIME - timedelta(microseconds=1)) is TokenState.MINTED
    assert token.state(now=NOW + LIFETIME) is TokenState.EXPIRED


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"spent_at": NOW}, TokenSpent),
        ({"withdrawn_at": NOW}, TokenWithdrawn),
        ({"expires_at": NOW}, TokenExpired),
        ({"spent_at": NOW, "expires_at": NOW}, TokenSpent),
        ({"withdrawn_at": NOW, "expires_at": NOW}, TokenWithdrawn),
    ],
)
def test_each_end_has_its_refusal(changes: dict[str, datetime], refusal: type[Exception]) -> None:
    """A token that has ended is refused with the reason why it ended first."""
    token = replace(mint().token, **changes)
    with pytest.raises(refusal):
        tokens.check(token, token.digest, now=NOW)


def test_a_good_token_passes_the_check() -> None:
    """The check returns the very token it was asked about."""
    token = mint().token

    assert tokens.check(token, token.digest, now=NOW) is token
