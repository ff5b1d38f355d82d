"""Configure, enroll, renew: from a token or a certificate to the next certificate.

The order is the same each time: find out who calls (one read), check the CSR, sign in memory, then one transaction that
spends the token and records the certificate. What was never stored was never issued.
"""

from asyncio import to_thread
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest

from connector.domain import certificates as inventory
from connector.domain import steps, tokens
from connector.domain.audit import Action
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
from connector.domain.tokens import Minted, OneTimeToken, Terms, TokenPolicy, TokenType
from connector.pki.csr import verify
from connector.pki.holders import Holder
from connector.pki.issuer import SERIAL_OCTETS, Issued, Issuer, serial_number
from connector.pki.profile import Profile
from connector.ports.transaction import Clock, MakeID, Random, Store, Transaction
from connector.usecases import renewal
from connector.usecases.events import certificate_event, name, token_minted, token_spent
from connector.usecases.quotas import Allowances
from connector.usecases.refusals import Refusals
from connector.usecases.renewal import RenewalPolicy, Window

EVER = datetime.min.replace(tzinfo=UTC)

# A CSR for a P-256 key has some 600 characters and costs 0.2 ms; one for RSA cannot have fewer than 1100, and costs up
# to 7 (decision 0015). Whatever else is long may be slow to read.
LONG_CSR = 1000


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """What is issued for which CSRs, how long tokens live, and when certificates are renewed."""

    profile: Profile
    tokens: TokenPolicy
    renewal: RenewalPolicy = field(default_factory=RenewalPolicy)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a system needs to make its CSR, the subject as text, and the next token."""

    subject: str
    minted: Minted


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What an external system does on its own, by token or by certificate."""

    store: Store
    issuer: Issuer
    policy: EnrollmentPolicy
    clock: Clock
    random: Random
    make_id: MakeID
    refusals: Refusals = field(default_factory=Refusals)
    allowances: Allowances = field(default_factory=Allowances)

    async def configure(self, text: str, source: str | None) -> Configuration:
        """Spend the token, and mint the next one under the same system auth and terms.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            RateLimited: the system auth was given too many tokens within a minute; this one is not spent.
            StorageUnavailable: nothing was done.
        """
        now = self.clock()
        token = await self._admit(text, source, now=now)
        minted = self._mint(token, now=now)

        def exchange(tx: Transaction) -> None:
            _redeem(tx, token, now=now)
            self.allowances.admit_token(tx, token.system_auth_id, now=now)
            tx.tokens.add(minted.token)
            tx.audit.append(token_spent(token, now=now), token_minted(minted.token))

        try:
            await self.store.transaction(exchange, alone=False)
        except (Unauthenticated, LimitReached) as refusal:
            await self._record_refusal(token, refusal, now=now)
            raise
        return Configuration(self.subject_text(token.system_auth_id), minted)

    async def describe(self, text: str, source: str | None) -> str:
        """The subject for a CSR under this token, which is not spent: no other is handed out for it.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            StorageUnavailable: the token cannot be looked up.
        """
        return self.subject_text((await self._admit(text, source, now=self.clock())).system_auth_id)

    async def mint_beside(self, fingerprint: bytes) -> Minted:
        """A short-lived token for the holder of a certificate.

        It leaves the tokens that an administrator handed out alone, and ends when the certificate is revoked.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
            RateLimited: the system auth was given too many tokens within a minute.
            StorageUnavailable: nothing was done.
        """
        now = self.clock()

        def mint(tx: Transaction) -> Minted:
            certificate = inventory.check(tx.inventory.find(fingerprint), now=now)
            self.allowances.admit_token(tx, certificate.system_auth_id, now=now)
            minted = self._mint(certificate, now=now)
            tx.tokens.add(minted.token)
            tx.audit.append(token_minted(minted.token))
            return minted

        try:
            return await self.store.transaction(mint, alone=False)
        except LimitReached as refusal:
            await self._record_holders_refusal(await self.identify(fingerprint), refusal, now=now)
            raise

    async def enroll(self, text: str, source: str | None, csr: str, key: str | None = None) -> Issued:
        """Redeem the token for a certificate. A refused CSR does not spend the token, but is counted against it.

        With a ``key`` (Idempotency-Key) the same is answered again for ten minutes, if the reply should have been lost.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            BadCSR: the CSR cannot be granted; the token can be used again, until it has been refused too often.
            StepTaken, CertificateRevoked: the key came before with another CSR, or what it brought is good no more.
            QuotaExceeded: a holder's token, whose system auth has, or was issued, as many certificates as it may.
            StorageUnavailable: nothing was done.
        """
        now = self.clock()
        presented = tokens.digest(text)
        step = None if key is None else steps.step(presented, key, csr)
        token = await self._find_token(presented)
        try:
            try:
                tokens.check(token, presented, now=now)
                tokens.check_source(token, source)
                return await self._redeem_for(token, csr, step, now=now)
            except TokenSpent as spent:
                tokens.check_source(token, source)
                return await self._again(step, spent, now=now, since=now - TOKEN_REPLAY)
        except (BadCSR, StepTaken, Unauthenticated, LimitReached) as refusal:
            await self._record_refusal(token, refusal, now=now)
            raise

    async def renew(self, fingerprint: bytes, csr: str, key: str | None = None) -> Issued:
        """Issue the next certificate to the holder of one. The former stays good until it expires or is revoked.

        With a ``key`` (Idempotency-Key) the same is answered again for as long as the former is good.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
            BadCSR: the CSR cannot be granted.
            StepTaken: the key came before with another CSR.
            RateLimited, QuotaExceeded: a limit of the system auth is met. No repeat of a step is refused for that.
            StorageUnavailable: nothing was done.
        """
        now = self.clock()
        step = None if key is None else steps.step(fingerprint, key, csr)
        former = await self.identify(fingerprint)
        try:
            try:
                return await self._succeed(former, csr, step, now=now)
            except (StepTaken, LimitReached) as refusal:
                return await self._again(step, refusal, now=now)
        except (BadCSR, LimitReached) as refusal:
            self.allowances.refused(former.system_auth_id, now=now)
            await self._record_holders_refusal(former, refusal, now=now)
            raise

    async def renew_lapsed(self, fingerprint: bytes, csr: str, proof: str, key: str | None = None) -> Issued:
        """Issue the next certificate to the holder of one that has expired, where the policy allows that.

        ``proof`` is base64 of the old key's signature over :func:`renewal.lapsed_statement`. It names the certificate
        and the CSR, so that who repeats it gets at most the same answer: a certificate for a key that is the holder's.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: it may not be renewed, or not any more.
            ProofRefused: the proof is not by that certificate's key.
            BadCSR, StepTaken, StorageUnavailable: as for a renewal in time.
        """
        now, policy = self.clock(), self.policy.renewal
        step = None if key is None else steps.step(fingerprint, key, csr)
        found = await self.store.read(lambda tx: tx.inventory.find(fingerprint), single=True)
        former = renewal.check_lapsed(found, policy=policy, now=now)
        renewal.check_proof(former, proof, csr)
        try:
            issued = await self._signed(csr, former, now=now)
        except BadCSR as refusal:
            await self._record_holders_refusal(former, refusal, now=now)
            raise
        certificate = replace(_record(issued, former, self.issuer, step, now=now), lapsed_at=former.not_after)
        event = certificate_event(
            Action.CERTIFICATE_RENEWED, certificate, actor=former, at=now, reason=CertificateExpired.code
        )

        def succeed(tx: Transaction) -> None:
            if step is not None and tx.inventory.of_step(step.name) is not None:
                raise StepTaken
            current = renewal.check_lapsed(tx.inventory.find(fingerprint), policy=policy, now=now)
            renewal.check_graces(tx, current, policy=policy, now=now)
            tx.inventory.supersede(current, now=now)
            tx.inventory.add(certificate)
            tx.audit.append(event)

        try:
            await self.store.transaction(succeed)
        except StepTaken as taken:
            return await self._again(step, taken, now=now)
        return issued

    def window(self, certificate: Certificate) -> Window:
        """When the holder of this certificate is to renew it."""
        return renewal.window(certificate, issuer=self.issuer.fingerprint, policy=self.policy.renewal)

    def subject_text(self, system_auth_id: str) -> str:
        """The subject that a CSR under this system auth must have, in the form that clients split."""
        return self.policy.profile.csr.subject.text(system_auth_id)

    async def identify(self, fingerprint: bytes) -> Certificate:
        """The certificate with which somebody calls, found by its fingerprint, never by its subject.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        found = await self.store.read(lambda tx: tx.inventory.find(fingerprint), single=True)
        return inventory.check(found, now=self.clock())

    async def _find_token(self, presented: bytes) -> OneTimeToken:
        token = await self.store.read(lambda tx: tx.tokens.find(presented), single=True)
        if token is None:
            raise TokenUnknown
        return token

    async def _redeem_for(self, token: OneTimeToken, csr: str, step: Step | None, *, now: datetime) -> Issued:
        issued = await self._signed(csr, token, now=now)
        certificate = _record(issued, token, self.issuer, step, now=now)
        event = certificate_event(Action.CERTIFICATE_ISSUED, certificate, actor=token, at=now)

        def redeem(tx: Transaction) -> None:
            _redeem(tx, token, now=now)
            if token.certificate is not None:  # fetched by a holder: an administrator's tokens lead to one each
                self.allowances.admit_certificate(tx, token.system_auth_id, now=now)
            tx.inventory.add(certificate)
            tx.audit.append(token_spent(token, now=now), event)

        await self.store.transaction(redeem, alone=False)
        return issued

    async def _again(self, step: Step | None, refusal: Refusal, *, now: datetime, since: datetime = EVER) -> Issued:
        """What the step brought, if it was taken since then; else the refusal stands.

        Raises:
            StepTaken: it was taken with another CSR.
            CertificateRevoked, CertificateExpired: what it brought is good no more.
        """
        found = None if step is None else await self.store.read(lambda tx: tx.inventory.of_step(step.name), single=True)
        if step is None or found is None or found.issued_at < since:
            raise refusal
        if not compare_digest(found.request or b"", step.request):
            raise StepTaken
        inventory.check(found, now=now)
        return Issued(
            der=found.der,
            serial=int(found.serial, 16),
            fingerprint=found.fingerprint,
            key=found.key,
            not_before=found.not_before,
            not_after=found.not_after,
        )

    async def _succeed(self, former: Certificate, csr: str, step: Step | None, *, now: datetime) -> Issued:
        self.allowances.admit_attempt(former.system_auth_id, now=now)
        issued = await self._signed(csr, former, now=now)
        certificate = _record(issued, former, self.issuer, step, now=now)
        event = certificate_event(Action.CERTIFICATE_RENEWED, certificate, actor=former, at=now)

        def succeed(tx: Transaction) -> None:
            # The exact certificate that was presented, as it is now: revoked in between means refused.
            current = inventory.check(tx.inventory.find(former.fingerprint), now=now)
            self.allowances.admit_certificate(tx, current.system_auth_id, now=now)
            tx.inventory.supersede(current, now=now)
            tx.inventory.add(certificate)
            tx.audit.append(event)

        await self.store.transaction(succeed, alone=False)
        return issued

    async def _admit(self, text: str, source: str | None, *, now: datetime) -> OneTimeToken:
        presented = tokens.digest(text)
        token = await self._find_token(presented)
        try:
            tokens.check(token, presented, now=now)
            tokens.check_source(token, source)
        except Unauthenticated as refusal:
            await self._record_refusal(token, refusal, now=now)
            raise
        return token

    async def _signed(self, csr: str, owner: OneTimeToken | Certificate, *, now: datetime) -> Issued:
        """What comes of :meth:`_sign`. What may take milliseconds is done in a thread, so that nobody else waits."""
        if len(csr) < LONG_CSR and not self.issuer.is_slow:
            return self._sign(csr, owner, now=now)
        return await to_thread(self._sign, csr, owner, now=now)

    def _sign(self, csr: str, owner: OneTimeToken | Certificate, *, now: datetime) -> Issued:
        profile = self.policy.profile
        request = verify(csr, policy=profile.csr, common_name=owner.system_auth_id)
        if isinstance(owner, OneTimeToken) and owner.key is not None:
            tokens.check_key(owner, sha256(request.spki).digest())
        serial = serial_number(self.random(SERIAL_OCTETS), now=now)
        plan = profile.plan(request, _holder(owner), authority=self.issuer.authority, serial=serial, now=now)
        return Issued.of(plan, self.issuer.sign(plan))

    def _mint(self, owner: OneTimeToken | Certificate, *, now: datetime) -> Minted:
        """The next token for a bearer, or one for a holder. What hangs on a certificate stays short-lived."""
        if isinstance(owner, OneTimeToken):
            token_type, certificate, terms = owner.type, owner.certificate, owner.terms
        else:
            token_type, certificate, terms = TokenType(owner.owner_kind), owner.fingerprint, Terms()
        policy = self.policy.tokens
        return tokens.mint(
            self.random(tokens.SECRET_OCTETS),
            id=self.make_id(),
            type=token_type,
            system_auth_id=owner.system_auth_id,
            owner_id=owner.owner_id,
            tenant_id=owner.tenant_id,
            minted_by=name(owner),
            now=now,
            lifetime=policy.lifetimes[token_type] if certificate is None else policy.renewal_lifetime,
            certificate=certificate,
            terms=terms,
        )

    async def _record_refusal(self, token: OneTimeToken, refusal: Refusal, *, now: datetime) -> None:
        await self.refusals.record(self.store, token, refusal, most=self.policy.tokens.refusals, now=now)

    async def _record_holders_refusal(self, holder: Certificate, refusal: Refusal, *, now: datetime) -> None:
        event = certificate_event(Action.CERTIFICATE_REFUSED, holder, actor=holder, reason=refusal.code, at=now)
        await self.refusals.record_event(self.store, event)


def _redeem(tx: Transaction, token: OneTimeToken, *, now: datetime) -> None:
    """Spend the token; one that was fetched with a certificate only while that certificate is good."""
    tx.tokens.redeem(token, now=now)
    if token.certificate is not None:
        inventory.check(tx.inventory.find(token.certificate), now=now)


def _holder(owner: OneTimeToken | Certificate) -> Holder:
    kind = owner.type if isinstance(owner, OneTimeToken) else owner.owner_kind
    return Holder(owner.tenant_id, owner.owner_id, kind.value.lower(), owner.system_auth_id)


def _record(
    issued: Issued, owner: OneTimeToken | Certificate, issuer: Issuer, step: Step | None, *, now: datetime
) -> Certificate:
    return Certificate(
        serial=f"{issued.serial:x}",
        fingerprint=issued.fingerprint,
        issuer=issuer.fingerprint,
        key=issued.key,
        system_auth_id=owner.system_auth_id,
        owner_id=owner.owner_id,
        owner_kind=EntityKind(owner.type) if isinstance(owner, OneTimeToken) else owner.owner_kind,
        tenant_id=owner.tenant_id,
        not_before=issued.not_before,
        not_after=issued.not_after,
        issued_at=now,
        der=issued.der,
        step=None if step is None else step.name,
        request=None if step is None else step.request,
    )
