"""Certificates: issued, superseded, revoked, expired."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector.domain.directory import EntityKind, Identity
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown


class CertificateState(StrEnum):
    """issued → superseded → expired, and from each of the first two → revoked. Superseded ones still authenticate."""

    ISSUED = "issued"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class RevocationReason(StrEnum):
    """The reason codes (RFC 5280 5.3.1) that fit an end-entity certificate, by their names there."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A root under which certificates are issued. ``fingerprint`` is the SHA-256 of ``der``."""

    fingerprint: bytes
    der: bytes = field(repr=False)
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Certificate:
    """The record of one issued certificate; there is exactly one for each that left us.

    ``serial`` is lower-case hex; ``fingerprint`` the SHA-256 of ``der``; ``issuer`` the issuer's fingerprint;
    ``key`` the SHA-256 of the SPKI. ``step`` and ``request`` say which step it comes from, where its holder named one
    (:mod:`connector.domain.steps`); ``renewal_asked_at`` when an operator asked for its renewal; ``lapsed_at`` when its
    predecessor expired, where it was renewed after that.
    """

    serial: str
    fingerprint: bytes
    issuer: bytes
    key: bytes
    system_auth_id: str
    owner_id: str
    owner_kind: EntityKind
    tenant_id: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    der: bytes = field(repr=False)
    superseded_at: datetime | None = None
    revoked_at: datetime | None = None
    revocation_reason: RevocationReason | None = None
    step: bytes | None = None
    request: bytes | None = None
    renewal_asked_at: datetime | None = None
    lapsed_at: datetime | None = None

    @property
    def identity(self) -> Identity:
        """Whom it stands for."""
        return Identity(self.tenant_id, self.owner_id, self.owner_kind, self.system_auth_id)

    @property
    def actor(self) -> str:
        """How the audit names the holder."""
        return f"certificate:{self.serial}"

    def state(self, *, now: datetime) -> CertificateState:
        """The state at ``now``. Revoked stays revoked after expiry."""
        if self.revoked_at is not None:
            return CertificateState.REVOKED
        if now > self.not_after:  # RFC 5280 4.1.2.5: both ends inclusive
            return CertificateState.EXPIRED
        return CertificateState.ISSUED if self.superseded_at is None else CertificateState.SUPERSEDED


class Condition(StrEnum):
    """How an owner stands: it never had a certificate, has a good one, or has none that is good any more."""

    INITIAL = "INITIAL"
    CONNECTED = "CONNECTED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Standing:
    """An owner's condition, and since when."""

    condition: Condition
    since: datetime


def normalized_serial(text: str) -> str:
    """The serial number as it is kept, from how openssl and browsers show it."""
    return text.replace(":", "").lower().lstrip("0")


def check(certificate: Certificate | None, *, now: datetime) -> Certificate:
    """The certificate, if its holder may act with it at ``now``. For gateways the same rule is
    :func:`connector.domain.subjects.check`.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: why not.
    """
    if certificate is None:
        raise CertificateUnknown
    state = certificate.state(now=now)
    if state is CertificateState.REVOKED:
        raise CertificateRevoked
    if state is CertificateState.EXPIRED:
        raise CertificateExpired
    return certificate
