"""People who administer in the console: their accounts, the links by which they set a password, and their sessions."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import quote
from uuid import UUID

from connector.domain.directory import check_name
from connector.domain.principals import Caller, Role
from connector.domain.refusals.administrators import LinkRefused, SessionEnded
from connector.domain.refusals.objects import InvalidData

SECRET_OCTETS = 32
SECRET_CHARACTERS = 43

LEAST_PASSWORD = 12
LEAST_DIFFERENT = 5
MOST_PASSWORD = 200
"""Longer ones are refused, so that nobody has us hash a book."""

LINK_LIFETIME = timedelta(hours=1)
LINK_PATH = "/console/welcome"
SEEN_AGAIN = timedelta(minutes=1)
"""How old the record of a session's last use may grow before it is written anew: not each request writes."""


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who signs in to the console with a password.

    ``password`` is its Argon2id hash in the PHC string format, None until one was set; ``tenant`` the external id of
    the one tenant that they may enter, None for every tenant.
    """

    id: str
    name: str
    password: str | None = field(repr=False)
    role: Role
    tenant: str | None
    created_by: str
    created_at: datetime
    disabled_at: datetime | None = None
    signed_in_at: datetime | None = None

    @property
    def rights(self) -> str:
        """The role and where it counts, in words."""
        return f"{self.role.value} in {'every tenant' if self.tenant is None else self.tenant}"

    @property
    def caller(self) -> Caller:
        """The caller that the administrator is."""
        tenants = None if self.tenant is None else frozenset({self.tenant})
        return Caller(self.name, f"administrator:{self.name}", self.role, tenants)


@dataclass(frozen=True, slots=True)
class SignInLink:
    """The record of a link by which an administrator sets a password, once."""

    digest: bytes = field(repr=False)
    administrator_id: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """The record of a session of the console; its cookie is kept only as a SHA-256.

    ``administrator_id`` is None for somebody whom an OpenID Connect issuer vouched for: then ``role`` and ``tenants``
    are what it said at sign-in. Those of an administrator are read from their account each time.
    """

    id: str
    digest: bytes = field(repr=False)
    administrator_id: str | None
    name: str
    actor: str
    role: Role
    tenants: frozenset[str] | None
    began_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        """The caller, as it was at sign-in."""
        return Caller(self.name, self.actor, self.role, self.tenants)


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives without use, and at most."""

    idle: timedelta
    longest: timedelta


def make_administrator(
    name: str, *, id: UUID, role: Role, tenant: str | None, created_by: str, now: datetime
) -> Administrator:
    """A new administrator, who cannot sign in until they have set a password.

    Raises:
        InvalidData: the name breaks a rule.
    """
    return Administrator(str(id), check_name(name), None, role, tenant, created_by, now)


def make_link(random: bytes, administrator: Administrator, *, now: datetime) -> tuple[str, SignInLink]:
    """A new link from 32 random octets: the text to hand over, and the record."""
    text = make_secret(random)
    return text, SignInLink(digest(text), administrator.id, now, now + LINK_LIFETIME)


def make_session(
    random: bytes, caller: Caller, administrator_id: str | None, *, id: UUID, policy: SessionPolicy, now: datetime
) -> tuple[str, Session]:
    """A new session from 32 random octets: the text of its cookie, and the record."""
    text = make_secret(random)
    return text, Session(
        id=str(id),
        digest=digest(text),
        administrator_id=administrator_id,
        name=caller.name,
        actor=caller.actor,
        role=caller.role,
        tenants=caller.tenants,
        began_at=now,
        seen_at=now,
        expires_at=now + policy.longest,
    )


def make_secret(random: bytes) -> str:
    """The text of 32 random octets.

    Raises:
        ValueError: they are not 32.
    """
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a secret takes {SECRET_OCTETS} random octets")
    return urlsafe_b64encode(random).decode("ascii").rstrip("=")


def digest(text: str) -> bytes:
    """The SHA-256 by which a presented secret is looked up."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def check_password(password: str) -> str:
    """The password, if it may be one.

    Raises:
        InvalidData: it is too short or too long, or has hardly any different characters.
    """
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise InvalidData(
            f"Invalid data password: use {LEAST_PASSWORD} to {MOST_PASSWORD} characters. Several words are good."
        )
    if len(set(password)) < LEAST_DIFFERENT:
        raise InvalidData(
            f"Invalid data password: use at least {LEAST_DIFFERENT} different characters. Several words are good."
        )
    return password


def link_url(public: str, code: str, name: str) -> str:
    """The sign-in link of the administrator of that name. The code is behind the #, so that no browser sends it, and no
    proxy writes it down. The name after it is for the page, to say whom the link is for.
    """
    return f"{public}{LINK_PATH}#{code}&{quote(name, safe='')}"


def code_of(link: str) -> str:
    """The code in what was typed: a whole link, or a part."""
    return link.rpartition("#")[2].partition("&")[0]


def check_link(link: SignInLink | None, presented: bytes, *, now: datetime) -> SignInLink:
    """The link, if a password can be set with it.

    Raises:
        LinkRefused: it is unknown, used or expired.
    """
    if link is None or not compare_digest(link.digest, presented) or link.used_at is not None or now >= link.expires_at:
        raise LinkRefused
    return link


def check_session(
    session: Session | None,
    administrator: Administrator | None,
    presented: bytes,
    *,
    policy: SessionPolicy,
    now: datetime,
) -> Caller:
    """The caller of the session.

    Raises:
        SessionEnded: nobody does: it is unknown, was ended, is too old, was not used for too long, or its
            administrator is gone or disabled.
    """
    if session is None or not compare_digest(session.digest, presented) or session.ended_at is not None:
        raise SessionEnded
    if now >= session.expires_at or now >= session.seen_at + policy.idle:
        raise SessionEnded
    if session.administrator_id is None:
        return session.caller
    if administrator is None or administrator.disabled_at is not None:
        raise SessionEnded
    return administrator.caller
