"""One-time tokens, without a store: what they are, and when they may be redeemed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import tokens
from connector.domain.directory import EntityKind, Identity
from connector.domain.origins import Origin
from connector.domain.refusals.csr import CSRKeyNotBound
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.tokens import TokenExpired, TokenSourceRefused, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.domain.tokens import Minted, Terms, TokenPolicy, TokenState, TokenType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIME = timedelta(minutes=5)


def mint(random: bytes = bytes(64), **changes: object) -> Minted:
    arguments: dict[str, object] = {
        "origin": Origin(UUID(int=1), NOW, "admin:test"),
        "identity": Identity("tenant", "owner", EntityKind.APPLICATION, "auth"),
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


KEY = sha256(b"key").digest()
COLONS = ":".join(f"{octet:02X}" for octet in KEY)


@pytest.mark.parametrize(
    ("source", "key", "terms"),
    [
        (None, None, Terms()),
        ("192.0.2.0/24", None, Terms("192.0.2.0/24")),
        ("192.0.2.7", None, Terms("192.0.2.7/32")),
        ("0.0.0.0/0", None, Terms("0.0.0.0/0")),
        ("2001:DB8::/32", None, Terms("2001:db8::/32")),
        ("2001:db8:0:0::1", None, Terms("2001:db8::1/128")),
        (None, KEY.hex(), Terms(None, KEY)),
        (None, KEY.hex().upper(), Terms(None, KEY)),
        (None, COLONS, Terms(None, KEY)),
        ("::/0", KEY.hex(), Terms("::/0", KEY)),
    ],
)
def test_terms(source: str | None, key: str | None, terms: Terms) -> None:
    """A network is kept in its one form, a digest as its octets, however openssl or a browser writes it."""
    assert tokens.read_terms(source, key) == terms


@pytest.mark.parametrize(
    "source", ["", " ", "192.0.2.1/24", "192.0.2.0/33", "192.0.2", "192.0.02.1", "2001:db8::1/32", "host", "1" * 1000]
)
def test_networks_refused(source: str) -> None:
    """What is no network is refused by the field's name; one with bits set after its prefix is most likely an error."""
    with pytest.raises(InvalidData, match="sourceNetwork"):
        tokens.read_terms(source, None)


@pytest.mark.parametrize("key", ["", "ab", KEY.hex()[:-1], KEY.hex() + "00", "g" * 64, "é" * 64, ":" * 64])
def test_key_digests_refused(key: str) -> None:
    """What is no SHA-256 is refused by the field's name."""
    with pytest.raises(InvalidData, match="keySHA256"):
        tokens.read_terms(None, key)


@given(st.none() | st.text(max_size=100), st.none() | st.text(max_size=100))
def test_any_terms_are_read_or_refused(source: str | None, key: str | None) -> None:
    """Whatever is sent as terms is read, or refused as invalid data."""
    try:
        terms = tokens.read_terms(source, key)
    except InvalidData:
        return
    assert (terms.source is None, terms.key is None) == (source is None, key is None)


def test_a_minted_token_keeps_its_terms() -> None:
    """The terms are kept with the token."""
    terms = Terms("192.0.2.0/24", KEY)

    assert mint(terms=terms).token.terms == terms
    assert mint().token.terms == Terms()


@pytest.mark.parametrize(
    ("network", "source"),
    [
        (None, "192.0.2.1"),
        (None, None),
        (None, "anything"),
        ("192.0.2.0/24", "192.0.2.0"),
        ("192.0.2.0/24", "192.0.2.255"),
        ("192.0.2.0/24", "::ffff:192.0.2.1"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("0.0.0.0/0", "198.51.100.1"),
        ("2001:db8::/32", "2001:db8:ffff::1"),
        ("2001:db8::/32", "2001:0DB8::1"),
        ("::/0", "2001:db8::1"),
    ],
)
def test_a_token_is_redeemed_within_its_network(network: str | None, source: str | None) -> None:
    """From an address of its network a token may be redeemed, also where IPv4 is shown in IPv6; unbound, from all."""
    tokens.check_source(mint(terms=Terms(network)).token, source)


@pytest.mark.parametrize(
    ("network", "source"),
    [
        ("192.0.2.0/24", "192.0.3.0"),
        ("192.0.2.0/24", "::ffff:192.0.3.0"),
        ("192.0.2.0/24", "::192.0.2.1"),
        ("192.0.2.0/24", "2001:db8::1"),
        ("0.0.0.0/0", "2001:db8::1"),
        ("2001:db8::/32", "2001:db9::"),
        ("2001:db8::/32", "192.0.2.1"),
        ("::/0", "::ffff:192.0.2.1"),
        ("192.0.2.0/24", None),
        ("192.0.2.0/24", ""),
        ("192.0.2.0/24", "192.0.2.1:443"),
        ("192.0.2.0/24", "unix"),
        ("192.0.2.0/24", "192.0.2.1 "),
        ("192.0.2.0/24", "192.0.2.0/24"),
    ],
)
def test_a_token_is_not_redeemed_from_elsewhere(network: str, source: str | None) -> None:
    """From elsewhere, and from where cannot be told, a bound token is refused."""
    with pytest.raises(TokenSourceRefused):
        tokens.check_source(mint(terms=Terms(network)).token, source)


def test_a_token_is_good_for_its_key() -> None:
    """A bound token gives a certificate for that key alone, an unbound one for any."""
    bound, other = mint(terms=Terms(None, KEY)).token, sha256(b"other").digest()

    tokens.check_key(bound, KEY)
    tokens.check_key(mint().token, other)
    for key in (other, b"", KEY[:-1]):
        with pytest.raises(CSRKeyNotBound):
            tokens.check_key(bound, key)


POLICY = TokenPolicy(
    {TokenType.APPLICATION: timedelta(minutes=5), TokenType.RUNTIME: timedelta(hours=1)},
    longest={TokenType.APPLICATION: timedelta(hours=1), TokenType.RUNTIME: timedelta(days=1)},
    renewal_lifetime=timedelta(minutes=5),
    refusals=10,
)


@pytest.mark.parametrize(
    ("type", "seconds", "expected"),
    [
        (TokenType.APPLICATION, None, timedelta(minutes=5)),
        (TokenType.RUNTIME, None, timedelta(hours=1)),
        (TokenType.APPLICATION, 1, timedelta(seconds=1)),
        (TokenType.APPLICATION, 3600, timedelta(hours=1)),
        (TokenType.RUNTIME, 86400, timedelta(days=1)),
    ],
)
def test_lifetimes(type: TokenType, seconds: int | None, expected: timedelta) -> None:
    """A token lives as long as was asked for, else as long as the policy says for its type."""
    assert tokens.lifetime(POLICY, type, Terms(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("type", "seconds"),
    [
        (TokenType.APPLICATION, 0),
        (TokenType.APPLICATION, -1),
        (TokenType.APPLICATION, 3601),
        (TokenType.RUNTIME, 86401),
        (TokenType.RUNTIME, 2**31 - 1),
        (TokenType.RUNTIME, 10**40),
    ],
)
def test_lifetimes_refused(type: TokenType, seconds: int) -> None:
    """A lifetime of nothing, and one beyond the bound of the type, are refused; the message names the bound."""
    with pytest.raises(InvalidData, match=f"lifetimeSeconds: use 1 to {int(POLICY.longest[type].total_seconds())}"):
        tokens.lifetime(POLICY, type, Terms(seconds=seconds))
