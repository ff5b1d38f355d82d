"""Pages by place: whoever walks them, in steps of any size, reads the whole list once and in its order."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.contract.conftest import Stored
from tests.support.records import NOW, api_key, certificate, digest, entity, identifier, tenant, token

from connector.domain.directory import EntityKind
from connector.domain.labels import read_filter
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction

ONE = tenant(1).id
INSTANT = timedelta(microseconds=1)
COUNT = 12

Page = Callable[[Transaction, Any, int | None], Sequence[Any]]


def add_all(tx: Transaction) -> None:
    """Some of each kind, of which several share a time: places differ by id alone then. Others are beside them."""
    names = ["a", "B", "b", "a b", "ä", "a-", "a.", "a_", "Z", "z", "日本", "é"]
    for number, name in enumerate(names, start=1):
        at = NOW + (number % 4) * INSTANT
        tx.tenants.add(tenant(number, external_id=name.encode().hex()))
        tx.tokens.add(token(number, minted_at=at))
        tx.inventory.add(certificate(number, issued_at=at))
        tx.keys.add(api_key(number, created_at=at))
    for number, name in enumerate(names, start=1):
        tx.directory(ONE).add_entity(entity(number, name=name, labels={"even": number % 2 == 0}))
    tx.directory(tenant(2).id).add_entity(entity(50, tenant_id=tenant(2).id))
    tx.directory(ONE).add_entity(entity(51, kind=EntityKind.RUNTIME))
    tx.tokens.add(token(50, tenant_id=tenant(2).id))
    tx.inventory.add(certificate(50, tenant_id=tenant(2).id))


LISTS: dict[str, tuple[Page, Callable[[Any], object], Callable[[Transaction], int], int]] = {
    "tenants": (
        lambda tx, after, most: tx.tenants.list(after=after, most=most),
        lambda one: one.external_id,
        lambda tx: tx.tenants.count(),
        COUNT,
    ),
    "some tenants": (
        lambda tx, after, most: tx.tenants.list(within=frozenset({"61", "42", "00"}), after=after, most=most),
        lambda one: one.external_id,
        lambda tx: tx.tenants.count(within=frozenset({"61", "42", "00"})),
        2,
    ),
    "entities": (
        lambda tx, after, most: tx.directory(ONE).entities(EntityKind.APPLICATION, after=after, most=most),
        lambda one: one.name,
        lambda tx: tx.directory(ONE).count_entities(EntityKind.APPLICATION),
        COUNT,
    ),
    "labeled entities": (
        lambda tx, after, most: tx.directory(ONE).entities(
            EntityKind.APPLICATION, [read_filter("even", "true")], after=after, most=most
        ),
        lambda one: one.name,
        lambda tx: tx.directory(ONE).count_entities(EntityKind.APPLICATION, [read_filter("even", "true")]),
        COUNT // 2,
    ),
    "tokens": (
        lambda tx, after, most: tx.tokens.list(TokenFilter(ONE), after=after, most=most),
        lambda one: (one.minted_at, one.id),
        lambda tx: tx.tokens.count(TokenFilter(ONE)),
        COUNT,
    ),
    "certificates": (
        lambda tx, after, most: tx.inventory.list(CertificateFilter(ONE), after=after, most=most),
        lambda one: (one.issued_at, one.fingerprint),
        lambda tx: tx.inventory.count(CertificateFilter(ONE)),
        COUNT,
    ),
    "keys": (
        lambda tx, after, most: tx.keys.list(after=after, most=most),
        lambda one: (one.created_at, one.id),
        lambda tx: tx.keys.count(),
        COUNT,
    ),
}


@pytest.mark.parametrize("name", LISTS)
@given(size=st.integers(1, COUNT + 1))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_any_size_are_the_whole_list(stored: Stored, name: str, size: int) -> None:
    """Pages of any size, each from the place of the last one before, hold the whole list once, in its order."""
    if not stored.read(lambda tx: tx.keys.any()):
        stored.write(add_all)
    page, place, count, expected = LISTS[name]

    whole = stored.read(lambda tx: page(tx, None, None))
    walked: list[Any] = []
    for _ in range(COUNT + 1):
        after = place(walked[-1]) if walked else None
        read = stored.read(lambda tx, after=after: page(tx, after, size))
        assert len(read) <= size
        if not read:
            break
        walked += read

    assert walked == whole
    assert len(whole) == expected
    assert stored.read(count) == expected


def test_a_page_does_not_need_what_stood_at_its_place(stored: Stored) -> None:
    """A place is a value: the next page begins right behind it, whatever was added before it or removed since."""
    stored.write(add_all)
    whole = stored.read(lambda tx: tx.directory(ONE).entities(EntityKind.APPLICATION))

    stored.write(lambda tx: tx.directory(ONE).remove_entity(whole[2]))
    stored.write(lambda tx: tx.directory(ONE).add_entity(entity(60, name="A")))

    after = whole[2].name
    assert stored.read(lambda tx: tx.directory(ONE).entities(EntityKind.APPLICATION, after=after)) == whole[3:]


def test_places_beyond_the_ends(stored: Stored) -> None:
    """After a place behind the last there is nothing; after one before the first there is everything."""
    stored.write(add_all)
    early, late = NOW - timedelta(days=1), NOW + timedelta(days=1)

    assert stored.read(lambda tx: tx.tokens.list(TokenFilter(ONE), after=(early, identifier(1)))) == []
    assert len(stored.read(lambda tx: tx.tokens.list(TokenFilter(ONE), after=(late, identifier(1))))) == COUNT
    assert stored.read(lambda tx: tx.inventory.list(CertificateFilter(ONE), after=(early, digest(1)))) == []
    assert stored.read(lambda tx: tx.directory(ONE).entities(EntityKind.APPLICATION, after="\U0010ffff")) == []
    assert len(stored.read(lambda tx: tx.directory(ONE).entities(EntityKind.APPLICATION, after=""))) == COUNT
