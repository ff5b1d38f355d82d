"""What the console needs beside: accounts and sessions, and events page by page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.administrators import Administrator, Session, SignInLink
from connector.audit import Action
from connector.directory import EntityKind
from connector.inventory import Condition
from connector.labels import LabelFilter
from connector.principals import Caller


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """Which entities of a tenant: of that kind, and those that fit every other field that is given.

    ``begins`` is the beginning of the name, in one of its :attr:`spellings`, or a whole id: found in an index. ``text``
    is any part of the name, in any case, or a whole id: every name is looked at. ``condition`` is that at ``now``,
    which is given with it.
    """

    kind: EntityKind
    labels: Sequence[LabelFilter] = ()
    begins: str | None = None
    text: str | None = None
    condition: Condition | None = None
    now: datetime | None = None

    @property
    def spellings(self) -> Sequence[str]:
        """How the beginning may be spelled, in order: as it is given, all small or large, or with large initials."""
        text = self.begins or ""
        return sorted({text, text.lower(), text.upper(), text.capitalize(), text.title()})


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events: one tenant's, or with None those of no tenant; those that fit every other field that is given.

    ``since`` is inclusive, ``until`` is not; ``about`` is the id of an owner.
    """

    tenant_id: str | None
    actions: Collection[Action] = ()
    about: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


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
        """Those for the tenants of these external ids, or all; by name, those after that name, so many at most."""

    def set_password(self, id: str, password: str) -> None:
        """Set the hash of the password."""

    def set_disabled(self, id: str, at: datetime | None) -> None:
        """Disable from that time on, or enable with None."""


class SignInLinks(Protocol):
    """The links by which passwords are set."""

    def add(self, link: SignInLink) -> None:
        """Record a link; those that the administrator had before are good no more."""

    def find(self, digest: bytes) -> SignInLink | None:
        """The link whose text has this SHA-256."""

    def use(self, link: SignInLink, *, now: datetime) -> None:
        """Use it up in one conditional statement; of any number of callers, one wins. Raises LinkRefused."""

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove links that expired before that time, so many at most; how many it were."""


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
        """End all of an actor's; how many it were."""

    def remove_ended(self, before: datetime, most: int) -> int:
        """Remove sessions that expired before that time, so many at most; how many it were."""


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in at an OpenID Connect issuer that was begun: where to send the browser."""

    url: str


class SignsIn(Protocol):
    """Lets people sign in at an OpenID Connect issuer: the authorization code flow with PKCE (RFC 7636)."""

    async def begin(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The URL to send the browser to. Raises JWTRefused where the issuer cannot be reached."""

    async def finish(self, *, code: str, redirect_uri: str, nonce: str, verifier: str) -> Caller:
        """Who signed in. Raises JWTRefused: nobody did."""


class Passwords(Protocol):
    """Hashes passwords. Both take a good tenth of a second of a processor, in a thread of their own."""

    async def make(self, password: str) -> str:
        """The hash to keep."""

    async def check(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. None takes as long as a wrong one does, and is never right."""


Daily = Mapping[tuple[int, Action], int]
