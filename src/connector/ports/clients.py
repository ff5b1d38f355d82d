"""Clients by OAuth 2.0 client credentials, and their access tokens."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from connector.domain.clients import Access, AccessToken, Client
from connector.domain.directory import SystemAuth


class Clients(Protocol):
    """The clients. They and their access tokens end with their system auth."""

    def add(self, client: Client) -> None:
        """Record client credentials. Raises ObjectNotFound when the system auth is gone."""

    def find(self, id: str) -> tuple[Client, SystemAuth] | None:
        """The client of that id, and its system auth."""

    def among(self, tenant_id: str, ids: Collection[str]) -> frozenset[str]:
        """Which of these system auths of the tenant are clients."""

    def add_token(self, token: AccessToken, *, most: int) -> None:
        """Record an access token, and remove the client's oldest where it would have more than ``most``.

        Raises ClientUnknown when the client is gone.
        """

    def access(self, digest: bytes) -> Access | None:
        """The access token whose text has this SHA-256, in whatever state, with its client's system auth and tenant."""

    def remove_token(self, digest: bytes) -> None:
        """Remove that access token, if there is one."""

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove access tokens that expired before that time, ``most`` at most, and return the number removed."""
