"""The records taken over from another installation."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.imports import AdoptedHolder, AdoptedIssuer, Kind, Progress, Taken


class Imports(Protocol):
    """Notes of what was taken, adopted CAs, and revocations of certificates that may never have come in."""

    def note(self, *taken: Taken) -> None:
        """Note that these were taken. One that is noted stays as it is."""

    def taken(self, kind: Kind, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that were taken, whether or not the records are still there."""

    def all_taken(self, kind: Kind, *, after: str, most: int) -> Sequence[Taken]:
        """The records of that kind, by id: those after that id, ``most`` at most."""

    def issuers(self) -> Sequence[AdoptedIssuer]:
        """The adopted CAs, by the time of adoption, then by fingerprint."""

    def adopt(self, issuer: AdoptedIssuer) -> None:
        """Record an adopted CA. Raises NotUniqueName when it is recorded."""

    def end(self, fingerprint: bytes, *, now: datetime) -> None:
        """End an adopted CA, unless it has ended or is not recorded."""

    def revoke(self, fingerprints: Collection[bytes], *, now: datetime) -> Collection[bytes]:
        """Record that certificates with these fingerprints were revoked; returns those that were not recorded yet."""

    def revoked_at(self, fingerprint: bytes) -> datetime | None:
        """When the revocation of the certificate with this fingerprint was recorded."""

    def progress(self, *, now: datetime) -> Progress:
        """How far the system auths are that were taken and are still there. It looks at each."""

    def holders(self, *, after: str, most: int) -> Sequence[AdoptedHolder]:
        """Those that have not renewed yet, by id: those after that id, ``most`` at most."""
