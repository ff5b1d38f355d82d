"""The quotas of a system auth and of a tenant, over the memory store and against a model."""

import asyncio
from asyncio import Runner
from base64 import b64encode
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.support.authority import World
from tests.support.memory.store import MemoryStore
from tests.support.records import audited

from connector.client import make_csr, make_key
from connector.domain.audit import Action
from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind
from connector.domain.quotas import DAY, MINUTE, Limit, Quotas
from connector.domain.refusals import Refusal
from connector.domain.refusals.csr import CSRSubjectMismatch
from connector.domain.refusals.quotas import LimitReached, QuotaExceeded, RateLimited
from connector.ports.tokens import TokenFilter
from connector.usecases.quotas import REFUSED_FOR
from connector.usecases.revocation import revoke_presented

KEY = make_key()
HOUR = timedelta(hours=1)


def csr(world: World, system_auth_id: str) -> str:
    return b64encode(make_csr(KEY, world.enrollment.subject_text(system_auth_id))).decode()


async def enrolled(world: World) -> tuple[Certificate, str]:
    """A certificate, and a CSR for its renewal."""
    realm = await world.tenant()
    minted = await world.hand_over(realm, await world.register(realm))
    request = csr(world, minted.token.system_auth_id)
    return await world.enroll(minted.secret.text, None, request), request


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_holder_gets_so_many_certificates_a_day() -> None:
    """The refusal names the setting, its value, and when the first of the day's certificates is a day old."""
    world = World(MemoryStore(), quotas=Quotas(certificates_a_day=3))

    async def scenario() -> None:
        first, request = await enrolled(world)
        world.time += HOUR
        for _ in range(2):
            await world.renew(first.fingerprint, request)
        with pytest.raises(QuotaExceeded) as caught:
            await world.renew(first.fingerprint, request)

        assert caught.value.limit == Limit.CERTIFICATES_A_DAY
        assert caught.value.value == 3
        assert caught.value.retry_after == 23 * 3600
        world.time += 23 * HOUR
        await world.renew(first.fingerprint, request)

    run(scenario())


def test_a_holder_has_so_many_good_certificates() -> None:
    """Superseded ones count until they expire; one that is revoked makes room within two seconds."""
    world = World(MemoryStore(), quotas=Quotas(certificates=3))

    async def scenario() -> None:
        first, request = await enrolled(world)
        second = await world.renew(first.fingerprint, request)
        await world.renew(first.fingerprint, request)
        with pytest.raises(QuotaExceeded) as caught:
            await world.renew(first.fingerprint, request)

        assert caught.value.limit == Limit.CERTIFICATES
        assert caught.value.retry_after == (first.not_after - world.time).total_seconds()
        await world.store.transaction(lambda tx: revoke_presented(tx, second.fingerprint))
        world.time += REFUSED_FOR
        await world.renew(first.fingerprint, request)

    run(scenario())


def test_a_repeated_step_is_free() -> None:
    """At every limit, whoever asks again with its Idempotency-Key gets the certificate that the step brought."""
    world = World(MemoryStore(), quotas=Quotas(certificates_a_day=2, refusals_a_minute=1))

    async def scenario() -> None:
        first, request = await enrolled(world)
        renewed = await world.renew(first.fingerprint, request, "key")
        for _ in range(5):
            assert await world.renew(first.fingerprint, request, "key") == renewed
        with pytest.raises(QuotaExceeded):
            await world.renew(first.fingerprint, request, "another")
        with pytest.raises(RateLimited):
            await world.renew(first.fingerprint, request, "another")
        assert await world.renew(first.fingerprint, request, "key") == renewed

    run(scenario())


def test_a_holder_gets_so_many_tokens_a_minute() -> None:
    """By its certificate and by the tokens that come of it, all together; the token of a refused call is not spent."""
    world = World(MemoryStore(), quotas=Quotas(tokens_a_minute=3))

    async def scenario() -> None:
        first, _ = await enrolled(world)
        world.time += MINUTE
        minted = [await world.enrollment.mint_for_holder(first) for _ in range(2)]
        told = await world.configure(minted[0].secret.text, None)
        with pytest.raises(RateLimited) as caught:
            await world.enrollment.mint_for_holder(first)
        assert (caught.value.limit, caught.value.retry_after) == (Limit.TOKENS_A_MINUTE, 60)
        with pytest.raises(RateLimited):
            await world.configure(minted[1].secret.text, None)
        world.time += MINUTE
        await world.configure(minted[1].secret.text, None)
        await world.configure(told.minted.secret.text, None)

    run(scenario())


def test_tokens_that_a_holder_fetched_lead_to_no_more_certificates_than_renewals_do() -> None:
    """A token of `configuration` over mutual TLS counts as its holder does; an administrator's is granted."""
    world = World(MemoryStore(), quotas=Quotas(certificates_a_day=2))

    async def scenario() -> None:
        realm = await world.tenant()
        entity = await world.register(realm)
        minted = await world.hand_over(realm, entity)
        system_auth_id = minted.token.system_auth_id
        request = csr(world, system_auth_id)
        first = await world.enroll(minted.secret.text, None, request)
        fetched = [await world.enrollment.mint_for_holder(first) for _ in range(2)]
        await world.enroll(fetched[0].secret.text, None, request)
        with pytest.raises(QuotaExceeded):
            await world.enroll(fetched[1].secret.text, None, request)
        world.time += timedelta(seconds=20)
        handed = await world.hand_over(realm, entity, system_auth_id=system_auth_id)
        await world.enroll(handed.secret.text, None, request)

    run(scenario())


class CountedStore(MemoryStore):
    """Counts the transactions that could write."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0

    async def transaction(self, function: Any, *, alone: bool = True) -> Any:
        self.begun += 1
        return await super().transaction(function, alone=alone)


def test_a_refusal_stands_without_a_transaction_for_two_seconds() -> None:
    """A holder at its limits begins one transaction in two seconds by each of them, however often it asks: by its
    certificate or by a token, which is not spent and loses none of its own refusals. The time to wait goes down.
    """
    store = CountedStore()
    world = World(store, quotas=Quotas(tokens_a_minute=2, certificates_a_day=2))

    async def scenario() -> None:
        first, request = await enrolled(world)
        world.time += MINUTE
        fetched = [(await world.enrollment.mint_for_holder(first)).secret.text for _ in range(2)]
        await world.renew(first.fingerprint, request)
        asked = (
            lambda: world.enrollment.mint_for_holder(first),
            lambda: world.configure(fetched[0], None),
            lambda: world.enroll(fetched[1], None, request),
            lambda: world.renew(first.fingerprint, request),
        )
        for ask in (*asked, *asked):  # each limit is met, and each kind of refusal is recorded once
            with pytest.raises(LimitReached):
                await ask()

        store.begun = 0
        world.time += REFUSED_FOR / 2
        for ask in asked * 25:
            with pytest.raises(LimitReached) as caught:
                await ask()
        assert store.begun == 0
        assert caught.value.retry_after == (first.issued_at + DAY - world.time).total_seconds()

        world.time += REFUSED_FOR / 2
        for ask in asked * 25:
            with pytest.raises(LimitReached):
                await ask()
        assert store.begun == 2
        tokens = await world.store.read(lambda tx: tx.tokens.list(TokenFilter(first.tenant_id)))
        assert [each.refusals for each in tokens if each.certificate is not None] == [0, 0]
        world.time += MINUTE
        await world.configure(fetched[0], None)

    run(scenario())


def test_refused_renewals_are_looked_at_so_often_a_minute() -> None:
    """Then none is, a good one neither; what is refused so takes nothing from the next minute's share. The audit has
    one row at once, and one for the rest at the end of the minute.
    """
    world = World(MemoryStore(), quotas=Quotas(refusals_a_minute=2))

    async def scenario() -> None:
        first, request = await enrolled(world)
        wrong = csr(world, "somebody-else")
        for _ in range(2):
            with pytest.raises(CSRSubjectMismatch):
                await world.renew(first.fingerprint, wrong)
        for _ in range(50):
            with pytest.raises(RateLimited) as caught:
                await world.renew(first.fingerprint, request)
        assert (caught.value.limit, caught.value.retry_after) == (Limit.REFUSALS_A_MINUTE, 30)
        world.time += timedelta(seconds=30)
        await world.renew(first.fingerprint, request)

        await world.enrollment.refusals.flush(world.store)
        events = await world.store.read(lambda tx: audited(tx, Action.CERTIFICATE_REFUSED))
        assert sorted((each.reason, each.times) for each in events) == [
            ("csr_subject_mismatch", 1),
            ("csr_subject_mismatch", 1),
            ("rate_limited", 1),
            ("rate_limited", 49),
        ]

    run(scenario())


def test_a_tenant_has_so_many_of_each() -> None:
    """Applications, runtimes, unspent tokens, good certificates: what an administrator adds beyond is refused, with the
    setting to raise, and another tenant's share is its own.
    """
    world = World(
        MemoryStore(), quotas=Quotas(tenant_applications=2, tenant_runtimes=1, tenant_tokens=2, tenant_certificates=1)
    )

    async def scenario() -> None:
        acme, other = await world.tenant("acme"), await world.tenant("other")
        shop = await world.register(acme, "one")
        await world.register(acme, "two")
        await world.register(acme, "one", EntityKind.RUNTIME)
        for kind, limit in (
            (EntityKind.APPLICATION, Limit.TENANT_APPLICATIONS),
            (EntityKind.RUNTIME, Limit.TENANT_RUNTIMES),
        ):
            with pytest.raises(QuotaExceeded, match=limit.value) as caught:
                await world.register(acme, "three", kind)
            assert caught.value.retry_after is None
        await world.register(other, "three")
        minted = [await world.hand_over(acme, shop) for _ in range(2)]
        with pytest.raises(QuotaExceeded, match=Limit.TENANT_TOKENS.value):
            await world.hand_over(acme, shop)
        await world.enroll(minted[0].secret.text, None, csr(world, minted[0].token.system_auth_id))
        with pytest.raises(QuotaExceeded, match=Limit.TENANT_CERTIFICATES.value):
            await world.hand_over(acme, shop)
        used = await world.office(acme).read(world.enrollment.allowances.used_by_tenant)
        assert {each.limit: each.number for each in used} == {
            Limit.TENANT_APPLICATIONS: 2,
            Limit.TENANT_RUNTIMES: 1,
            Limit.TENANT_TOKENS: 1,
            Limit.TENANT_CERTIFICATES: 1,
        }

    run(scenario())


DAILY, GOOD, TOKENS, REFUSED = 4, 6, 3, 2


class QuotasOfAHolder(RuleBasedStateMachine):
    """A holder renews, renews wrongly, fetches tokens, and waits; a plain model says what is granted."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = Runner()
        quotas = Quotas(certificates_a_day=DAILY, certificates=GOOD, tokens_a_minute=TOKENS, refusals_a_minute=REFUSED)
        self.world = World(MemoryStore(), quotas=quotas)
        self.issued: list[tuple[datetime, datetime]] = []
        self.minted: list[datetime] = []
        self.left, self.since = float(REFUSED), self.world.time
        self.exceeded: datetime | None = None

    @initialize()
    def enroll(self) -> None:
        """The first certificate, by an administrator's token."""
        self.first, self.request = self.runner.run(enrolled(self.world))
        self.wrong = csr(self.world, "somebody-else")
        self.issued.append((self.world.time, self.first.not_after))
        self.minted.append(self.world.time)

    def answer(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What comes of a call: a result, or a refusal."""
        try:
            return self.runner.run(call)
        except Refusal as refusal:
            return refusal

    def attempts_left(self) -> float:
        """The model's bucket of refused attempts, as it is now."""
        passed = (self.world.time - self.since).total_seconds()
        return min(self.left + passed * REFUSED / 60, float(REFUSED))

    def refuse(self) -> None:
        """A refused attempt counts."""
        self.left, self.since = self.attempts_left() - 1, self.world.time

    @rule()
    def renew(self) -> None:
        """A renewal is granted while there is room for it in the day, among the good ones, and for attempts."""
        now = self.world.time
        of_the_day = [at for at, _ in self.issued if at > now - DAY]
        good = [ends for _, ends in self.issued if ends >= now]
        answer = self.answer(self.world.renew(self.first.fingerprint, self.request))
        if self.attempts_left() < 1:
            assert isinstance(answer, RateLimited)
        elif len(of_the_day) >= DAILY or len(good) >= GOOD:
            assert isinstance(answer, QuotaExceeded)
            assert answer.retry_after is not None
            self.exceeded = now
            self.refuse()
        else:
            assert isinstance(answer, Certificate)
            self.issued.append((now, answer.not_after))

    @rule()
    def renew_wrongly(self) -> None:
        """A wrong CSR is judged while there is room for attempts, unless a renewal was refused a moment ago."""
        answer = self.answer(self.world.renew(self.first.fingerprint, self.wrong))
        if self.attempts_left() < 1:
            assert isinstance(answer, RateLimited)
        else:
            assert isinstance(answer, QuotaExceeded if self.exceeded == self.world.time else CSRSubjectMismatch)
            self.refuse()

    @rule()
    def fetch_a_token(self) -> None:
        """A token is minted while there is room for it in the minute."""
        now = self.world.time
        answer = self.answer(self.world.enrollment.mint_for_holder(self.first))
        if len([at for at in self.minted if at > now - MINUTE]) >= TOKENS:
            assert isinstance(answer, RateLimited)
        else:
            assert not isinstance(answer, LimitReached)
            self.minted.append(now)

    @rule(pause=st.sampled_from([REFUSED_FOR, timedelta(seconds=7), MINUTE, timedelta(hours=5), DAY]))
    def wait(self, pause: timedelta) -> None:
        """Time goes on, while the first certificate is good."""
        if self.world.time + pause < self.first.not_after:
            self.world.time += pause

    def teardown(self) -> None:
        """Let go of the loop."""
        self.runner.close()


TestQuotasOfAHolder = QuotasOfAHolder.TestCase
TestQuotasOfAHolder.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
