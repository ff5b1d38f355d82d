from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.contract.conftest import Stored
from tests.support.records import EXPIRY, LATER, NOW, digest, identifier, tenant, token

from connector.domain.refusals.tokens import TokenExpired, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.domain.tokens import OneTimeToken, TokenState, TokenType
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction

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
        token(source="2001:db8::/32", key=digest(8)),
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
        stored.write(lambda tx: tx.tokens.count_refusals(token()))


def test_refusals_are_counted_in_the_store(stored: Stored) -> None:
    """Each count adds one to what is stored, not to what the caller holds."""
    stored.write(lambda tx: tx.tokens.add(token(1)))
    stored.write(lambda tx: tx.tokens.add(token(2)))

    counted = [stored.write(lambda tx: tx.tokens.count_refusals(token(1))) for _ in range(3)]

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


def add(stored: Stored, *tokens: OneTimeToken) -> None:
    def function(tx: Transaction) -> None:
        for one in tokens:
            tx.tokens.add(one)

    stored.write(function)


STATES = {
    1: token(1),
    2: token(2, expires_at=LATER),
    3: token(3, spent_at=NOW),
    4: token(4, withdrawn_at=NOW),
    5: token(5, spent_at=NOW, withdrawn_at=LATER),
    6: token(6, spent_at=NOW, expires_at=LATER),
    7: token(7, withdrawn_at=NOW, expires_at=LATER),
}


@pytest.mark.parametrize(
    ("state", "now", "fitting"),
    [
        (TokenState.MINTED, LATER - INSTANT, [1, 2]),
        (TokenState.MINTED, LATER, [1]),
        (TokenState.MINTED, EXPIRY, []),
        (TokenState.EXPIRED, LATER - INSTANT, []),
        (TokenState.EXPIRED, LATER, [2]),
        (TokenState.EXPIRED, EXPIRY, [1, 2]),
        (TokenState.SPENT, NOW, [3, 5, 6]),
        (TokenState.SPENT, EXPIRY, [3, 5, 6]),
        (TokenState.WITHDRAWN, NOW, [4, 7]),
        (TokenState.WITHDRAWN, EXPIRY, [4, 7]),
    ],
)
def test_tokens_by_state(stored: Stored, state: TokenState, now: datetime, fitting: list[int]) -> None:
    """A state is found as the record itself tells it at that time: at its expiry a token has expired."""
    add(stored, *STATES.values())
    which = TokenFilter(tenant().id, state=state, now=now)

    assert [one.id for one in stored.read(lambda tx: tx.tokens.list(which))[::-1]] == [
        identifier(number) for number in fitting
    ]
    assert fitting == [number for number, one in STATES.items() if one.state(now=now) is state]
    assert stored.read(lambda tx: tx.tokens.count(which)) == len(fitting)


@pytest.mark.parametrize(
    ("fields", "fitting"),
    [
        ({"certificates": []}, []),
        ({"system_auth_id": identifier(1), "handed_over": True}, [1]),
        ({"handed_over": True}, [5, 4, 3, 1]),
        ({"handed_over": False}, [6, 2]),
        ({"certificates": [digest(9)]}, [6, 2]),
        ({"certificates": [digest(9)], "system_auth_id": identifier(1)}, [2]),
        ({"certificates": [digest(9)], "handed_over": True}, []),
        ({"certificates": [digest(9)], "id": identifier(6)}, [6]),
    ],
)
def test_tokens_by_system_auth_and_certificates(stored: Stored, fields: dict[str, Any], fitting: list[int]) -> None:
    """What is given goes together: of a system auth, over several certificates' connections or over none."""
    add(
        stored,
        token(1, system_auth_id=identifier(1)),
        token(2, system_auth_id=identifier(1), certificate=digest(9)),
        token(3, system_auth_id=identifier(3)),
        token(4, system_auth_id=identifier(2)),
        token(5, system_auth_id=identifier(5)),
        token(6, system_auth_id=identifier(6), certificate=digest(9)),
        token(7, system_auth_id=identifier(1), certificate=digest(9), tenant_id=identifier(99)),
    )
    which = TokenFilter(tenant().id, **fields)

    assert [one.id for one in stored.read(lambda tx: tx.tokens.list(which))] == [
        identifier(number) for number in fitting
    ]
    assert stored.read(lambda tx: tx.tokens.count(which)) == len(fitting)


def test_last_token_handed_over_for_each_system_auth(stored: Stored) -> None:
    """The newest of each system auth in whatever state, at any number of them; not one that was fetched over a
    certificate's connection, and none of another tenant's.
    """
    last = [token(number, system_auth_id=identifier(number), minted_at=NOW + INSTANT) for number in (1, 30, 50)]
    add(
        stored,
        *last,
        token(102, system_auth_id=identifier(1)),
        token(103, system_auth_id=identifier(1), minted_at=NOW + 2 * INSTANT, certificate=digest(9)),
        token(104, system_auth_id=identifier(30), minted_at=NOW + 2 * INSTANT, tenant_id=identifier(99)),
        token(105, system_auth_id=identifier(2), certificate=digest(9)),
        token(106, system_auth_id=identifier(60)),
    )
    ids = [identifier(number) for number in range(1, 51)]

    assert stored.read(lambda tx: tx.tokens.last_handed_over(tenant().id, [*ids, *ids])) == {
        one.system_auth_id: one for one in last
    }
    assert stored.read(lambda tx: tx.tokens.last_handed_over(tenant().id, [])) == {}
    assert stored.read(lambda tx: tx.tokens.last_handed_over(identifier(98), ids)) == {}


def test_tokens_of_many_certificates(stored: Stored) -> None:
    """More certificates than one statement takes: listed in one order, page by page, and all withdrawn."""
    many = [token(number, certificate=digest(number), minted_at=NOW + number * INSTANT) for number in (3, 700, 1200)]
    add(stored, *many, token(4, certificate=digest(4), tenant_id=identifier(99)), token(5))
    which = TokenFilter(tenant().id, certificates=[digest(number) for number in range(1, 1201)])

    assert stored.read(lambda tx: tx.tokens.list(which)) == many[::-1]
    assert stored.read(lambda tx: tx.tokens.list(which, most=2)) == many[:0:-1]
    after = (many[1].minted_at, many[1].id)
    assert stored.read(lambda tx: tx.tokens.list(which, after=after, most=2)) == many[:1]
    assert stored.read(lambda tx: tx.tokens.count(which)) == 3
    withdrawn = stored.write(lambda tx: tx.tokens.withdraw(which, now=LATER))
    assert [one.id for one in withdrawn] == [one.id for one in many[::-1]]
    assert [found(stored, number).withdrawn_at for number in (3, 700, 1200, 4, 5)] == [LATER] * 3 + [None] * 2


def test_no_other_tenants_token_is_withdrawn(stored: Stored) -> None:
    """Whatever a filter names, it takes nothing of another tenant's."""
    mine = token(1, certificate=digest(9))
    add(stored, mine)
    for which in (
        TokenFilter(identifier(99)),
        TokenFilter(identifier(99), id=mine.id),
        TokenFilter(identifier(99), system_auth_id=mine.system_auth_id),
        TokenFilter(identifier(99), owner_id=mine.owner_id),
        TokenFilter(identifier(99), certificates=[digest(9)]),
    ):
        assert stored.write(lambda tx, which=which: tx.tokens.withdraw(which, now=NOW)) == []
        assert stored.read(lambda tx, which=which: tx.tokens.list(which)) == []

    assert found(stored) == mine


def test_tokens_that_ended_are_removed(stored: Stored) -> None:
    """Those that expired before that time go, in whatever state and of whatever tenant, those that expired first
    before the others, and so many at most. Those that expired at that time stay.
    """
    add(
        stored,
        token(1, expires_at=EXPIRY - 3 * INSTANT, spent_at=NOW),
        token(2, expires_at=EXPIRY - INSTANT, withdrawn_at=NOW, tenant_id=identifier(99)),
        token(3, expires_at=EXPIRY - 2 * INSTANT),
        token(4, expires_at=EXPIRY),
        token(5, expires_at=EXPIRY + INSTANT, spent_at=NOW),
    )

    def left() -> list[int]:
        return [
            number
            for number in range(1, 6)
            if stored.read(lambda tx, number=number: tx.tokens.find(digest(number))) is not None
        ]

    assert stored.write(lambda tx: tx.tokens.remove_ended(EXPIRY, 2)) == 2
    assert left() == [2, 4, 5]
    assert stored.write(lambda tx: tx.tokens.remove_ended(EXPIRY, 2)) == 1
    assert left() == [4, 5]
    assert stored.write(lambda tx: tx.tokens.remove_ended(EXPIRY, 2)) == 0
    assert left() == [4, 5]


def test_a_token_that_was_removed_is_unknown(stored: Stored) -> None:
    """Who redeems a token that was spent, and is removed by now, is told that it is unknown."""
    add(stored, token(spent_at=NOW))
    stored.write(lambda tx: tx.tokens.remove_ended(EXPIRY + INSTANT, 10))

    with pytest.raises(TokenUnknown):
        stored.write(lambda tx: tx.tokens.redeem(token(), now=LATER))
