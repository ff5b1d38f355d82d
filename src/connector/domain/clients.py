"""Clients: systems that call by OAuth 2.0 client credentials (RFC 6749 4.4), their secrets and their access tokens.

A client is a system auth with a secret. Of secrets and access tokens only the SHA-256 is kept.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from connector.domain.directory import EntityKind, SystemAuth, Tenant
from connector.domain.principals import Caller, Role, Scope
from connector.domain.refusals.callers import InsufficientScopes
from connector.domain.refusals.clients import AccessTokenExpired, AccessTokenUnknown, ClientUnknown, ScopeRefused
from connector.domain.secrets import Secret

SECRET_OCTETS = 32
SECRET_PREFIX = "connector-secret-"  # noqa: S105 - what every secret begins with
ACCESS_PREFIX = "connector-access-"

MOST_ACCESS_TOKENS = 100
"""The most access tokens that one client keeps: a further one ends the oldest."""

SCOPES: Mapping[EntityKind, frozenset[Scope]] = {
    EntityKind.APPLICATION: frozenset(
        {Scope.APPLICATION_READ, Scope.APPLICATION_AUTHS_READ, Scope.BUNDLE_INSTANCE_AUTHS_READ}
    ),
    EntityKind.RUNTIME: frozenset(
        {
            Scope.RUNTIME_READ,
            Scope.RUNTIME_WRITE,
            Scope.RUNTIME_AUTHS_READ,
            Scope.APPLICATION_READ,
            Scope.BUNDLE_INSTANCE_AUTHS_READ,
        }
    ),
    EntityKind.INTEGRATION_SYSTEM: frozenset(
        {
            Scope.APPLICATION_READ,
            Scope.APPLICATION_WRITE,
            Scope.APPLICATION_AUTHS_READ,
            Scope.RUNTIME_READ,
            Scope.RUNTIME_WRITE,
            Scope.RUNTIME_AUTHS_READ,
            Scope.INTEGRATION_SYSTEM_READ,
            Scope.INTEGRATION_SYSTEM_AUTHS_READ,
            Scope.FORMATION_READ,
            Scope.FORMATION_WRITE,
            Scope.TOKEN_READ,
            Scope.TOKEN_WRITE,
        }
    ),
}
"""The scopes of a client. Applications and runtimes have them for themselves alone, as with a certificate; integration
systems register both in the tenants where they may act, hand over their tokens and put them into formations. None of
these scopes gives a permission (:mod:`connector.domain.permissions`).
"""

_NO_DIGEST = bytes(sha256().digest_size)


@dataclass(frozen=True, slots=True)
class Client:
    """The record of client credentials. The id is that of the system auth."""

    id: str
    digest: bytes = field(repr=False)
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The record of an access token. ``scopes`` are those requested, None for all of the client's kind."""

    digest: bytes = field(repr=False)
    client_id: str
    issued_at: datetime
    expires_at: datetime
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """An access token, with the system auth of its client and that one's tenant."""

    token: AccessToken
    auth: SystemAuth
    tenant: Tenant

    @property
    def actor(self) -> str:
        """How the audit names the client. An integration system acts in tenants that do not know its system auths."""
        if self.is_integration_system:
            return f"integration_system:{self.auth.owner_id}/{self.auth.id}"
        return f"system_auth:{self.auth.id}"

    @property
    def is_integration_system(self) -> bool:
        """Whether the client acts for others; applications and runtimes act for themselves."""
        return self.auth.owner_kind is EntityKind.INTEGRATION_SYSTEM

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes of the bearer."""
        allowed = SCOPES[self.auth.owner_kind]
        return allowed if self.token.scopes is None else frozenset(s for s in allowed if s.value in self.token.scopes)

    @property
    def caller(self) -> Caller:
        """The caller, for an integration system: it administers its own tenant and those that its permissions open."""
        home, system = self.tenant.external_id, self.auth.owner_id
        return Caller(
            system, self.actor, Role.OPERATOR, frozenset({home}), home=home, granted=self.scopes, system=system
        )

    def require(self, scope: Scope) -> None:
        """Return if the bearer may do this.

        Raises:
            InsufficientScopes: it may not.
        """
        if scope not in self.scopes:
            raise InsufficientScopes(
                f"Insufficient scopes provided: {scope.value} is required, and this access token does not hold it."
            )


def make_client(random: bytes, auth: SystemAuth, *, created_by: str, now: datetime) -> tuple[Secret, Client]:
    """New client credentials for a system auth, from 32 random octets: the secret, and the record."""
    secret = _secret(SECRET_PREFIX, random)
    return secret, Client(auth.id, digest(secret.text), now, created_by)


def make_access_token(
    random: bytes, client: Client, *, scopes: frozenset[str] | None, lifetime: timedelta, now: datetime
) -> tuple[Secret, AccessToken]:
    """A new access token from 32 random octets: its text, and the record."""
    secret = _secret(ACCESS_PREFIX, random)
    return secret, AccessToken(digest(secret.text), client.id, now, now + lifetime, scopes)


def granted(kind: EntityKind, wanted: str | None) -> frozenset[str]:
    """The scopes that a client of this kind gets where it asks for these, separated by spaces; None asks for all.

    Scopes that there are not, or that are not for its kind, are left out (RFC 6749 3.3): clients ask for all that they
    might ever need.

    Raises:
        ScopeRefused: none is left.
    """
    allowed = frozenset(scope.value for scope in SCOPES[kind])
    left = allowed if wanted is None else allowed & frozenset(wanted.split(" "))
    if not left:
        raise ScopeRefused
    return left


def digest(text: str) -> bytes:
    """The SHA-256 by which a presented secret or access token is compared."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def check_client(found: tuple[Client, SystemAuth] | None, presented: bytes) -> tuple[Client, SystemAuth]:
    """The client that was found, if this is the digest of its secret. An unknown one takes the time of a wrong secret.

    Raises:
        ClientUnknown: it is not.
    """
    is_right = compare_digest(_NO_DIGEST if found is None else found[0].digest, presented)
    if found is None or not is_right:
        raise ClientUnknown
    return found


def check_access(access: Access | None, presented: bytes, *, now: datetime) -> Access:
    """The access, if the token is good.

    Raises:
        AccessTokenUnknown, AccessTokenExpired: it is not.
    """
    if access is None or not compare_digest(access.token.digest, presented):
        raise AccessTokenUnknown
    if now >= access.token.expires_at:
        raise AccessTokenExpired
    return access


def _secret(prefix: str, random: bytes) -> Secret:
    if len(random) != SECRET_OCTETS:
        raise ValueError(f"a secret takes {SECRET_OCTETS} random octets")
    return Secret(prefix + urlsafe_b64encode(random).decode("ascii").rstrip("="))
