"""The published keys of identity tokens, and what signs with the private ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.identity_tokens import TokenKey


class TokenKeyRecords(Protocol):
    """The public parts of all keys, of every replica."""

    def list(self) -> Sequence[TokenKey]:
        """All that are recorded, the oldest first."""

    def add(self, key: TokenKey) -> None:
        """Record a key; one that is recorded already stays as it is."""

    def remove(self, key_id: str, *, now: datetime) -> bool:
        """Take a key out of use for good; whether there is one of this id that was in use."""

    def forget(self, before: datetime) -> int:
        """Forget keys that were published before that time and never removed, and return the number."""


class TokenSigner(Protocol):
    """Makes JWTs with keys of this process."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its keys."""

    def sign(self, key_id: str, claims: Mapping[str, object]) -> str:
        """The JWT in its compact form, with the type ``at+jwt`` (RFC 9068 2.1).

        Raises:
            KeyError: it has no such key.
        """

    def key_id(self, text: str) -> str | None:
        """The id of the key that a JWT of ours says it is signed with; None where it is none."""

    def verified(self, text: str, key: TokenKey) -> Mapping[str, object] | None:
        """The claims of a JWT that this key has signed; None if it has not."""
