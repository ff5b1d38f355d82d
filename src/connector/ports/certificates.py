"""Issued certificates, and the roots under which they are issued."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.certificates import Certificate, CertificateState, RevocationReason, Standing, TrustAnchor
from connector.domain.overview import CertificateTally

NO_TENANT = ""


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates: one tenant's, those that fit every other field that is given. Without a tenant none fits.

    ``expires_from`` and ``expires_to`` are inclusive ends for ``not_after``; ``text`` is the beginning of a serial
    number or fingerprint in lower-case hexadecimal, a system auth's id, or a part of the owner's name; ``issuer`` is a
    fingerprint; ``state`` is that at ``now``, which is given with it; ``lapsed`` asks for those that were renewed after
    an expiry, or not.
    """

    tenant_id: str = NO_TENANT
    serial: str | None = None
    fingerprint: bytes | None = None
    system_auth_id: str | None = None
    owner_id: str | None = None
    issuer: bytes | None = None
    state: CertificateState | None = None
    now: datetime | None = None
    expires_from: datetime | None = None
    expires_to: datetime | None = None
    text: str | None = None
    lapsed: bool | None = None


class Inventory(Protocol):
    """Issued certificates."""

    def add(self, certificate: Certificate) -> None:
        """Record an issued certificate. Its fingerprint, and its serial number under its issuer, are unique.

        Raises StepTaken when there is one of the same step; of two at once, one wins.
        """

    def find(self, fingerprint: bytes) -> Certificate | None:
        """The certificate with this fingerprint, in whatever state: one indexed read, never cached."""

    def of_step(self, step: bytes) -> Certificate | None:
        """The certificate that this step brought, in whatever state."""

    def of_serial(self, serial: str) -> Sequence[Certificate]:
        """The certificates of any tenant with this serial number, one for each issuer that gave it; newest first."""

    def list(
        self, which: CertificateFilter, *, after: tuple[datetime, bytes] | None = None, most: int | None = None
    ) -> Sequence[Certificate]:
        """The certificates that fit, newest first: those after that time of issue and fingerprint, ``most`` at most."""

    def count(self, which: CertificateFilter) -> int:
        """How many fit."""

    def standings(self, tenant_id: str, owner_ids: Collection[str], *, now: datetime) -> Mapping[str, Standing]:
        """How these owners stand; those that never had a certificate are left out."""

    def tally(self, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
        """How many of the tenant's there are in each state; expiring are those issued that end by ``soon``."""

    def expiring_by_day(self, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
        """The number of unrevoked and current ones by the day on which they end; days without are left out."""

    def certified(self, tenant_id: str, system_auth_ids: Collection[str]) -> frozenset[str]:
        """Those of the system auths under which a certificate was ever issued."""

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        """Mark the certificate as superseded, unless it is already."""

    def ask_renewal(self, which: CertificateFilter, *, now: datetime) -> Sequence[Certificate]:
        """Note that the holders of the certificates that fit are asked to renew; return those, newest first.

        The first time stays; those that were asked before are not returned.
        """

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        """Revoke the certificates that fit and are not revoked, and return those as they are then, newest first.

        The first revocation's time and reason stay; of two at once, one record is made.
        """


class TrustAnchors(Protocol):
    """The roots under which certificates are issued. All replicas have the same."""

    def add(self, anchor: TrustAnchor) -> None:
        """Record a root. Raises NotUniqueName when it is there."""

    def list(self) -> Sequence[TrustAnchor]:
        """The roots, by fingerprint."""
