"""The use cases of an external system: ask for its configuration and the next token, and for certificates."""

from dataclasses import dataclass, field

from connector.domain import certificates as inventory
from connector.domain import tokens
from connector.domain.audit import Action, Event, event
from connector.domain.certificates import Certificate
from connector.domain.origins import Origin
from connector.domain.principals import PresentedToken
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.quotas import LimitReached
from connector.domain.tokens import NO_TERMS, Minted, OneTimeToken, TokenPolicy, TokenType
from connector.pki.profile import Profiles
from connector.ports.transaction import Clock, Random, Store, Transaction
from connector.usecases import renewal
from connector.usecases.admission import Admission, CertificateRequest, Credential, redeem
from connector.usecases.issuers import Issuers
from connector.usecases.issuing import Issuing
from connector.usecases.quotas import TOKEN_LIMITS, Allowances
from connector.usecases.refusals import Refusals
from connector.usecases.renewal import RenewalPolicy, Window
from connector.usecases.sightings import Sightings
from connector.usecases.signing import Signing


@dataclass(frozen=True, slots=True)
class EnrollmentPolicy:
    """What is issued for which CSRs, how long tokens live, and when certificates are renewed."""

    profiles: Profiles
    tokens: TokenPolicy
    renewal: RenewalPolicy = field(default_factory=RenewalPolicy)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The subject for a system's CSR, as text, and the next token."""

    subject: str
    minted: Minted


@dataclass(frozen=True, slots=True)
class Enrollment:
    """The use cases of an external system, by token or by certificate."""

    store: Store
    issuers: Issuers
    policy: EnrollmentPolicy
    clock: Clock
    random: Random
    signing: Signing = field(default_factory=Signing)
    refusals: Refusals = field(default_factory=Refusals)
    allowances: Allowances = field(default_factory=Allowances)
    sightings: Sightings = field(default_factory=Sightings)

    async def configure(self, credential: PresentedToken) -> Configuration:
        """Spend the token, and mint the next one under the same system auth and terms.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            RateLimited: the system auth was given too many tokens within a minute; this one is not spent.
            StorageUnavailable: nothing was done.
        """
        admission = self._admission
        token = await admission.token(credential)

        def exchange(tx: Transaction) -> Minted:
            return self._mint(tx, token, redeem(tx, token))

        try:
            self.allowances.refuse_again(token.system_auth_id, TOKEN_LIMITS, now=admission.now)
            minted = await self.store.transaction(exchange, alone=False)
        except (Unauthenticated, LimitReached) as refusal:
            await admission.note_token(token, refusal)
            raise
        return Configuration(self.subject_text(token.system_auth_id), minted)

    async def describe(self, credential: PresentedToken, key: str | None = None) -> str:
        """The subject for a CSR under this token, which is not spent: no other is handed out for it.

        With a ``key`` (Idempotency-Key) a spent token is as good, for as long as its result is answered again.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            StorageUnavailable: the token cannot be looked up.
        """
        return self.subject_text((await self._admission.recognize(credential, key)).system_auth_id)

    async def token(self, credential: PresentedToken) -> OneTimeToken:
        """The token that somebody presents, which is not spent; raises as :meth:`describe` does."""
        return await self._admission.token(credential)

    async def spend(self, credential: PresentedToken) -> OneTimeToken:
        """Spend the token for itself alone; of several that present it at once, one wins.

        Raises:
            TokenUnknown, TokenSpent, TokenExpired, TokenWithdrawn, TokenSourceRefused: the token is not good.
            StorageUnavailable: it is not known whether it is.
        """
        admission = self._admission
        token = await admission.token(credential)
        try:
            await self.store.transaction(lambda tx: tx.audit.append(redeem(tx, token)), alone=False)
        except Unauthenticated as refusal:
            await admission.note_token(token, refusal)
            raise
        return token

    async def mint_for_holder(self, holder: Certificate) -> Minted:
        """A short-lived token for the holder of a certificate.

        It leaves the tokens that an administrator handed out alone, and ends when the certificate is revoked.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
            RateLimited: the system auth was given too many tokens within a minute.
            StorageUnavailable: nothing was done.
        """
        admission = self._admission

        def mint(tx: Transaction) -> Minted:
            return self._mint(tx, inventory.check(tx.inventory.find(holder.fingerprint), now=tx.now))

        try:
            self.allowances.refuse_again(holder.system_auth_id, TOKEN_LIMITS, now=admission.now)
            return await self.store.transaction(mint, alone=False)
        except LimitReached as refusal:
            await admission.note_holder(holder, refusal)
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
        grant = await self._admission.admit(credential, request)
        issuing = Issuing(self.store, self.issuers, self.policy.profiles, self.random, self.signing)
        return await issuing.issue(grant, request)

    def chain(self, certificate: Certificate) -> tuple[bytes, ...]:
        """The certificates above this one, without the trust anchor; each is DER."""
        return self.issuers.chain(certificate.issuer)

    async def prove_signer(self) -> None:
        """Return if the issuer could sign now.

        Raises:
            SignerUnavailable: it could not.
        """
        await self.signing.prove(self.issuers.signing)

    def window(self, certificate: Certificate) -> Window:
        """When the holder of this certificate is to renew it."""
        return renewal.window(certificate, issuer=self.issuers.current.fingerprint, policy=self.policy.renewal)

    @property
    def profiles(self) -> Profiles:
        """The profiles of certificates that may be issued."""
        return self.policy.profiles

    def subject_text(self, system_auth_id: str) -> str:
        """The subject that a CSR under this system auth must have, in the form that clients split."""
        return self.policy.profiles.default.csr.subject.text(system_auth_id)

    async def identify(self, fingerprint: bytes) -> Certificate:
        """The certificate with which somebody calls, found by its fingerprint, never by its subject.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        """
        return await self._admission.certificate(fingerprint)

    @property
    def _admission(self) -> Admission:
        """Admission for one call, at the moment of now."""
        return Admission(
            self.store,
            self.clock(),
            self.policy.renewal,
            self.policy.tokens.refusals,
            self.refusals,
            self.allowances,
            self.sightings,
        )

    def _mint(self, tx: Transaction, owner: OneTimeToken | Certificate, *before: Event) -> Minted:
        """Record the next token of a bearer, or one for a holder. Tokens that hang on a certificate are short-lived."""
        self.allowances.admit_token(tx, owner.system_auth_id)
        if isinstance(owner, OneTimeToken):
            certificate, terms = owner.certificate, owner.terms
        else:
            certificate, terms = owner.fingerprint, NO_TERMS
        identity, policy = owner.identity, self.policy.tokens
        minted = tokens.mint(
            tx.random(tokens.SECRET_OCTETS),
            Origin(tx.new_id(), tx.now, owner.actor),
            identity,
            lifetime=policy.lifetimes[TokenType(identity.kind)] if certificate is None else policy.renewal_lifetime,
            certificate=certificate,
            terms=terms,
        )
        tx.tokens.add(minted.token)
        tx.audit.append(*before, event(Action.TOKEN_MINTED, minted.token, at=tx.now, actor=owner.actor))
        return minted
