"""The public keys of identity tokens, over every store."""

from dataclasses import replace
from datetime import timedelta

from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW

from connector.domain.identity_tokens import TokenKey

FIRST, SECOND = TokenKey("b", b"\x30\x00", NOW), TokenKey("a", b"\x30\x01", LATER)


def test_keys_are_listed_from_the_oldest(furnished: Stored) -> None:
    """As they were recorded, whichever came first."""
    assert furnished.read(lambda tx: tx.token_keys.list()) == []
    furnished.write(lambda tx: tx.token_keys.add(SECOND))
    furnished.write(lambda tx: tx.token_keys.add(FIRST))
    assert list(furnished.read(lambda tx: tx.token_keys.list())) == [FIRST, SECOND]


def test_a_key_that_is_recorded_stays_as_it_is(furnished: Stored) -> None:
    """Also one that was removed: it does not come back."""
    furnished.write(lambda tx: tx.token_keys.add(FIRST))
    furnished.write(lambda tx: tx.token_keys.add(replace(FIRST, published_at=LATER)))
    assert list(furnished.read(lambda tx: tx.token_keys.list())) == [FIRST]
    assert furnished.write(lambda tx: tx.token_keys.remove("b", now=LATER))
    furnished.write(lambda tx: tx.token_keys.add(FIRST))
    assert list(furnished.read(lambda tx: tx.token_keys.list())) == [replace(FIRST, removed_at=LATER)]


def test_a_key_is_removed_once(furnished: Stored) -> None:
    """The first moment stays; of an unknown one nothing is removed."""
    furnished.write(lambda tx: tx.token_keys.add(FIRST))
    assert furnished.write(lambda tx: tx.token_keys.remove("b", now=NOW))
    assert not furnished.write(lambda tx: tx.token_keys.remove("b", now=LATER))
    assert not furnished.write(lambda tx: tx.token_keys.remove("c", now=LATER))
    assert list(furnished.read(lambda tx: tx.token_keys.list())) == [replace(FIRST, removed_at=NOW)]


def test_old_keys_are_forgotten_and_removed_ones_are_not(furnished: Stored) -> None:
    """Those that were published before the given time; a removed one is remembered, or it could be published again."""
    third = TokenKey("c", b"\x30\x02", NOW)
    for each in (FIRST, SECOND, third):
        furnished.write(lambda tx, each=each: tx.token_keys.add(each))
    furnished.write(lambda tx: tx.token_keys.remove("c", now=NOW))
    assert furnished.write(lambda tx: tx.token_keys.forget(NOW)) == 0
    assert furnished.write(lambda tx: tx.token_keys.forget(NOW + timedelta(microseconds=1))) == 1
    assert [each.id for each in furnished.read(lambda tx: tx.token_keys.list())] == ["c", "a"]
