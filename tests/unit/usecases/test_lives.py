"""The use cases over the memory store: tokens and certificates from beginning to end."""

import asyncio
from base64 import b64encode
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from tests.support.authority import World
from tests.support.memory.store import MemoryStore
from tests.support.records import audited

from connector.client import make_csr, make_key
from connector.domain.audit import Action
from connector.domain.certificates import CertificateState, RevocationReason
from connector.domain.directory import EntityKind
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown
from connector.domain.refusals.csr import CSRSubjectMismatch
from connector.domain.refusals.objects import NotUniqueName, ObjectNotFound
from connector.domain.refusals.tokens import TokenExpired, TokenSpent, TokenUnknown, TokenWithdrawn
from connector.domain.tokens import TokenState
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.usecases import registration
from connector.usecases.revocation import revoke, revoke_presented

T = TypeVar("T")


def csr(subject: str) -> str:
    return b64encode(make_csr(make_key(), subject)).decode()


def run(scenario: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scenario)


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


async def enrolled(world: World) -> tuple[Any, Any, Any, Any]:
    tenant = await world.tenant()
    entity = await world.register(tenant)
    minted = await world.hand_over(tenant, entity)
    issued = await world.enroll(
        minted.secret.text, None, csr(world.enrollment.subject_text(minted.token.system_auth_id))
    )
    return tenant, entity, minted, issued


async def actions(world: World) -> list[Action]:
    """What the audit holds, oldest first."""
    events = await world.store.read(audited)
    return [event.action for event in reversed(events)]


async def refused(world: World) -> int:
    """How many refused attempts with tokens the audit holds at the end of the minute."""
    await world.enrollment.refusals.flush(world.store)
    events = await world.store.read(lambda tx: audited(tx, Action.TOKEN_REFUSED))
    return sum(event.times for event in events)


def test_a_life(world: World) -> None:
    """Configure, enroll, renew, revoke: each leaves its events, each in its transaction."""

    async def scenario() -> None:
        tenant = await world.tenant()
        entity = await world.register(tenant)
        minted = await world.hand_over(tenant, entity)
        told = await world.configure(minted.secret.text, None)
        first = await world.enroll(told.minted.secret.text, None, csr(told.subject))
        second = await world.renew(first.fingerprint, csr(told.subject))
        await world.store.transaction(lambda tx: revoke_presented(tx, second.fingerprint))

        assert await actions(world) == [
            Action.TENANT_CREATED,
            Action.ENTITY_REGISTERED,
            Action.TOKEN_MINTED,
            Action.TOKEN_SPENT,
            Action.TOKEN_MINTED,
            Action.TOKEN_SPENT,
            Action.CERTIFICATE_ISSUED,
            Action.CERTIFICATE_RENEWED,
            Action.CERTIFICATE_REVOKED,
        ]
        former = await world.enrollment.identify(first.fingerprint)
        assert former.state(now=world.time) is CertificateState.SUPERSEDED
        assert former.owner_id == entity.id
        with pytest.raises(CertificateRevoked):
            await world.enrollment.identify(second.fingerprint)

    run(scenario())


def test_every_request_makes_a_system_auth_of_its_own(world: World) -> None:
    """Three tokens for one application are three system auths with three common names (docs/wire-contract.md)."""

    async def scenario() -> None:
        tenant = await world.tenant()
        entity = await world.register(tenant)
        minted = []
        for _ in range(3):
            world.time += timedelta(seconds=1)
            minted.append(await world.hand_over(tenant, entity))

        auths = await world.store.read(lambda tx: tx.directory(entity.tenant_id).system_auths([entity.id]))
        assert [auth.id for auth in auths] == [each.token.system_auth_id for each in minted]

    run(scenario())


def test_a_named_system_auth_gets_a_new_token(world: World) -> None:
    """With its id, the pending token is withdrawn and a new one takes its place under the same system auth."""

    async def scenario() -> None:
        tenant = await world.tenant()
        entity = await world.register(tenant)
        first = await world.hand_over(tenant, entity)
        second = await world.hand_over(tenant, entity, system_auth_id=first.token.system_auth_id)

        assert second.token.system_auth_id == first.token.system_auth_id
        with pytest.raises(TokenWithdrawn):
            await world.configure(first.secret.text, None)
        await world.configure(second.secret.text, None)

    run(scenario())


def test_a_token_expires(world: World) -> None:
    """An application's token lives five minutes, a runtime's sixty; then it is refused, and that is written down."""

    async def scenario() -> None:
        tenant = await world.tenant()
        for kind, minutes in ((EntityKind.APPLICATION, 5), (EntityKind.RUNTIME, 60)):
            minted = await world.hand_over(tenant, await world.register(tenant, "a", kind))
            assert minted.token.expires_at == world.time + timedelta(minutes=minutes)
            world.time = minted.token.expires_at
            with pytest.raises(TokenExpired):
                await world.configure(minted.secret.text, None)
            assert (await actions(world))[-1] is Action.TOKEN_REFUSED

    run(scenario())


def test_the_next_token_has_its_owners_lifetime(world: World) -> None:
    """The token that configuration returns lives as long as one of its owner's kind, from then on."""

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant, "runtime", EntityKind.RUNTIME))
        world.time += timedelta(minutes=59)
        told = await world.configure(minted.secret.text, None)

        assert told.minted.token.expires_at == world.time + timedelta(minutes=60)

    run(scenario())


def test_what_is_unknown_leaves_no_trace(world: World) -> None:
    """A token that we never minted is refused without a record: strangers do not fill the audit."""

    async def scenario() -> None:
        with pytest.raises(TokenUnknown):
            await world.configure("A" * 88, None)
        with pytest.raises(TokenUnknown):
            await world.enroll("A" * 88, None, "no CSR")
        with pytest.raises(CertificateUnknown):
            await world.renew(bytes(32), "no CSR")
        assert await actions(world) == []

    run(scenario())


def test_two_redeemers_one_winner(world: World) -> None:
    """Of two concurrent redemptions of one token, one gets a certificate, the other a refusal."""

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))
        subject = world.enrollment.subject_text(minted.token.system_auth_id)
        tries = [world.enroll(minted.secret.text, None, csr(subject)) for _ in range(2)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)

        assert [TokenSpent] == [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(await world.store.read(lambda tx: tx.inventory.list(CertificateFilter(tenant.id)))) == 1

    run(scenario())


def test_a_revoked_holder_has_no_way_back(world: World) -> None:
    """A token that was fetched with a certificate, and its successors, are withdrawn with it."""

    async def scenario() -> None:
        _, _, _, issued = await enrolled(world)
        beside = await world.enrollment.mint_for_holder(issued)
        told = await world.configure(beside.secret.text, None)
        await world.store.transaction(lambda tx: revoke_presented(tx, issued.fingerprint))

        with pytest.raises(TokenWithdrawn):
            await world.enroll(told.minted.secret.text, None, csr(told.subject))
        with pytest.raises(CertificateRevoked):
            await world.enrollment.mint_for_holder(issued)
        with pytest.raises(CertificateRevoked):
            await world.renew(issued.fingerprint, csr(told.subject))

    run(scenario())


def test_an_expired_certificate_is_nobody(world: World) -> None:
    """Up to and with its last second a certificate is good; after that neither identifies nor renews."""

    async def scenario() -> None:
        _, _, minted, issued = await enrolled(world)
        world.time = issued.not_after
        await world.enrollment.identify(issued.fingerprint)
        world.time += timedelta(seconds=1)
        with pytest.raises(CertificateExpired):
            await world.enrollment.identify(issued.fingerprint)
        with pytest.raises(CertificateExpired):
            await world.renew(issued.fingerprint, csr(world.enrollment.subject_text(minted.token.system_auth_id)))

    run(scenario())


def test_unregistering_ends_everything(world: World) -> None:
    """Unregistering an entity revokes its certificates and withdraws its tokens, for good, in one transaction."""

    async def scenario() -> None:
        tenant, entity, _, issued = await enrolled(world)
        pending = await world.hand_over(tenant, entity)
        await world.office(tenant).run(registration.unregister, entity.kind, entity.id)

        assert (await actions(world))[-3:] == [
            Action.ENTITY_UNREGISTERED,
            Action.TOKEN_WITHDRAWN,
            Action.CERTIFICATE_REVOKED,
        ]
        with pytest.raises(CertificateRevoked):
            await world.enrollment.identify(issued.fingerprint)
        with pytest.raises(TokenWithdrawn):
            await world.configure(pending.secret.text, None)
        with pytest.raises(ObjectNotFound):
            await world.hand_over(tenant, entity)
        (certificate,) = await world.store.read(
            lambda tx: tx.inventory.list(CertificateFilter(entity.tenant_id, owner_id=entity.id))
        )
        assert certificate.revocation_reason is RevocationReason.CESSATION_OF_OPERATION

    run(scenario())


def test_deleting_a_system_auth_ends_only_its_own(world: World) -> None:
    """Its certificates and tokens end; those of the entity's other system auths go on. The other kind's call errs."""

    async def scenario() -> None:
        tenant, entity, minted, issued = await enrolled(world)
        other = await world.hand_over(tenant, entity)

        def delete(kind: EntityKind) -> Coroutine[Any, Any, object]:
            auth_id = minted.token.system_auth_id
            return world.office(tenant).run(registration.delete_system_auth, kind, auth_id)

        with pytest.raises(ObjectNotFound):
            await delete(EntityKind.RUNTIME)
        await world.enrollment.identify(issued.fingerprint)
        await delete(EntityKind.APPLICATION)
        with pytest.raises(CertificateRevoked):
            await world.enrollment.identify(issued.fingerprint)
        with pytest.raises(ObjectNotFound):
            await delete(EntityKind.APPLICATION)
        await world.configure(other.secret.text, None)

    run(scenario())


def test_revoking_twice_is_one_revocation(world: World) -> None:
    """The first revocation's time and reason stay, and there is one event for it."""

    async def scenario() -> None:
        tenant, entity, _, issued = await enrolled(world)

        def again(reason: RevocationReason) -> Coroutine[Any, Any, Any]:
            return world.office(tenant).run(revoke, CertificateFilter(fingerprint=issued.fingerprint), reason)

        assert len(await again(RevocationReason.KEY_COMPROMISE)) == 1
        world.time += timedelta(hours=1)
        assert await again(RevocationReason.UNSPECIFIED) == []
        (certificate,) = await world.store.read(
            lambda tx: tx.inventory.list(CertificateFilter(entity.tenant_id, owner_id=entity.id))
        )
        assert certificate.revocation_reason is RevocationReason.KEY_COMPROMISE
        assert certificate.revoked_at == world.time - timedelta(hours=1)
        assert (await actions(world)).count(Action.CERTIFICATE_REVOKED) == 1

    run(scenario())


def test_nobody_renews_anothers(world: World) -> None:
    """A renewal's CSR must have the common name of the presented certificate; the refusal is written down."""

    async def scenario() -> None:
        tenant, entity, _, issued = await enrolled(world)
        other = await world.hand_over(tenant, entity)
        with pytest.raises(CSRSubjectMismatch):
            await world.renew(issued.fingerprint, csr(world.enrollment.subject_text(other.token.system_auth_id)))
        assert (await actions(world))[-1] is Action.CERTIFICATE_REFUSED

    run(scenario())


def test_names_are_unique_in_a_tenant(world: World) -> None:
    """A name is taken once for each tenant and kind; another tenant and the other kind may have it too."""

    async def scenario() -> None:
        acme, other = await world.tenant("acme"), await world.tenant("other")
        await world.register(acme, "shop")
        await world.register(acme, "shop", EntityKind.RUNTIME)
        await world.register(other, "shop")
        with pytest.raises(NotUniqueName):
            await world.register(acme, "shop")
        with pytest.raises(NotUniqueName):
            await world.tenant("acme")

    run(scenario())


def test_refused_csrs_are_counted(world: World) -> None:
    """Nine refused CSRs leave the token minted, the tenth withdraws it; the audit says how many there were."""

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))

        async def state() -> TokenState:
            (token,) = await world.store.read(
                lambda tx: tx.tokens.list(TokenFilter(minted.token.tenant_id, id=minted.token.id))
            )
            return token.state(now=world.time)

        for attempt in range(1, 11):
            with pytest.raises(CSRSubjectMismatch):
                await world.enroll(minted.secret.text, None, csr(world.enrollment.subject_text("somebody-else")))
            assert await state() is (TokenState.MINTED if attempt < 10 else TokenState.WITHDRAWN)
        assert await refused(world) == 10

    run(scenario())


def test_a_redemption_under_way_does_not_outlive_its_owner(world: World) -> None:
    """An entity unregistered just after its token expired gets no certificate from a redemption begun before."""

    async def scenario() -> None:
        tenant = await world.tenant()
        entity = await world.register(tenant)
        minted = await world.hand_over(tenant, entity)
        late = minted.token.expires_at + timedelta(milliseconds=5)
        begun = minted.token.expires_at - timedelta(milliseconds=5)
        world.time = late
        await world.office(tenant).run(registration.unregister, entity.kind, entity.id)
        world.time = begun
        with pytest.raises(TokenWithdrawn):
            await world.enroll(
                minted.secret.text, None, csr(world.enrollment.subject_text(minted.token.system_auth_id))
            )
        assert (
            await world.store.read(
                lambda tx: tx.inventory.list(CertificateFilter(entity.tenant_id, owner_id=entity.id))
            )
            == []
        )

    run(scenario())


def test_a_token_that_hangs_on_a_certificate_stays_short_lived(world: World) -> None:
    """What a runtime's token from mutual TLS leads to lives five minutes each time, and not past the certificate."""

    async def scenario() -> None:
        tenant = await world.tenant()
        runtime = await world.register(tenant, "runtime", EntityKind.RUNTIME)
        minted = await world.hand_over(tenant, runtime)
        subject = world.enrollment.subject_text(minted.token.system_auth_id)
        issued = await world.enroll(minted.secret.text, None, csr(subject))
        world.time = issued.not_after - timedelta(minutes=1)
        beside = await world.enrollment.mint_for_holder(issued)
        told = await world.configure(beside.secret.text, None)
        assert told.minted.token.expires_at == world.time + timedelta(minutes=5)
        world.time = issued.not_after + timedelta(seconds=1)
        with pytest.raises(CertificateExpired):
            await world.enroll(told.minted.secret.text, None, csr(subject))

    run(scenario())


def test_a_worthless_token_does_not_fill_the_audit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After many refusals of one token no more are written down."""
    monkeypatch.setattr("connector.usecases.refusals.MOST_RECORDED", 3)

    async def scenario() -> None:
        tenant = await world.tenant()
        minted = await world.hand_over(tenant, await world.register(tenant))
        await world.configure(minted.secret.text, None)
        for _ in range(6):
            with pytest.raises(TokenSpent):
                await world.configure(minted.secret.text, None)
        assert await refused(world) == 3

    run(scenario())
