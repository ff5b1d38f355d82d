"""Certificates and their owners, as gateways ask about them."""

from collections.abc import Collection, Mapping
from typing import Protocol

from connector.domain.subjects import Owner, Subject


class Subjects(Protocol):
    """Certificates and their owners, in any tenant."""

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, Subject]:
        """The subjects of the certificates with these fingerprints, in any state; unknown ones are left out.

        They are read by the index, never from a cache; on PostgreSQL by one statement.
        """

    def owner(self, system_auth_id: str) -> Owner | None:
        """The owner of this system auth."""
