"""Subjects: what a gateway needs to know about the holder of a certificate, and the verdict on it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from connector.domain.directory import EntityKind
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown
from connector.domain.refusals.gateways import ApplicationMismatch, KindMismatch, TenantMismatch


@dataclass(frozen=True, slots=True)
class Owner:
    """The application or runtime behind a system auth. ``tenant`` is the external id of its tenant."""

    system_auth_id: str
    id: str
    kind: EntityKind
    name: str
    tenant_id: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Subject:
    """An issued certificate and its owner, which is None once it is unregistered. ``issuer`` is a fingerprint."""

    fingerprint: bytes
    issuer: bytes
    not_after: datetime
    revoked_at: datetime | None
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The holders of good certificates who may pass. A field that is None admits any value.

    ``tenant`` is an external id, ``application`` the id of an application.
    """

    tenant: str | None = None
    kind: EntityKind | None = None
    application: str | None = None

    def check(self, owner: Owner) -> None:
        """Return if this owner may pass.

        Raises:
            TenantMismatch, KindMismatch, ApplicationMismatch: it may not.
        """
        if self.tenant is not None and owner.tenant != self.tenant:
            raise TenantMismatch
        if self.kind is not None and owner.kind is not self.kind:
            raise KindMismatch
        if self.application is not None and (owner.kind, owner.id) != (EntityKind.APPLICATION, self.application):
            raise ApplicationMismatch


def check(subject: Subject | None, *, issuers: Collection[bytes], now: datetime) -> Owner:
    """The owner, if the certificate is good at ``now``. ``issuers`` are the fingerprints of those that are trusted. The
    rule is that of :func:`connector.domain.certificates.check`, for what a gateway shows.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: it is not.
    """
    if subject is None:
        raise CertificateUnknown
    if subject.revoked_at is not None:
        raise CertificateRevoked
    if now > subject.not_after:  # RFC 5280 4.1.2.5: both ends inclusive
        raise CertificateExpired
    if subject.owner is None or subject.issuer not in issuers:
        raise CertificateUnknown
    return subject.owner
