"""API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.principals import ApiKey


class ApiKeys(Protocol):
    """API keys."""

    def add(self, key: ApiKey) -> None:
        """Record a key. Raises NotUniqueName when there is one of that name for that tenant, or for all."""

    def find(self, digest: bytes) -> ApiKey | None:
        """The key whose text has this SHA-256, in whatever state."""

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        after: tuple[datetime, str] | None = None,
        most: int | None = None,
    ) -> Sequence[ApiKey]:
        """The keys for the tenants of these external ids, or all; newest first, those after that time and id."""

    def count(self, *, within: frozenset[str] | None = None) -> int:
        """How many there are."""

    def revoke(self, id: str, *, within: frozenset[str] | None, now: datetime) -> ApiKey | None:
        """Revoke the key, unless it is revoked; return it as it is then, None where there is none among those."""

    def any(self) -> bool:
        """Whether there is any key."""
