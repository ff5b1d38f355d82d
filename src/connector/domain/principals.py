"""Callers, and their rights: bearers of tokens and keys, holders of certificates, and nobody."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from connector.domain.directory import check_name
from connector.domain.origins import Origin
from connector.domain.refusals.callers import InsufficientScopes
from connector.domain.refusals.keys import KeyExpired, KeyRevoked, KeyUnknown
from connector.domain.refusals.objects import InvalidData

KEY_OCTETS = 32
KEY_PREFIX = "connector-key-"
MAX_KEY_LIFETIME = timedelta(days=3660)


class Scope(StrEnum):
    """The single rights. The names are those of Compass's Director, and further ones like them.

    To write an application or a runtime covers handing over its tokens and deleting its system auths.
    """

    APPLICATION_READ = "application:read"
    APPLICATION_WRITE = "application:write"
    APPLICATION_AUTHS_READ = "application.auths:read"
    RUNTIME_READ = "runtime:read"
    RUNTIME_WRITE = "runtime:write"
    RUNTIME_AUTHS_READ = "runtime.auths:read"
    INTEGRATION_SYSTEM_READ = "integration_system:read"
    INTEGRATION_SYSTEM_WRITE = "integration_system:write"
    INTEGRATION_SYSTEM_AUTHS_READ = "integration_system.auths:read"
    BUNDLE_INSTANCE_AUTHS_READ = "bundle.instance_auths:read"
    FORMATION_READ = "formation:read"
    FORMATION_WRITE = "formation:write"
    TOKEN_READ = "one_time_token:read"
    TOKEN_WRITE = "one_time_token:write"
    CERTIFICATE_READ = "certificate:read"
    CERTIFICATE_WRITE = "certificate:write"
    TENANT_READ = "tenant:read"
    TENANT_WRITE = "tenant:write"
    API_KEY_READ = "api_key:read"
    API_KEY_WRITE = "api_key:write"
    AUDIT_READ = "audit:read"
    SETTINGS_READ = "settings:read"
    ADMINISTRATOR_READ = "administrator:read"
    ADMINISTRATOR_WRITE = "administrator:write"


class Role(StrEnum):
    """Three sets of scopes, each within the next."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


_ADMINISTRATORS_ALONE = {
    Scope.TENANT_WRITE,
    Scope.API_KEY_READ,
    Scope.API_KEY_WRITE,
    Scope.SETTINGS_READ,
    Scope.ADMINISTRATOR_READ,
    Scope.ADMINISTRATOR_WRITE,
}

# Credentials of other systems in clear text: a caller that may only read must not be able to call them.
_NOT_FOR_VIEWERS = {Scope.BUNDLE_INSTANCE_AUTHS_READ}

SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset(scope for scope in Scope if scope.endswith(":read"))
    - _ADMINISTRATORS_ALONE
    - _NOT_FOR_VIEWERS,
    Role.OPERATOR: frozenset(Scope) - _ADMINISTRATORS_ALONE,
    Role.ADMINISTRATOR: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody: no credential was presented."""


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A text that was presented as a one-time token, and the address from which. Whether it is one is decided by the
    operation.
    """

    text: str = field(repr=False)
    source: str | None


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A client certificate that was presented on a TLS connection, by its fingerprint: the caller has its key.

    Whether it is one of ours, and still good, is decided by the operation in the inventory.
    """

    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Bearer:
    """Somebody who presented a text as an API key or as a JWT. Whether it is one is decided by the operation."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AdminHolder:
    """Somebody who proved in the TLS handshake to hold the key of a certificate of a CA that is set for administrators.

    Whether a rule makes them one is decided by the operation. ``by_page`` says that a page in a browser sent the
    request: it may be any site's, and the user does not know about that.
    """

    certificate: bytes = field(repr=False)
    by_page: bool = False


Principal = Anonymous | PresentedToken | Bearer | PresentedCertificate | AdminHolder
"""The caller, as far as the connection and the headers identify them."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody known who administers.

    ``name`` is theirs, ``actor`` how the audit names them; ``tenants`` holds the external ids of the tenants that they
    may enter, None for every tenant. Of an integration system, ``system`` is the id: it may also enter the tenants for
    which it has a permission. ``granted`` are its scopes, None for those of the role; ``home`` is the external id of
    its own tenant, which it need not name while it has no permission.
    """

    name: str
    actor: str
    role: Role
    tenants: frozenset[str] | None
    home: str | None = None
    granted: frozenset[Scope] | None = None
    system: str | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """The rights of the caller."""
        return SCOPES[self.role] if self.granted is None else self.granted

    def may(self, scope: Scope) -> bool:
        """Whether the caller holds the scope."""
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Return if the caller holds the scope.

        Raises:
            InsufficientScopes: it does not; the message names the scope and the least role that does.
        """
        if self.granted is not None and scope not in self.granted:
            raise InsufficientScopes(
                f"Insufficient scopes provided: {scope.value} is required, and this access token does not hold it. "
                f"Call with the API key of an {_least_role(scope).value}."
            )
        if not self.may(scope):
            raise InsufficientScopes(
                f"Insufficient scopes provided: {scope.value} is required, and the role {self.role.value} does not "
                f"hold it. Call with the credential of an {_least_role(scope).value}."
            )


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The record of an API key.

    ``tenant`` is the external id of the one tenant that it may enter, None for every tenant; without ``expires_at`` it
    is good until it is revoked.
    """

    id: str
    name: str
    digest: bytes = field(repr=False)
    created_at: datetime
    role: Role
    tenant: str | None = None
    created_by: str = "system"
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def make_key(
    random: bytes, origin: Origin, *, name: str, role: Role, tenant: str | None, lifetime: timedelta | None
) -> tuple[str, ApiKey]:
    """A new key from 32 random octets: the text to hand over, and the record.

    Raises:
        ValueError: ``random`` is not 32 octets.
        InvalidData: the name or the lifetime breaks a rule.
    """
    if len(random) != KEY_OCTETS:
        raise ValueError(f"a key takes {KEY_OCTETS} random octets")
    check_name(name)
    if lifetime is not None and not timedelta(0) < lifetime <= MAX_KEY_LIFETIME:
        raise InvalidData(f"Invalid data lifetimeSeconds: use 1 to {int(MAX_KEY_LIFETIME.total_seconds())}.")
    text = KEY_PREFIX + urlsafe_b64encode(random).decode("ascii").rstrip("=")
    return text, ApiKey(
        id=str(origin.id),
        name=name,
        digest=digest(text),
        created_at=origin.at,
        role=role,
        tenant=tenant,
        created_by=origin.by,
        expires_at=None if lifetime is None else origin.at + lifetime,
    )


def digest(text: str) -> bytes:
    """The SHA-256 by which a presented key is looked up."""
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


def check(key: ApiKey | None, presented: bytes, *, now: datetime) -> Caller:
    """The caller with the key of the presented digest.

    Raises:
        KeyUnknown, KeyRevoked, KeyExpired: nobody does.
    """
    if key is None or not compare_digest(key.digest, presented):
        raise KeyUnknown
    if key.revoked_at is not None:
        raise KeyRevoked
    if key.expires_at is not None and now >= key.expires_at:
        raise KeyExpired
    if key.tenant is None:
        return Caller(key.name, f"admin:{key.name}", key.role, None)
    # No name holds a slash, so that no key of a tenant goes by the name of another's.
    return Caller(key.name, f"admin:{key.tenant}/{key.name}", key.role, frozenset({key.tenant}))


def _least_role(scope: Scope) -> Role:
    return next(role for role in Role if scope in SCOPES[role])
