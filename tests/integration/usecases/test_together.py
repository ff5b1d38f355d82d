"""What runs together on two replicas, and what ends it: after a revocation, or a withdrawal, nothing is left good."""

import asyncio
from asyncio import Runner
from base64 import b64encode
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from tests.support.authority import World
from tests.support.postgres import Postgres
from tests.support.records import audited

from connector.client import make_csr, make_key
from connector.domain.audit import Action
from connector.domain.certificates import CertificateState, RevocationReason
from connector.domain.directory import EntityKind, Tenant
from connector.domain.refusals import Refusal
from connector.domain.refusals.tokens import TokenSpent
from connector.domain.tokens import TokenState
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.storage.postgresql.store import PostgresqlStore, open_postgresql
from connector.usecases import registration
from connector.usecases.revocation import revoke

ROUNDS = 15


@pytest.fixture
def runner() -> Iterator[Runner]:
    with Runner() as runner:
        yield runner


@pytest.fixture
def worlds(postgresql: Postgres, runner: Runner) -> Iterator[tuple[World, World]]:
    """Two replicas on one database."""
    with postgresql.database() as url:
        stores: list[PostgresqlStore] = [open_postgresql(url), open_postgresql(url)]
        yield World(stores[0]), World(stores[1])
        for store in stores:
            runner.run(store.close())


async def both(*calls: Awaitable[Any]) -> list[Any]:
    """What comes of calls that are made at once; refusals are outcomes, faults are not."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
            raise outcome
    return outcomes


async def good(world: World, tenant: Tenant) -> int:
    """How much is left with which somebody could act in the tenant."""
    return await world.store.read(
        lambda tx: (
            sum(
                tx.inventory.count(CertificateFilter(tenant.id, state=state, now=world.time))
                for state in (CertificateState.ISSUED, CertificateState.SUPERSEDED)
            )
            + tx.tokens.count(TokenFilter(tenant.id, state=TokenState.MINTED, now=world.time))
        )
    )


def test_nothing_is_renewed_past_a_revocation(worlds: tuple[World, World], runner: Runner) -> None:
    """A tenant is revoked on one replica while its holders renew and fetch tokens on the other: none of what they got
    is good afterwards, whichever came first.
    """
    here, there = worlds
    key = make_key()

    async def scenario() -> None:
        for number in range(ROUNDS):
            tenant = await here.tenant(f"tenant-{number}")
            entity = await here.register(tenant)
            minted = await here.hand_over(tenant, entity)
            subject = here.enrollment.subject_text(minted.token.system_auth_id)
            csr = b64encode(make_csr(key, subject)).decode()
            first = await here.enroll(minted.secret.text, None, csr)

            calls: list[Awaitable[Any]] = [here.renew(first.fingerprint, csr) for _ in range(4)]
            calls += [here.enrollment.mint_for_holder(first) for _ in range(4)]
            end = there.office(tenant).run(revoke, CertificateFilter(), RevocationReason.KEY_COMPROMISE)
            calls.insert(number % 8, end)
            await both(*calls)
            assert await good(here, tenant) == 0

    runner.run(scenario())


def test_nothing_is_enrolled_past_an_unregistration(worlds: tuple[World, World], runner: Runner) -> None:
    """An application is unregistered on one replica while its tokens are redeemed, exchanged and minted on the other:
    none of what came of them is good afterwards.
    """
    here, there = worlds
    key = make_key()

    async def scenario() -> None:
        for number in range(ROUNDS):
            tenant = await here.tenant(f"tenant-{number}")
            entity = await here.register(tenant)
            minted = [await here.hand_over(tenant, entity) for _ in range(6)]
            csrs = [
                b64encode(make_csr(key, here.enrollment.subject_text(one.token.system_auth_id))).decode()
                for one in minted
            ]
            calls: list[Awaitable[Any]] = [
                here.enroll(one.secret.text, None, csr) for one, csr in zip(minted[:3], csrs, strict=False)
            ]
            calls += [here.configure(one.secret.text, None) for one in minted[3:]]
            calls += [here.hand_over(tenant, entity) for _ in range(3)]

            end = there.office(tenant).run(registration.unregister, EntityKind.APPLICATION, entity.id)
            calls.insert(number % 9, end)
            await both(*calls)
            assert await good(here, tenant) == 0

    runner.run(scenario())


def test_refusals_at_once_share_a_transaction(worlds: tuple[World, World], runner: Runner) -> None:
    """Of 300 that present a spent token at once, on two replicas, each is refused and counted."""
    here, there = worlds

    async def scenario() -> None:
        tenant = await here.tenant()
        entity = await here.register(tenant)
        minted = await here.hand_over(tenant, entity)
        await here.configure(minted.secret.text, None)

        calls = [world.configure(minted.secret.text, None) for world in worlds for _ in range(150)]
        outcomes = await both(*calls)

        assert {type(outcome) for outcome in outcomes} == {TokenSpent}
        token = await there.store.read(lambda tx: tx.tokens.find(minted.token.digest))
        assert token is not None
        assert token.refusals == 300
        for world in worlds:
            await world.enrollment.refusals.flush(world.store)
        events = await there.store.read(lambda tx: audited(tx, Action.TOKEN_REFUSED))
        assert sum(event.times for event in events) == 300
        assert len(events) <= 4
        assert not here.enrollment.refusals._lines  # noqa: SLF001 - nothing is kept of those that were answered

    runner.run(scenario())
