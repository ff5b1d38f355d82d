"""Issuing: from a grant and a CSR to a certificate that is recorded. There is no other way to a certificate.

The order is the same for every grant: read and check the CSR, plan the certificate, sign it, check what was signed, and
then one transaction that spends the credential and records certificate and audit. The loser of a race is refused there,
and its signed octets are dropped: a certificate that was never stored was never issued.
"""

from asyncio import to_thread
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

from connector.domain import certificates as inventory
from connector.domain.audit import event
from connector.domain.certificates import Certificate
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.csr import BadCSR, CSRKeyNotBound
from connector.domain.refusals.issuers import ProfileUnknown
from connector.domain.refusals.quotas import LimitReached
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.tokens import TokenSpent
from connector.domain.tokens import OneTimeToken
from connector.pki.csr import verify
from connector.pki.issuer import SERIAL_OCTETS, Issuer, serial_number
from connector.pki.plan import Plan
from connector.pki.profile import Profile, Profiles
from connector.ports.transaction import Random, Store, Transaction
from connector.usecases.admission import CertificateRequest, Grant
from connector.usecases.issuers import Issuers
from connector.usecases.signing import Signing

# As base64 of PEM, a CSR for a P-256 key has some 600 characters and costs 0.2 ms; one for RSA cannot have fewer than
# 1100, and costs up to 7 (decision 0015). Any other long text may be slow to read.
LONG_CSR = 1000


@dataclass(frozen=True, slots=True)
class Issuing:
    """Plans, signs, checks and records certificates."""

    store: Store
    issuers: Issuers
    profiles: Profiles
    random: Random
    signing: Signing = field(default_factory=Signing)

    async def issue(self, grant: Grant, request: CertificateRequest) -> Certificate:
        """The certificate that the grant allows, recorded; or, for a step that was taken before, what it brought.

        Raises:
            BadCSR: the CSR cannot be granted; nothing was spent.
            TokenSpent: the credential was used before.
            StepTaken, CertificateRevoked: the step came before with another CSR, or what it brought is good no more.
            Unauthenticated: the credential is no longer good.
            LimitReached: a limit of the system auth is met.
            ProfileUnknown, SignerUnavailable, StorageUnavailable: nothing was done.
        """
        try:
            try:
                return await self._issue(grant, request)
            except (TokenSpent, StepTaken, LimitReached) as refusal:
                return await self._again(grant, refusal)
        except (BadCSR, StepTaken, Unauthenticated, LimitReached) as refusal:
            await grant.note_refusal(refusal)
            raise

    async def _issue(self, grant: Grant, request: CertificateRequest) -> Certificate:
        if grant.barred is not None:
            raise grant.barred
        # One issuer and one profile from beginning to end, even if these change meanwhile.
        issuer, profile = self.issuers.signing, await self._profile(grant)

        def plan() -> Plan:
            return self._plan(grant, request, issuer, profile)

        planned = plan() if len(request.sent) < LONG_CSR else await to_thread(plan)
        certificate = _record(grant, planned, await self.signing.sign(issuer, planned), issuer)

        token_id = grant.by.id if isinstance(grant.by, OneTimeToken) else None

        def record(tx: Transaction) -> None:
            events = grant.spend(tx)
            tx.inventory.add(certificate)
            issued = event(
                grant.action, certificate, at=tx.now, actor=grant.by.actor, reason=grant.reason, token_id=token_id
            )
            tx.audit.append(*events, issued)

        await self.store.transaction(record, alone=grant.alone)
        return certificate

    async def _profile(self, grant: Grant) -> Profile:
        """The one that was chosen for the holder or for its tenant. If only one is set up, the database is not asked:
        the server would not have started if another one had been chosen.

        Raises:
            ProfileUnknown: it is not set up here.
        """
        if len(self.profiles.names) == 1:
            return self.profiles.default
        whom = grant.identity
        chosen = await self.store.read(
            lambda tx: tx.directory(whom.tenant_id).profile(whom.kind, whom.owner_id), single=True
        )
        profile = self.profiles.named(chosen)
        if profile is None:
            raise ProfileUnknown
        return profile

    def _plan(self, grant: Grant, request: CertificateRequest, issuer: Issuer, profile: Profile) -> Plan:
        verified = verify(request.read(request.sent), policy=profile.csr, common_name=grant.identity.system_auth_id)
        if grant.key is not None and not compare_digest(grant.key, sha256(verified.spki).digest()):
            raise CSRKeyNotBound
        serial = serial_number(self.random(SERIAL_OCTETS), now=grant.at)
        return profile.plan(verified, grant.identity, authority=issuer.authority, serial=serial, now=grant.at)

    async def _again(self, grant: Grant, refusal: Refusal) -> Certificate:
        """The certificate of the grant's step, if it was taken lately enough; else the refusal stands.

        Raises:
            StepTaken: it was taken with another CSR.
            CertificateRevoked, CertificateExpired: what it brought is good no more.
        """
        step = grant.step
        if step is None:
            raise refusal
        name = step.name
        found = await self.store.read(lambda tx: tx.inventory.of_step(name), single=True)
        if found is None or found.issued_at < grant.replays_since:
            raise refusal
        if not compare_digest(found.request or b"", step.request):
            raise StepTaken
        return inventory.check(found, now=grant.at)


def _record(grant: Grant, plan: Plan, der: bytes, issuer: Issuer) -> Certificate:
    whom, step = grant.identity, grant.step
    return Certificate(
        serial=f"{plan.serial:x}",
        fingerprint=sha256(der).digest(),
        issuer=issuer.fingerprint,
        key=sha256(plan.spki).digest(),
        system_auth_id=whom.system_auth_id,
        owner_id=whom.owner_id,
        owner_kind=whom.kind,
        tenant_id=whom.tenant_id,
        not_before=plan.not_before,
        not_after=plan.not_after,
        issued_at=grant.at,
        der=der,
        step=None if step is None else step.name,
        request=None if step is None else step.request,
        lapsed_at=grant.lapsed_at,
    )
