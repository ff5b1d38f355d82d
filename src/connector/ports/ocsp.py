"""What OCSP needs of the inventory."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from connector.domain.ocsp import CertificateStatus


class Statuses(Protocol):
    """The statuses of issued certificates."""

    def find(self, serials: Collection[str]) -> Mapping[str, Sequence[CertificateStatus]]:
        """The certificates with these serial numbers, one for each issuer that gave it; unknown ones are left out.

        They are read by the index, never from a cache; on PostgreSQL by one statement.
        """
