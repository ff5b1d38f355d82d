"""Verdicts: whether the holder of a certificate may pass a gateway, and who it is.

Nothing is cached: each verdict is read after it was asked for, so that a revocation holds from the next request on.
"""

from dataclasses import dataclass, field

from connector.domain import subjects
from connector.domain.subjects import Narrowing, Owner, Subject
from connector.ports.transaction import Clock, Store
from connector.usecases.issuers import Issuers
from connector.usecases.sightings import Sightings
from connector.usecases.together import Together


@dataclass(frozen=True, slots=True)
class Verdict:
    """A certificate that is good, and its owner."""

    subject: Subject
    owner: Owner


@dataclass(slots=True)
class Verdicts:
    """Gives verdicts."""

    store: Store
    issuers: Issuers
    clock: Clock
    sightings: Sightings = field(default_factory=Sightings, repr=False)
    _subjects: Together[bytes, Subject] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._subjects = Together(self.store, lambda tx, fingerprints: tx.subjects.find(fingerprints))

    async def of(self, fingerprint: bytes, narrowing: Narrowing) -> Verdict:
        """The verdict on the holder of the certificate with this fingerprint.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the certificate is not good.
            TenantMismatch, KindMismatch, ApplicationMismatch: its owner is not among those that may pass.
            StorageUnavailable: it cannot be looked up.
        """
        subject, now = await self.find(fingerprint), self.clock()
        owner = subjects.check(subject, issuers=self.issuers.good, now=now)
        self.sightings.see(fingerprint, now=now)
        narrowing.check(owner)
        assert subject is not None  # noqa: S101 - for the type: an unknown one was refused
        return Verdict(subject, owner)

    def judge(self, subject: Subject | None) -> Owner:
        """The owner of the certificate that was found.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the certificate is not good.
        """
        return subjects.check(subject, issuers=self.issuers.good, now=self.clock())

    async def find(self, fingerprint: bytes) -> Subject | None:
        """The certificate with this fingerprint, in whatever state it is; None if there is none in the inventory.

        Raises:
            StorageUnavailable: it cannot be looked up.
        """
        return await self._subjects.find(fingerprint)
