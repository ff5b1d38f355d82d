"""Administrators of the console, their sign-in links and sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from connector.domain.administrators import Administrator, Session, SignInLink
from connector.domain.principals import Role


class Administrators(Protocol):
    """Those who sign in with a password."""

    def add(self, administrator: Administrator) -> None:
        """Record one. Raises NotUniqueName when the name is taken; of two at once, one wins."""

    def find(self, name: str) -> Administrator | None:
        """The administrator of that name."""

    def of_id(self, id: str) -> Administrator | None:
        """The administrator of that id."""

    def list(
        self, *, within: frozenset[str] | None = None, after: str | None = None, most: int | None = None
    ) -> Sequence[Administrator]:
        """Those for the tenants of these external ids, or all; by name, after that name, ``most`` at most."""

    def set_password(self, id: str, password: str) -> None:
        """Set the hash of the password."""

    def set_disabled(self, id: str, at: datetime | None) -> None:
        """Disable from that time on, or enable with None."""

    def set_rights(self, id: str, role: Role, tenant: str | None) -> None:
        """Set the role, and the external id of the one tenant where it counts, or None for every tenant."""

    def signed_in(self, id: str, at: datetime) -> None:
        """Note the last sign-in."""

    def remove(self, id: str) -> None:
        """Remove one, with all links and sessions."""


class SignInLinks(Protocol):
    """The links by which passwords are set."""

    def add(self, link: SignInLink) -> None:
        """Record a link; those that the administrator had before are good no more."""

    def find(self, digest: bytes) -> SignInLink | None:
        """The link whose text has this SHA-256."""

    def use(self, link: SignInLink, *, now: datetime) -> None:
        """Use it up in one conditional statement; of any number of callers, one wins. Raises LinkRefused."""

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove links that expired before that time, ``most`` at most, and return the number removed."""


class Sessions(Protocol):
    """The sessions of the console."""

    def add(self, session: Session) -> None:
        """Record a session."""

    def find(self, digest: bytes) -> Session | None:
        """The session whose cookie has this SHA-256: one indexed read, never cached."""

    def list(self, *, actor: str | None = None, now: datetime, most: int) -> Sequence[Session]:
        """Those that have not ended and not expired by then, of that actor or of all; newest first."""

    def touch(self, session: Session, *, now: datetime) -> None:
        """Record that it was used just now."""

    def end(self, id: str, *, actor: str | None = None, now: datetime) -> Session | None:
        """End the session of that id, of that actor or of anybody; None where there is none that has not ended."""

    def end_all(self, actor: str, *, now: datetime) -> int:
        """End all sessions of an actor, and return the number ended."""

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove sessions that expired before that time, ``most`` at most, and return the number removed."""
