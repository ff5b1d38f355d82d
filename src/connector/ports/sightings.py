"""When the holders of certificates were last seen."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol


class SightingRecords(Protocol):
    """The newest moment at which each certificate was seen. It stands apart from the inventory: it is written often."""

    def see(self, seen: Mapping[bytes, datetime]) -> None:
        """Record when the certificates with these fingerprints were seen; a later moment that is recorded stays. To be
        called in a transaction that runs alone.
        """

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, datetime]:
        """When each was last seen; those that never were are left out."""
