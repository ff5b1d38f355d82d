from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.conftest import Stored
from tests.support.records import EXPIRY, LATER, NOW, digest, identifier, tenant, token

from connector.errors import TokenExpired, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.ports import TokenFilter
from connector.tokens import OneTimeToken, TokenType

INSTANT = timedelta(microseconds=1)


def found(stored: Stored, number: int = 1) -> OneTimeToken:
    """The token with that number, as it is stored now."""
    token = stored.read(lambda tx: tx.tokens.find(digest(number)))
    assert token is not None
    return token


@pytest.mark.parametrize(
    "recorded",
    [
        token(),
        token(type=TokenType.RUNTIME, certificate=digest(9), refusals=3),
        token(spent_at=LATER, withdrawn_at=LATER + INSTANT),
    ],
)
def test_a_token_comes_back_as_it_was_recorded(stored: Stored, recorded: OneTimeToken) -> None:
    """A token is found by its digest in whatever state, field by field as it was recorded."""
    stored.write(lambda tx: tx.tokens.add(recorded))

    assert stored.read(lambda tx: tx.tokens.find(recorded.digest)) == recorded
    assert stored.read(lambda tx: tx.tokens.find(digest(2))) is None


@pytest.mark.parametrize("second", [token(2, digest=digest(1)), token(1, digest=digest(2))])
def test_a_token_is_recorded_once(stored: Stored, second: OneTimeToken) -> None:
    """A digest and an id belong to one token."""
    stored.write(lambda tx: tx.tokens.add(token()))

    with pytest.raises(ValueError, match="recorded already"):
        stored.write(lambda tx: tx.tokens.add(second))

    assert stored.read(lambda tx: tx.tokens.list(TokenFilter(tenant().id))) == [token()]


def test_tokens_outlive_their_owner(furnished: Stored) -> None:
    """A token is kept when its entity and system auth are gone, and may even be recorded without them."""
    furnished.write(lambda tx: tx.tokens.add(token(owner_id=identifier(99), system_auth_id=identifier(98))))

    assert found(furnished).owner_id == identifier(99)


def test_tokens_are_listed_by_filter_newest_first(stored: Stored) -> None:
    """A list holds the tokens that fit every given field, newest first: of one tenant."""
    kept = [
        token(1, minted_at=NOW),
        token(2, minted_at=NOW + 2 * INSTANT, system_auth_id=identifier(50)),
        token(3, minted_at=NOW + INSTANT, owner_id=identifier(51), certificate=digest(9)),
        token(4, minted_at=NOW + 3 * INSTANT, tenant_id=identifier(52)),
    ]
    for one in kept:
        stored.write(lambda tx, one=one: tx.tokens.add(one))

    def numbers(which: TokenFilter) -> list[int]:
        return [kept.index(one) + 1 for one in stored.read(lambda tx: tx.tokens.list(which))]

    assert numbers(TokenFilter(tenant().id)) == [2, 3, 1]
    assert numbers(TokenFilter(tenant().id, id=identifier(3))) == [3]
    assert numbers(TokenFilter(tenant().id, system_auth_id=token().system_auth_id)) == [3, 1]
    assert numbers(TokenFilter(tenant().id, owner_id=identifier(51))) == [3]
    assert numbers(TokenFilter(token().tenant_id)) == [2, 3, 1]
    assert numbers(TokenFilter(tenant().id, certificates=[digest(9)])) == [3]
    assert numbers(TokenFilter(token().tenant_id, system_auth_id=identifier(50))) == [2]
    assert numbers(TokenFilter(tenant().id, id=identifier(3), owner_id=token().owner_id)) == []


def test_a_token_is_redeemed_once(stored: Stored) -> None:
    """The first redemption spends the token at its time; the second is told that it is spent."""
    stored.write(lambda tx: tx.tokens.add(token()))

    stored.write(lambda tx: tx.tokens.redeem(token(), now=LATER))
    with pytest.raises(TokenSpent):
        stored.write(lambda tx: tx.tokens.redeem(token(), now=LATER + INSTANT))

    assert found(stored) == replace(token(), spent_at=LATER)


def test_a_token_is_redeemed_before_its_expiry(stored: Stored) -> None:
    """The instant before its expiry a token can be spent, at its expiry no more; and it stays unspent."""
    for number in (1, 2):
        stored.write(lambda tx, number=number: tx.tokens.add(token(number)))

    stored.write(lambda tx: tx.tokens.redeem(token(1), now=EXPIRY - INSTANT))
    with pytest.raises(TokenExpired):
        stored.write(lambda tx: tx.tokens.redeem(token(2), now=EXPIRY))

    assert found(stored, 2) == token(2)


def test_a_withdrawn_token_is_not_redeemed(stored: Stored) -> None:
    """A withdrawn token is refused as withdrawn, also after its expiry and by a caller who saw it minted."""
    stored.write(lambda tx: tx.tokens.add(token()))
    stored.write(lambda tx: tx.tokens.withdraw(TokenFilter(tenant().id, id=token().id), now=NOW))

    for now in (LATER, EXPIRY):
        with pytest.raises(TokenWithdrawn):
            stored.write(lambda tx, now=now: tx.tokens.redeem(token(), now=now))


def test_an_unknown_token_is_not_redeemed_or_counted(stored: Stored) -> None:
    """A token that is not recorded is unknown, whatever the caller holds."""
    with pytest.raises(TokenUnknown):
        stored.write(lambda tx: tx.tokens.redeem(token(), now=NOW))
    with pytest.raises(TokenUnknown):
        stored.write(lambda tx: tx.tokens.count_refusal(token()))


def test_refusals_are_counted_in_the_store(stored: Stored) -> None:
    """Each count adds one to what is stored, not to what the caller holds."""
    stored.write(lambda tx: tx.tokens.add(token(1)))
    stored.write(lambda tx: tx.tokens.add(token(2)))

    counted = [stored.write(lambda tx: tx.tokens.count_refusal(token(1))) for _ in range(3)]

    assert counted == [replace(token(1), refusals=count) for count in (1, 2, 3)]
    assert found(stored, 1).refusals == 3
    assert found(stored, 2) == token(2)


def test_only_open_tokens_are_withdrawn(stored: Stored) -> None:
    """To withdraw takes the tokens that fit and are neither spent nor withdrawn, newest first, expired ones as well:
    a redemption that began before their expiry may be under way.
    """
    for one in (
        token(1),
        token(2, minted_at=NOW + INSTANT),
        token(3, spent_at=NOW),
        token(4, withdrawn_at=NOW),
        token(5, expires_at=LATER),
        token(6, system_auth_id=identifier(50)),
    ):
        stored.write(lambda tx, one=one: tx.tokens.add(one))
    which = TokenFilter(tenant().id, system_auth_id=token().system_auth_id)

    withdrawn = stored.write(lambda tx: tx.tokens.withdraw(which, now=LATER))

    assert withdrawn == [
        token(2, minted_at=NOW + INSTANT, withdrawn_at=LATER),
        token(5, expires_at=LATER, withdrawn_at=LATER),
        token(1, withdrawn_at=LATER),
    ]
    assert [found(stored, number).withdrawn_at for number in range(1, 7)] == [LATER, LATER, None, NOW, LATER, None]
    assert stored.write(lambda tx: tx.tokens.withdraw(which, now=LATER)) == []
