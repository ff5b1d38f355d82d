"""OCSP: who answers for which issuer, and what the answer is read from.

Nothing is signed beforehand. Each answer is read after it was asked for, so that it knows every revocation until then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509

from connector.domain.ocsp import RESPONDER_VALIDITY, CertificateStatus, Period, is_responder_due, period
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.refusals.ocsp import OCSPIssuerUnknown
from connector.pki.crl import scope_of
from connector.pki.issuer import SERIAL_OCTETS, serial_number
from connector.pki.ocsp import IssuerID, Responder, issuer_ids, read_request
from connector.pki.profile import plan_responder
from connector.pki.signatures import encoded_key
from connector.pki.signer import KeySigner
from connector.ports.transaction import Clock, Random, Store
from connector.usecases.crls import Scope, Scopes
from connector.usecases.issuers import Issuers
from connector.usecases.signing import Signing
from connector.usecases.together import Together


class Responders:
    """The responders of the issuers whose keys this process has. A root has none: its key may have been put away."""

    def __init__(self, issuers: Issuers, clock: Clock, random: Random) -> None:
        """There is none yet."""
        self._clock = clock
        self._random = random
        self._signing = Signing()
        by_end = sorted(issuers.held, key=lambda issuer: issuer.authority.last)
        self._issuers = {scope_of(issuer.authority): issuer for issuer in by_end}
        self._responders: dict[bytes, Responder] = {}
        self._scopes = Scopes(issuers)
        self._read: Mapping[bytes, Scope] = {}
        self._known: Mapping[IssuerID, Scope] = {}

    @property
    def due(self) -> Sequence[Scope]:
        """The scopes whose responder is missing, or should be replaced."""
        return [scope for scope in self._scopes.current.values() if scope.issuers and self._is_due(scope)]

    async def make(self, scope: Scope) -> Responder:
        """Make the next responder of a scope that is due, and let it answer from now on.

        Raises:
            SignerUnavailable: the issuer's signer is away. The former responder answers until its end.
        """
        issuer, signer, now = self._issuers[scope.id], KeySigner.generate("p256"), self._clock()
        plan = plan_responder(
            encoded_key(signer.public_key),
            authority=issuer.authority,
            validity=RESPONDER_VALIDITY,
            serial=serial_number(self._random(SERIAL_OCTETS), now=now),
            now=now,
        )
        certificate = x509.load_der_x509_certificate(await self._signing.sign(issuer, plan))
        made = self._responders[scope.id] = Responder(certificate, signer)
        return made

    def find(self, wanted: IssuerID) -> tuple[Scope, Responder]:
        """The scope that a request means, and its responder.

        Raises:
            OCSPIssuerUnknown: there is no such scope, or its key is not here.
            SignerUnavailable: there is no valid responder at the moment.
        """
        scope = self._by_id.get(wanted)
        if scope is None or scope.id not in self._issuers:
            raise OCSPIssuerUnknown
        responder = self._responders.get(scope.id)
        if responder is None or not responder.first <= self._clock() <= responder.last:
            raise SignerUnavailable
        return scope, responder

    @property
    def _by_id(self) -> Mapping[IssuerID, Scope]:
        scopes = self._scopes.current
        if scopes is not self._read:
            issuing = [scope for scope in scopes.values() if scope.issuers]
            self._known = {each: scope for scope in issuing for each in issuer_ids(scope.authority)}
            self._read = scopes
        return self._known

    def _is_due(self, scope: Scope) -> bool:
        issuer, responder, now = self._issuers.get(scope.id), self._responders.get(scope.id), self._clock()
        if issuer is None or not issuer.authority.first <= now <= issuer.authority.last:
            return False
        if responder is None:
            return True
        return is_responder_due(responder.first, responder.last, end=issuer.authority.last, now=now)


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed answer (its DER). ``is_lasting`` says whether others may be given it too: it repeats no nonce, and is
    about a certificate that is recorded.
    """

    octets: bytes = field(repr=False)
    period: Period
    is_lasting: bool


@dataclass(slots=True)
class OCSP:
    """Answers requests. An answer holds for ``validity``."""

    store: Store
    responders: Responders
    clock: Clock
    validity: timedelta
    _statuses: Together[str, Sequence[CertificateStatus]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._statuses = Together(self.store, lambda tx, serials: tx.statuses.find(serials))

    async def answer(self, octets: bytes) -> Answer:
        """The answer to a request (its DER).

        Raises:
            OCSPRequestMalformed: it cannot be read.
            OCSPIssuerUnknown: its issuer is none for which this process speaks.
            SignerUnavailable, StorageUnavailable: it cannot be answered now.
        """
        request = read_request(octets)
        scope, responder = self.responders.find(request.issuer)
        held = period(now=self.clock(), validity=self.validity, last=responder.last)
        found = await self._statuses.find(f"{request.serial:x}") or ()
        # Two certificates of one CA may have given the same serial number: a revocation counts for both.
        ours = [each for each in found if each.issuer in scope.issuers]
        status = min(ours, key=lambda each: each.revoked_at is None, default=None)
        signed = responder.answer(request, status, held)
        return Answer(signed, held, is_lasting=status is not None and request.nonce is None)
