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

    def owner_of_unknown(self, fingerprint: bytes, system_auth_id: str) -> Owner | None:
        """The owner of this system auth, if the certificate with this fingerprint is unknown.

        A certificate is known if it was recorded, in whatever state it is, or if its revocation was taken over in an
        import. It is one statement, so the answer holds at one moment.
        """
