import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

from tests.integration.contract.conftest import Stored
from tests.support.records import LATER, NOW, audited, certificate, digest, entity, event, tenant, token

from connector.domain.certificates import RevocationReason
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSpent
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction


def outcomes(stored: Stored, *attempts: Awaitable[Any]) -> Counter[str]:
    """Make all the attempts at once, and count the kinds of outcomes."""

    async def gather() -> list[Any]:
        return await asyncio.gather(*attempts, return_exceptions=True)

    return Counter(type(outcome).__name__ for outcome in stored.runner.run(gather()))


def test_of_many_redemptions_one_wins(stored: Stored) -> None:
    """Of 50 concurrent redemptions one wins and the others are told TokenSpent; one certificate, one event (R1)."""
    stored.write(lambda tx: tx.tokens.add(token()))

    def enroll(number: int) -> Awaitable[None]:
        def function(tx: Transaction) -> None:
            tx.inventory.add(certificate(number))  # the loser's certificate must go with the loser
            tx.audit.append(event(number))
            tx.tokens.redeem(token(), now=NOW)

        return stored.store.transaction(function)

    assert outcomes(stored, *(enroll(number) for number in range(50))) == {"NoneType": 1, TokenSpent.__name__: 49}
    assert len(stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id)))) == 1
    assert len(stored.read(audited)) == 1


def test_of_two_of_one_name_one_wins(stored: Stored) -> None:
    """Of many tenants, or entities, of one name at once, one is recorded and the others are refused."""
    tenants = [tenant(number, external_id="same") for number in range(1, 11)]
    entities = [entity(number, name="same") for number in range(1, 11)]

    def add_tenant(one: Any) -> Awaitable[None]:
        return stored.store.transaction(lambda tx: tx.tenants.add(one))

    def add_entity(one: Any) -> Awaitable[None]:
        return stored.store.transaction(lambda tx: tx.directory(tenant().id).add_entity(one))

    expected = {"NoneType": 1, NotUniqueName.__name__: 9}
    assert outcomes(stored, *map(add_tenant, tenants)) == expected
    owner = stored.read(lambda tx: tx.tenants.list())[0]
    assert outcomes(stored, *(add_entity(replace(one, tenant_id=owner.id)) for one in entities)) == expected


def test_of_two_revocations_one_is_recorded(stored: Stored) -> None:
    """Of many revocations at once one revokes; the others find nothing left to do, and change nothing."""
    stored.write(lambda tx: tx.inventory.add(certificate()))
    which = CertificateFilter(tenant().id, fingerprint=digest(1))

    async def revoke_at_once() -> list[int]:
        attempts = (
            stored.store.transaction(lambda tx, reason=reason: len(tx.inventory.revoke(which, reason, now=LATER)))
            for reason in RevocationReason
        )
        return await asyncio.gather(*attempts)

    assert sorted(stored.runner.run(revoke_at_once())) == [0] * (len(RevocationReason) - 1) + [1]


def test_no_count_is_lost(stored: Stored) -> None:
    """Of many refusals counted at once each is counted."""
    stored.write(lambda tx: tx.tokens.add(token()))

    assert outcomes(
        stored, *(stored.store.transaction(lambda tx: tx.tokens.count_refusals(token())) for _ in range(50))
    ) == {"OneTimeToken": 50}
    assert stored.read(lambda tx: tx.tokens.find(digest(1))) == token(refusals=50)


def test_a_read_is_one_consistent_view(stored: Stored) -> None:
    """While pairs of events are appended, every read sees whole pairs: the same number of both, each time it looks."""

    def append_pair(tx: Transaction) -> None:
        tx.audit.append(event(1))
        tx.audit.append(event(2))

    def look_twice(tx: Transaction) -> tuple[int, int]:
        return len(audited(tx)), len(audited(tx))

    async def both() -> list[Any]:
        calls: list[Awaitable[Any]] = []
        for _ in range(100):
            calls += [stored.store.transaction(append_pair), stored.store.read(look_twice)]
        return await asyncio.gather(*calls)

    views = stored.runner.run(both())[1::2]
    assert all(first == second and first % 2 == 0 for first, second in views)


def test_of_many_of_one_step_one_is_recorded(stored: Stored) -> None:
    """Of many certificates of one step at once, one is recorded; the others are refused, whole."""

    def add(number: int) -> Awaitable[None]:
        def function(tx: Transaction) -> None:
            tx.audit.append(event(number))
            tx.inventory.add(certificate(number, step=digest(7), request=digest(8)))

        return stored.store.transaction(function, alone=False)

    assert outcomes(stored, *(add(number) for number in range(1, 21))) == {"NoneType": 1, StepTaken.__name__: 19}
    assert len(stored.read(lambda tx: tx.inventory.list(CertificateFilter(tenant().id)))) == 1
    assert len(stored.read(audited)) == 1
