"""What an external system does on its own: ask for its configuration and the next token, and for certificates."""

from dataclasses import dataclass, field
from datetime import datetime

from connector.domain import certificates as inventory
from connector.domain import tokens
from connector.domain.certificates import Certificate
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.quotas import LimitReached
from connector.domain.tokens import Minted, OneTimeToken, Terms, TokenPolicy, TokenType
from connector.pki.profile import Profiles
from connector.ports.transaction import Clock, MakeID, Random, Store, Transaction
from connector.usecases import renewal
from connector.usecases.admission import Admission, CertificateRequest, Credential, PresentedToken, redeem
from connector.usecases.events import name, token_minted, token_spent
from connector.usecases.issuers import Issuers
from connector.usecases.issuing import Issuing
from connector.usecases.quotas import TOKEN_LIMITS, Allowances
from connector.usecases.refusals import Refusals
from connector.usecases.renewal import RenewalPolicy, Window
from connector.usecases.signing import Signing


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """What is issued for which CSRs, how long tokens live, and when certificates are renewed."""

    profiles: Profiles
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
    issuers: Issuers
    policy: EnrollmentPolicy
    clock: Clock
    random: Random
    make_id: MakeID
    signing: Signing = field(default_factory=Signing)
    refusals: Refusals = field(default_factory=Refusals)
    allowances: Allowances = field(default_factory=Allowances)

    async def configure(self, credential: PresentedToken) -> Configuration:
        """Spend the token, and mint the next one under the same system auth and terms.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            RateLimited: the system auth was given too many tokens within a minute; this one is not spent.
            StorageUnavailable: nothing was done.
        """
        now, admission = self.clock(), self._admission
        token = await admission.token(credential, now=now)
        minted = self._mint(token, now=now)

        def exchange(tx: Transaction) -> None:
            redeem(tx, token, now=now)
            self.allowances.admit_token(tx, token.system_auth_id, now=now)
            tx.tokens.add(minted.token)
            tx.audit.append(token_spent(token, now=now), token_minted(minted.token))

        try:
            self.allowances.refuse_again(token.system_auth_id, TOKEN_LIMITS, now=now)
            await self.store.transaction(exchange, alone=False)
        except (Unauthenticated, LimitReached) as refusal:
            await admission.note_token(token, refusal, now=now)
            raise
        return Configuration(self.subject_text(token.system_auth_id), minted)

    async def describe(self, credential: PresentedToken) -> str:
        """The subject for a CSR under this token, which is not spent: no other is handed out for it.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            StorageUnavailable: the token cannot be looked up.
        """
        return self.subject_text((await self.token(credential)).system_auth_id)

    async def token(self, credential: PresentedToken) -> OneTimeToken:
        """The token that somebody presents, which is not spent; raises as :meth:`describe` does."""
        return await self._admission.token(credential, now=self.clock())

    async def note_token(self, token: OneTimeToken, refusal: Refusal) -> None:
        """Record that the token was refused."""
        await self._admission.note_token(token, refusal, now=self.clock())

    async def mint_for_holder(self, holder: Certificate) -> Minted:
        """A short-lived token for the holder of a certificate.

        It leaves the tokens that an administrator handed out alone, and ends when the certificate is revoked.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
            RateLimited: the system auth was given too many tokens within a minute.
            StorageUnavailable: nothing was done.
        """
        now = self.clock()

        def mint(tx: Transaction) -> Minted:
            certificate = inventory.check(tx.inventory.find(holder.fingerprint), now=now)
            self.allowances.admit_token(tx, certificate.system_auth_id, now=now)
            minted = self._mint(certificate, now=now)
            tx.tokens.add(minted.token)
            tx.audit.append(token_minted(minted.token))
            return minted

        try:
            self.allowances.refuse_again(holder.system_auth_id, TOKEN_LIMITS, now=now)
            return await self.store.transaction(mint, alone=False)
        except LimitReached as refusal:
            await self._admission.note_holder(holder, refusal, now=now)
            raise

    async def sign(self, credential: Credential, request: CertificateRequest) -> Certificate:
        """The certificate for a CSR, by whatever credential.

        A CSR that is refused spends no token, but is counted against it. A certificate that is renewed stays good
        until it expires or is revoked. Under an Idempotency-Key the same is answered again, if the reply was lost.

        Raises:
            Unauthenticated: the credential is not good; its kind says why.
            BadCSR: the CSR cannot be granted.
            StepTaken: the Idempotency-Key came before with another CSR.
            RateLimited, QuotaExceeded: a limit of the system auth is met. No repeat of a step is refused for that.
            InvalidData: a certificate was said to be expired, and is not.
            ProfileUnknown, SignerUnavailable, StorageUnavailable: nothing was done.
        """
        now = self.clock()
        grant = await self._admission.admit(credential, request, now=now)
        issuing = Issuing(self.store, self.issuers, self.policy.profiles, self.random, self.signing)
        return await issuing.issue(grant, request, now=now)

    def window(self, certificate: Certificate) -> Window:
        """When the holder of this certificate is to renew it."""
        return renewal.window(certificate, issuer=self.issuers.current.fingerprint, policy=self.policy.renewal)

    def subject_text(self, system_auth_id: str) -> str:
        """The subject that a CSR under this system auth must have, in the form that clients split."""
        return self.policy.profiles.default.csr.subject.text(system_auth_id)

    async def identify(self, fingerprint: bytes) -> Certificate:
        """The certificate with which somebody calls, found by its fingerprint, never by its subject.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        return await self._admission.certificate(fingerprint, now=self.clock())

    @property
    def _admission(self) -> Admission:
        most_refusals = self.policy.tokens.refusals
        return Admission(self.store, self.policy.renewal, most_refusals, self.refusals, self.allowances)

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
