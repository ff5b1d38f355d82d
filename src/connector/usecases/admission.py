"""Admission: from a credential to a grant, the right to one certificate.

Each kind of credential has one way in here, and nothing else makes a grant. What a grant allows is all said in it;
:mod:`connector.usecases.issuing` asks nothing about where it came from.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from connector.domain import certificates as inventory
from connector.domain import steps, tokens
from connector.domain.audit import Action, Event
from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.certificates import CertificateExpired
from connector.domain.refusals.csr import BadCSR
from connector.domain.refusals.quotas import LimitReached
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSpent, TokenUnknown
from connector.domain.steps import TOKEN_REPLAY, Step
from connector.domain.tokens import OneTimeToken
from connector.pki.holders import Holder
from connector.ports.transaction import Store, Transaction
from connector.usecases import renewal
from connector.usecases.events import certificate_event, token_spent
from connector.usecases.quotas import CERTIFICATE_LIMITS, Allowances
from connector.usecases.refusals import Refusals
from connector.usecases.renewal import RenewalPolicy

EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A one-time token, and the address from which it was presented."""

    text: str = field(repr=False)
    source: str | None


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A client certificate that was presented on a TLS connection, by its fingerprint."""

    fingerprint: bytes


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
    """The right to one certificate.

    ``holder`` is whose it will be, and ``key`` the SHA-256 of the one key (its SPKI) that it is bound to, if any.
    ``by`` is who acts, for the audit; ``action`` and ``reason`` say what is done.
    ``spend`` uses the credential up. It runs in the transaction that records the certificate, which runs alone if
    ``alone``; it returns what else is to be recorded, or raises a refusal.
    ``step`` is the one under the client's Idempotency-Key; what it brought since ``replays_since`` is given again.
    ``barred`` is why nothing new can be had, for instance because the credential was used before.
    ``note_refusal`` records why no certificate came of it.
    """

    holder: Holder
    owner_kind: EntityKind
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
    """Turns credentials into grants."""

    store: Store
    renewal: RenewalPolicy
    most_refusals: int
    refusals: Refusals = field(default_factory=Refusals)
    allowances: Allowances = field(default_factory=Allowances)

    async def admit(self, credential: Credential, request: CertificateRequest, *, now: datetime) -> Grant:
        """The grant that the credential brings.

        Raises:
            Unauthenticated: it brings none; its kind says why.
            InvalidData: a certificate was said to be expired, and is not.
            StorageUnavailable: it cannot be looked up.
        """
        match credential:
            case PresentedToken():
                return await self._by_token(credential, request, now=now)
            case PresentedCertificate():
                return await self._by_certificate(credential, request, now=now)
            case LapsedCertificate():
                return await self._by_lapsed(credential, request, now=now)

    async def token(self, credential: PresentedToken, *, now: datetime) -> OneTimeToken:
        """The token, if it may be redeemed now, and from there. A refusal is recorded.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
        """
        presented = tokens.digest(credential.text)
        found = await self._find_token(presented)
        try:
            tokens.check(found, presented, now=now)
            tokens.check_source(found, credential.source)
        except Unauthenticated as refusal:
            await self.note_token(found, refusal, now=now)
            raise
        return found

    async def certificate(self, fingerprint: bytes, *, now: datetime) -> Certificate:
        """The certificate with this fingerprint. It is never looked for by its subject.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        return inventory.check(await self._find_certificate(fingerprint), now=now)

    async def note_holder(self, holder: Certificate, refusal: Refusal, *, now: datetime) -> None:
        """Record that the holder of a certificate was refused."""
        event = certificate_event(Action.CERTIFICATE_REFUSED, holder, actor=holder, reason=refusal.code, at=now)
        await self.refusals.record_event(self.store, event)

    async def note_token(self, token: OneTimeToken, refusal: Refusal, *, now: datetime) -> None:
        """Record that the token was refused."""
        await self.refusals.record(self.store, token, refusal, most=self.most_refusals, now=now)

    async def _by_token(self, credential: PresentedToken, request: CertificateRequest, *, now: datetime) -> Grant:
        presented = tokens.digest(credential.text)
        token = await self._find_token(presented)
        barred: Refusal | None = None
        if token.certificate is not None:
            barred = self.allowances.standing(token.system_auth_id, CERTIFICATE_LIMITS, now=now)
        try:
            try:
                tokens.check(token, presented, now=now)
            except TokenSpent as refusal:
                barred = refusal
            tokens.check_source(token, credential.source)
        except Unauthenticated as refusal:
            await self.note_token(token, refusal, now=now)
            raise

        def spend(tx: Transaction) -> tuple[Event, ...]:
            redeem(tx, token, now=now)
            if token.certificate is not None:  # fetched by a holder: an administrator's tokens lead to one each
                self.allowances.admit_certificate(tx, token.system_auth_id, now=now)
            return (token_spent(token, now=now),)

        return Grant(
            holder=_holder(token, token.type.value),
            owner_kind=EntityKind(token.type.value),
            by=token,
            action=Action.CERTIFICATE_ISSUED,
            spend=spend,
            note_refusal=lambda refusal: self.note_token(token, refusal, now=now),
            key=token.key,
            step=request.step(presented),
            replays_since=now - TOKEN_REPLAY,
            barred=barred,
        )

    async def _by_certificate(
        self, credential: PresentedCertificate, request: CertificateRequest, *, now: datetime
    ) -> Grant:
        former = await self.certificate(credential.fingerprint, now=now)
        barred = self.allowances.standing(former.system_auth_id, CERTIFICATE_LIMITS, now=now)
        try:
            self.allowances.admit_attempt(former.system_auth_id, now=now)
        except LimitReached as refusal:
            barred = refusal

        async def note_refusal(refusal: Refusal) -> None:
            if isinstance(refusal, BadCSR | LimitReached):
                self.allowances.refused(former.system_auth_id, now=now)
                await self.note_holder(former, refusal, now=now)

        def spend(tx: Transaction) -> tuple[Event, ...]:
            # The exact certificate that was presented, as it is now: revoked in between means refused.
            current = inventory.check(tx.inventory.find(former.fingerprint), now=now)
            self.allowances.admit_certificate(tx, current.system_auth_id, now=now)
            tx.inventory.supersede(current, now=now)
            return ()

        return replace(_renewing(former, request, spend, note_refusal), barred=barred)

    async def _by_lapsed(self, credential: LapsedCertificate, request: CertificateRequest, *, now: datetime) -> Grant:
        policy = self.renewal
        found = await self._find_certificate(credential.fingerprint)
        former = renewal.check_lapsed(found, policy=policy, now=now)
        renewal.check_proof(former, credential.proof, request.sent)
        step = request.step(former.fingerprint)

        def spend(tx: Transaction) -> tuple[Event, ...]:
            if step is not None and tx.inventory.of_step(step.name) is not None:
                raise StepTaken
            current = renewal.check_lapsed(tx.inventory.find(former.fingerprint), policy=policy, now=now)
            renewal.check_graces(tx, current, policy=policy, now=now)
            tx.inventory.supersede(current, now=now)
            return ()

        async def note_refusal(refusal: Refusal) -> None:
            if isinstance(refusal, BadCSR):
                await self.note_holder(former, refusal, now=now)

        grant = _renewing(former, request, spend, note_refusal)
        return replace(grant, alone=True, lapsed_at=former.not_after, reason=CertificateExpired.code)

    async def _find_token(self, presented: bytes) -> OneTimeToken:
        token = await self.store.read(lambda tx: tx.tokens.find(presented), single=True)
        if token is None:
            raise TokenUnknown
        return token

    async def _find_certificate(self, fingerprint: bytes) -> Certificate | None:
        return await self.store.read(lambda tx: tx.inventory.find(fingerprint), single=True)


def redeem(tx: Transaction, token: OneTimeToken, *, now: datetime) -> None:
    """Spend the token; one that was fetched with a certificate only while that certificate is good."""
    tx.tokens.redeem(token, now=now)
    if token.certificate is not None:
        inventory.check(tx.inventory.find(token.certificate), now=now)


def _renewing(
    former: Certificate,
    request: CertificateRequest,
    spend: Callable[[Transaction], tuple[Event, ...]],
    note_refusal: Callable[[Refusal], Awaitable[None]],
) -> Grant:
    return Grant(
        holder=_holder(former, former.owner_kind.value),
        owner_kind=former.owner_kind,
        by=former,
        action=Action.CERTIFICATE_RENEWED,
        spend=spend,
        note_refusal=note_refusal,
        step=request.step(former.fingerprint),
    )


def _holder(owner: OneTimeToken | Certificate, kind: str) -> Holder:
    return Holder(owner.tenant_id, owner.owner_id, kind.lower(), owner.system_auth_id)
