"""Admission: from a credential to a grant, the right to one certificate.

Each kind of credential has one way in here, and nothing else makes a grant. A grant says all that it allows;
:mod:`connector.usecases.issuing` asks nothing about where it came from.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from connector.domain import certificates as inventory
from connector.domain import steps, tokens
from connector.domain.audit import Action, Event, event
from connector.domain.certificates import Certificate
from connector.domain.directory import Identity
from connector.domain.principals import PresentedCertificate, PresentedToken
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.certificates import CertificateExpired
from connector.domain.refusals.csr import BadCSR
from connector.domain.refusals.quotas import LimitReached
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSpent, TokenUnknown
from connector.domain.steps import TOKEN_REPLAY, Step
from connector.domain.tokens import OneTimeToken
from connector.ports.transaction import Store, Transaction
from connector.usecases import renewal
from connector.usecases.quotas import CERTIFICATE_LIMITS, Allowances
from connector.usecases.refusals import Refusals
from connector.usecases.renewal import RenewalPolicy
from connector.usecases.sightings import Sightings

EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LapsedCertificate:
    """An expired certificate, named by its fingerprint, and its key's signature.

    What is signed names the certificate and the CSR (:func:`connector.usecases.renewal.lapsed_statement`).
    """

    fingerprint: bytes
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A CSR as it was sent, in the encoding of the door through which it came.

    ``read`` gives its DER, or raises a BadCSR. ``key`` is the client's Idempotency-Key.
    """

    sent: bytes = field(repr=False)
    read: Callable[[bytes], bytes] = field(repr=False)
    key: str | None = None

    def step(self, credential: bytes) -> Step | None:
        """The step that the holder of a credential takes by it; None where the client did not name one."""
        return None if self.key is None else steps.step(credential, self.key, self.sent)


Credential = PresentedToken | PresentedCertificate | LapsedCertificate


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to one certificate, granted ``at`` one moment.

    ``identity`` is whom it will stand for, ``key`` the SHA-256 of the one key (its SPKI) that it is bound to, if any.
    ``by`` is who acts, for the audit; ``action`` and ``reason`` say what is done.
    ``spend`` uses the credential up. It runs in the transaction that records the certificate, which runs alone if
    ``alone``; it returns what else is to be recorded, or raises a refusal.
    ``step`` is the one under the client's Idempotency-Key; what it brought since ``replays_since`` is given again.
    ``barred`` is why nothing new can be had, for instance because the credential was used before.
    ``note_refusal`` records why there is no certificate.
    """

    at: datetime
    identity: Identity
    by: OneTimeToken | Certificate
    action: Action
    spend: Callable[[Transaction], tuple[Event, ...]] = field(repr=False)
    note_refusal: Callable[[Refusal], Awaitable[None]] = field(repr=False)
    key: bytes | None = None
    reason: str | None = None
    lapsed_at: datetime | None = None
    alone: bool = False
    step: Step | None = None
    replays_since: datetime = EVER
    barred: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Turns a caller's credential into a grant. It is made for one call, and ``now`` is the moment of that."""

    store: Store
    now: datetime
    renewal: RenewalPolicy
    most_refusals: int
    refusals: Refusals = field(default_factory=Refusals)
    allowances: Allowances = field(default_factory=Allowances)
    sightings: Sightings = field(default_factory=Sightings)

    async def admit(self, credential: Credential, request: CertificateRequest) -> Grant:
        """The grant that the credential brings.

        Raises:
            Unauthenticated: it brings none; its kind says why.
            InvalidData: a certificate was said to be expired, and is not.
            StorageUnavailable: it cannot be looked up.
        """
        match credential:
            case PresentedToken():
                return await self._by_token(credential, request)
            case PresentedCertificate():
                return await self._by_certificate(credential, request)
            case LapsedCertificate():
                return await self._by_lapsed(credential, request)

    async def token(self, credential: PresentedToken) -> OneTimeToken:
        """The token, if it may be redeemed now, and from there. A refusal is recorded.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
        """
        digest = tokens.digest(credential.text)
        found = await self._find_token(digest)
        try:
            tokens.check(found, digest, now=self.now)
            tokens.check_source(found, credential.source)
        except Unauthenticated as refusal:
            await self.note_token(found, refusal)
            raise
        return found

    async def recognize(self, credential: PresentedToken, key: str | None) -> OneTimeToken:
        """The token, as :meth:`token` finds it. With a ``key`` (Idempotency-Key) one that was spent is as good, for as
        long as its result is answered again.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
        """
        if key is not None:
            found = await self._find_token(tokens.digest(credential.text))
            if found.spent_at is not None and self.now - found.spent_at <= TOKEN_REPLAY:
                tokens.check_source(found, credential.source)
                return found
        return await self.token(credential)

    async def certificate(self, fingerprint: bytes) -> Certificate:
        """The certificate with this fingerprint. It is never looked for by its subject.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        found = inventory.check(await self._find_certificate(fingerprint), now=self.now)
        self.sightings.see(fingerprint, now=self.now)
        return found

    async def note_holder(self, holder: Certificate, refusal: Refusal) -> None:
        """Record that the holder of a certificate was refused."""
        refused = event(Action.CERTIFICATE_REFUSED, holder, at=self.now, actor=holder.actor, reason=refusal.code)
        await self.refusals.record_event(self.store, refused)

    async def note_token(self, token: OneTimeToken, refusal: Refusal) -> None:
        """Record that the token was refused."""
        await self.refusals.record(self.store, token, refusal, most=self.most_refusals, now=self.now)

    async def _by_token(self, credential: PresentedToken, request: CertificateRequest) -> Grant:
        digest = tokens.digest(credential.text)
        token = await self._find_token(digest)
        barred: Refusal | None = None
        if token.certificate is not None:
            barred = self.allowances.standing(token.system_auth_id, CERTIFICATE_LIMITS, now=self.now)
        try:
            try:
                tokens.check(token, digest, now=self.now)
            except TokenSpent as refusal:
                barred = refusal
            tokens.check_source(token, credential.source)
        except Unauthenticated as refusal:
            await self.note_token(token, refusal)
            raise

        def spend(tx: Transaction) -> tuple[Event, ...]:
            spent = redeem(tx, token)
            if token.certificate is not None:  # fetched by a holder: an administrator's tokens lead to one each
                self.allowances.admit_certificate(tx, token.system_auth_id)
            return (spent,)

        return Grant(
            at=self.now,
            identity=token.identity,
            by=token,
            action=Action.CERTIFICATE_ISSUED,
            spend=spend,
            note_refusal=lambda refusal: self.note_token(token, refusal),
            key=token.key,
            step=request.step(digest),
            replays_since=self.now - TOKEN_REPLAY,
            barred=barred,
        )

    async def _by_certificate(self, credential: PresentedCertificate, request: CertificateRequest) -> Grant:
        former = await self.certificate(credential.fingerprint)
        barred = self.allowances.standing(former.system_auth_id, CERTIFICATE_LIMITS, now=self.now)
        try:
            self.allowances.admit_attempt(former.system_auth_id, now=self.now)
        except LimitReached as refusal:
            barred = refusal

        async def note_refusal(refusal: Refusal) -> None:
            if isinstance(refusal, BadCSR | LimitReached):
                self.allowances.refused(former.system_auth_id, now=self.now)
                await self.note_holder(former, refusal)

        def spend(tx: Transaction) -> tuple[Event, ...]:
            # The exact certificate that was presented, as it is now: revoked in between means refused.
            current = inventory.check(tx.inventory.find(former.fingerprint), now=tx.now)
            self.allowances.admit_certificate(tx, current.system_auth_id)
            tx.inventory.supersede(current, now=tx.now)
            return ()

        step = request.step(former.fingerprint)
        return self._renewing(former)(spend=spend, note_refusal=note_refusal, step=step, barred=barred)

    async def _by_lapsed(self, credential: LapsedCertificate, request: CertificateRequest) -> Grant:
        policy = self.renewal
        found = await self._find_certificate(credential.fingerprint)
        former = renewal.check_lapsed(found, policy=policy, now=self.now)
        renewal.check_proof(former, credential.proof, request.sent)
        step = request.step(former.fingerprint)

        def spend(tx: Transaction) -> tuple[Event, ...]:
            if step is not None and tx.inventory.of_step(step.name) is not None:
                raise StepTaken
            current = renewal.check_lapsed(tx.inventory.find(former.fingerprint), policy=policy, now=tx.now)
            renewal.check_graces(tx, current, policy=policy)
            tx.inventory.supersede(current, now=tx.now)
            return ()

        async def note_refusal(refusal: Refusal) -> None:
            if isinstance(refusal, BadCSR):
                await self.note_holder(former, refusal)

        return self._renewing(former)(
            spend=spend,
            note_refusal=note_refusal,
            reason=CertificateExpired.code,
            lapsed_at=former.not_after,
            alone=True,
            step=step,
        )

    def _renewing(self, former: Certificate) -> partial[Grant]:
        """The grant of a renewal by the former certificate, but for how it is spent."""
        return partial(Grant, at=self.now, identity=former.identity, by=former, action=Action.CERTIFICATE_RENEWED)

    async def _find_token(self, digest: bytes) -> OneTimeToken:
        token = await self.store.read(lambda tx: tx.tokens.find(digest), single=True)
        if token is None:
            raise TokenUnknown
        return token

    async def _find_certificate(self, fingerprint: bytes) -> Certificate | None:
        return await self.store.read(lambda tx: tx.inventory.find(fingerprint), single=True)


def redeem(tx: Transaction, token: OneTimeToken) -> Event:
    """Spend the token, and return the event; one that was fetched with a certificate only while that is good."""
    tx.tokens.redeem(token, now=tx.now)
    if token.certificate is not None:
        inventory.check(tx.inventory.find(token.certificate), now=tx.now)
    return event(Action.TOKEN_SPENT, token, at=tx.now, actor=token.actor)
