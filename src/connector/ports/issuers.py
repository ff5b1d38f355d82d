"""The records of issuers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.issuers import IssuerRecord, IssuerState


class IssuerRecords(Protocol):
    """The issuers. All replicas have the same records; each holds the keys that are in its own data directory."""

    def add(self, record: IssuerRecord) -> None:
        """Record an issuer. Raises NotUniqueName when it is there."""

    def list(self) -> Sequence[IssuerRecord]:
        """All of them, in the order of their times of recording, then of their fingerprints."""

    def change(self, fingerprint: bytes, state: IssuerState, *, now: datetime) -> None:
        """Give the issuer another state. One that is not recorded is passed over."""
