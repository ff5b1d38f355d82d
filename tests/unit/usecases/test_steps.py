"""Steps that are answered again (Idempotency-Key), and certificates that are renewed when it is time, or after."""

import asyncio
from base64 import b64encode
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from tests.support.authority import ISSUER, START, World
from tests.support.issuing import make_issuer
from tests.support.memory.store import MemoryStore
from tests.support.records import audited

from connector.client import make_csr, make_key
from connector.domain.audit import Action
from connector.domain.certificates import Certificate, RevocationReason
from connector.domain.refusals.certificates import (
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    ProofRefused,
)
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSourceRefused, TokenSpent
from connector.domain.tokens import Minted, Terms
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Store
from connector.storage import open_sqlite
from connector.usecases import renewal
from connector.usecases.realms import realm_of
from connector.usecases.renewal import RenewalPolicy, window
from connector.usecases.revocation import revoke

T = TypeVar("T")
NO_TERMS = Terms()
GRACE = RenewalPolicy(grace=timedelta(days=30), graces=2)


def run(scenario: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scenario)


def csr(subject: str, key: EllipticCurvePrivateKey | None = None) -> str:
    return b64encode(make_csr(key or make_key(), subject)).decode()


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Any) -> World:
    store: Store = MemoryStore() if request.param == "memory" else open_sqlite(tmp_path / "connector.db")
    return World(store)


async def handed(world: World, terms: Terms = NO_TERMS) -> tuple[Minted, str]:
    """A token that was handed over, and the subject for it."""
    tenant = await world.tenant()
    minted = await world.hand_over(tenant, await world.register(tenant), terms=terms)
    return minted, world.enrollment.subject_text(minted.token.system_auth_id)


async def recorded(world: World, minted: Minted) -> list[Certificate]:
    """All certificates of the token's tenant, newest first."""
    return list(await world.store.read(lambda tx: tx.inventory.list(CertificateFilter(minted.token.tenant_id))))


def test_a_lost_reply_costs_nothing(world: World) -> None:
    """The same token, key and CSR bring the same certificate again for ten minutes, and then the token is spent; the
    audit knows of one, and of no refusal before that.
    """

    async def scenario() -> None:
        minted, subject = await handed(world)
        request = csr(subject)
        first = await world.enroll(minted.secret.text, None, request, "one")
        world.time += timedelta(minutes=9)
        wrapped = "\n".join(request[start : start + 64] for start in range(0, len(request), 64))
        assert await world.enroll(minted.secret.text, None, wrapped, "one") == first
        events = await world.store.read(audited)
        assert [event.action for event in events[:2]] == [Action.CERTIFICATE_ISSUED, Action.TOKEN_SPENT]

        world.time += timedelta(minutes=2)
        with pytest.raises(TokenSpent):
            await world.enroll(minted.secret.text, None, request, "one")
        assert len(await recorded(world, minted)) == 1

    run(scenario())


def test_only_the_same_step_is_answered_again(world: World) -> None:
    """Another key, no key, or another CSR under the same key brings nothing; a second CSR is told apart by its code."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        request = csr(subject)
        await world.enroll(minted.secret.text, None, request, "one")
        for key in ("two", None):
            with pytest.raises(TokenSpent):
                await world.enroll(minted.secret.text, None, request, key)
        with pytest.raises(StepTaken):
            await world.enroll(minted.secret.text, None, csr(subject), "one")
        assert len(await recorded(world, minted)) == 1

    run(scenario())


def test_a_step_keeps_to_the_tokens_terms(world: World) -> None:
    """What may be redeemed from one network alone is answered again there alone."""

    async def scenario() -> None:
        minted, subject = await handed(world, Terms(source="192.0.2.0/24"))
        request = csr(subject)
        first = await world.enroll(minted.secret.text, "192.0.2.1", request, "one")
        with pytest.raises(TokenSourceRefused):
            await world.enroll(minted.secret.text, "198.51.100.1", request, "one")
        assert await world.enroll(minted.secret.text, "192.0.2.2", request, "one") == first

    run(scenario())


def test_what_was_revoked_is_not_handed_out_again(world: World) -> None:
    """A step whose certificate was revoked meanwhile is refused, at enrollment and at renewal."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        request, next_request = csr(subject), csr(subject)
        first = await world.enroll(minted.secret.text, None, request, "one")
        second = await world.renew(first.fingerprint, next_request, "two")
        assert await world.renew(first.fingerprint, next_request, "two") == second
        await _revoke(world, minted, second)
        with pytest.raises(CertificateRevoked):
            await world.renew(first.fingerprint, next_request, "two")
        await _revoke(world, minted, first)
        with pytest.raises(CertificateRevoked):
            await world.enroll(minted.secret.text, None, request, "one")

    run(scenario())


async def _revoke(world: World, minted: Minted, issued: Certificate) -> None:
    which = CertificateFilter(fingerprint=issued.fingerprint)
    await world.store.transaction(
        lambda tx: revoke(realm_of(tx, minted.token, "system"), which, RevocationReason.UNSPECIFIED)
    )


def test_of_many_at_once_there_is_one_certificate(world: World) -> None:
    """Of fifty requests of one step at once, by token and by certificate, all get the one certificate."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        request, next_request = csr(subject), csr(subject)
        enrolled = await asyncio.gather(*(world.enroll(minted.secret.text, None, request, "one") for _ in range(50)))
        (first,) = {issued.fingerprint for issued in enrolled}
        renewed = await asyncio.gather(*(world.renew(first, next_request, "two") for _ in range(50)))
        assert len({issued.fingerprint for issued in renewed}) == 1
        assert len(await recorded(world, minted)) == 2

    run(scenario())


def test_a_renewals_key_brings_no_second_certificate(world: World) -> None:
    """A step of a renewal is answered again however late, while the former is good; another CSR under it is refused."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        first = await world.enroll(minted.secret.text, None, csr(subject))
        request = csr(subject)
        second = await world.renew(first.fingerprint, request, "two")
        world.time += timedelta(days=89)
        assert await world.renew(first.fingerprint, request, "two") == second
        with pytest.raises(StepTaken):
            await world.renew(first.fingerprint, csr(subject), "two")
        # Another holder may use the same key.
        assert await world.renew(second.fingerprint, csr(subject), "two") != second

    run(scenario())


def test_a_token_is_spent_where_the_next_is_wanted(world: World) -> None:
    """To be told the subject alone costs no token."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        assert await world.describe(minted.secret.text, None) == subject
        assert await world.describe(minted.secret.text, None) == subject
        await world.configure(minted.secret.text, None)
        with pytest.raises(TokenSpent):
            await world.describe(minted.secret.text, None)

    run(scenario())


def test_the_window(world: World) -> None:
    """A certificate is renewed within the policy's part of its validity; at once when an operator asked for it, or when
    its issuer is no longer the one that issues.
    """

    async def scenario() -> None:
        minted, subject = await handed(world)
        await world.enroll(minted.secret.text, None, csr(subject))
        (certificate,) = await recorded(world, minted)
        validity = certificate.not_after - certificate.not_before
        policy = RenewalPolicy(start=50, end=75)

        told = window(certificate, issuer=ISSUER.fingerprint, policy=policy)
        assert (told.start, told.end) == (
            certificate.not_before + validity / 2,
            certificate.not_before + validity * 3 / 4,
        )
        assert not told.now
        assert window(certificate, issuer=make_issuer(now=START).fingerprint, policy=policy).now
        await world.store.transaction(
            lambda tx: renewal.ask(realm_of(tx, minted.token, "command"), CertificateFilter())
        )
        (asked,) = await recorded(world, minted)
        assert window(asked, issuer=ISSUER.fingerprint, policy=policy).now

    run(scenario())


def test_only_certificates_in_use_are_asked_for(world: World) -> None:
    """Whoever has renewed is left alone: the former certificate is passed over, and its successor is asked for once."""

    async def scenario() -> None:
        minted, subject = await handed(world)
        first = await world.enroll(minted.secret.text, None, csr(subject))
        second = await world.renew(first.fingerprint, csr(subject))
        ask = lambda tx: renewal.ask(realm_of(tx, minted.token, "command"), CertificateFilter())  # noqa: E731
        assert [each.fingerprint for each in await world.store.transaction(ask)] == [second.fingerprint]
        assert await world.store.transaction(ask) == []
        (event,) = await world.store.read(lambda tx: audited(tx, Action.CERTIFICATE_RENEWAL_ASKED))
        assert event.serial == second.serial

    run(scenario())


def proof(key: EllipticCurvePrivateKey, issued: Certificate, request: str) -> bytes:
    statement = renewal.lapsed_statement(issued.fingerprint, request.encode())
    return key.sign(statement, ECDSA(hashes.SHA256()))


async def late(
    world: World, policy: RenewalPolicy, days: int
) -> tuple[Minted, str, EllipticCurvePrivateKey, Certificate]:
    """An enrolled system so many days after its certificate's end."""
    world.enrollment = replace(world.enrollment, policy=replace(world.enrollment.policy, renewal=policy))
    minted, subject = await handed(world)
    key = make_key()
    issued = await world.enroll(minted.secret.text, None, csr(subject, key))
    world.time = issued.not_after + timedelta(days=days)
    return minted, subject, key, issued


def test_after_the_expiry_a_proof_renews(world: World) -> None:
    """Within the grace, the old key's signature over the CSR brings the next certificate; repeated, the same one."""

    async def scenario() -> None:
        minted, subject, key, issued = await late(world, GRACE, days=29)
        request = csr(subject)
        signed = proof(key, issued, request)
        renewed = await world.renew_lapsed(issued.fingerprint, request, signed, "one")
        assert await world.renew_lapsed(issued.fingerprint, request, signed, "one") == renewed
        newest, former = await recorded(world, minted)
        assert newest.fingerprint == renewed.fingerprint
        assert newest.lapsed_at == issued.not_after
        assert former.superseded_at == world.time
        # Whoever saw the request and sends it under a key of their own gets nothing.
        for key_of_another in ("two", None):
            with pytest.raises(CertificateExpired, match="another was issued in its place"):
                await world.renew_lapsed(issued.fingerprint, request, signed, key_of_another)

    run(scenario())


def test_no_grace_unless_it_is_set(world: World) -> None:
    """Without a grace, after it, and before the expiry, no proof renews."""

    async def scenario() -> None:
        _, subject, key, issued = await late(world, RenewalPolicy(), days=1)
        request = csr(subject)
        signed = proof(key, issued, request)
        with pytest.raises(CertificateExpired):
            await world.renew_lapsed(issued.fingerprint, request, signed)
        world.enrollment = replace(world.enrollment, policy=replace(world.enrollment.policy, renewal=GRACE))
        world.time = issued.not_after + GRACE.grace + timedelta(seconds=1)
        with pytest.raises(CertificateExpired):
            await world.renew_lapsed(issued.fingerprint, request, signed)
        world.time = issued.not_after
        with pytest.raises(InvalidData, match="still good"):
            await world.renew_lapsed(issued.fingerprint, request, signed)
        with pytest.raises(CertificateUnknown):
            await world.renew_lapsed(bytes(32), request, signed)

    run(scenario())


def test_a_proof_is_for_one_certificate_and_one_csr_by_one_key(world: World) -> None:
    """A signature by another key, over another CSR, over another certificate, or no signature at all proves nothing."""

    async def scenario() -> None:
        minted, subject, key, issued = await late(world, GRACE, days=1)
        request, other = csr(subject), csr(subject)
        elsewhere = replace(issued, fingerprint=bytes(32))
        for wrong in (
            proof(make_key(), issued, request),
            proof(key, issued, other),
            proof(key, elsewhere, request),
            b"",
            b"no signature",
        ):
            with pytest.raises(ProofRefused):
                await world.renew_lapsed(issued.fingerprint, request, wrong)
        assert len(await recorded(world, minted)) == 1

    run(scenario())


def test_graces_are_counted(world: World) -> None:
    """An identity is renewed after an expiry so many times and not once more; never a revoked one."""

    async def scenario() -> None:
        minted, subject, key, issued = await late(world, GRACE, days=1)
        for _ in range(GRACE.graces):
            next_key = make_key()
            request = csr(subject, next_key)
            issued = await world.renew_lapsed(issued.fingerprint, request, proof(key, issued, request))
            key = next_key
            world.time = issued.not_after + timedelta(days=1)
        request = csr(subject)
        with pytest.raises(CertificateExpired, match="too often"):
            await world.renew_lapsed(issued.fingerprint, request, proof(key, issued, request))
        await _revoke(world, minted, issued)
        with pytest.raises(CertificateRevoked):
            await world.renew_lapsed(issued.fingerprint, request, proof(key, issued, request))

    run(scenario())
