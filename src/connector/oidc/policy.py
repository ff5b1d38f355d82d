"""Which issuer is trusted, for what, and what its claims mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from connector.domain.principals import Role

# Signatures by a private key, and no others: with an HMAC whoever can verify can also sign, and "none" is no signature.
SIGNATURES = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)


def _names_of_roles() -> Mapping[Role, frozenset[str]]:
    return {role: frozenset({role.value}) for role in Role}


@dataclass(frozen=True, slots=True)
class OIDCPolicy:
    """An issuer, and how its tokens are read.

    A claim is named by its name, or by a dotted path into objects. ``role_values`` holds the values that mean a role;
    ``all_tenants`` is the value that means every tenant; ``ca_file`` holds the trust anchors of the issuer's TLS, where
    they are not the system's. Without an ``audience`` no token is good for the API. One document of the issuer may take
    ``timeout``, in all.

    Raises:
        ValueError: something cannot be; the text says what.
    """

    issuer: str
    audience: str | None
    algorithms: tuple[str, ...] = ("RS256", "ES256", "PS256", "EdDSA")
    leeway: timedelta = timedelta(seconds=30)
    tenants_claim: str = "tenants"
    roles_claim: str = "roles"
    role_values: Mapping[Role, frozenset[str]] = field(default_factory=_names_of_roles)
    all_tenants: str = "*"
    name_claim: str = "sub"
    refresh: timedelta = timedelta(minutes=10)
    timeout: timedelta = timedelta(seconds=5)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        # OpenID Connect Discovery 1.0, 3: a URL without query and fragment.
        if not is_allowed(self.issuer, plain=True) or "?" in self.issuer or "#" in self.issuer:
            raise ValueError("the issuer must be an https URL without query, fragment and user; http is for loopback")
        unknown = set(self.algorithms) - SIGNATURES
        if unknown or not self.algorithms:
            raise ValueError(f"the algorithms must be some of {', '.join(sorted(SIGNATURES))}")
        if self.audience == "" or not all((self.tenants_claim, self.roles_claim, self.name_claim, self.all_tenants)):
            raise ValueError("the audience, the names of claims and the value for all tenants must not be empty")
        if not timedelta(0) <= self.leeway <= timedelta(minutes=5):
            raise ValueError("the leeway must be between 0 and 5 minutes")
        if not timedelta(0) < self.refresh <= timedelta(hours=12):
            raise ValueError("the time between two refreshes must be above 0 and at most 12 hours")
        if not timedelta(0) < self.timeout <= timedelta(seconds=30):
            raise ValueError("the time for one document must be above 0 and at most 30 seconds")
        if not any(self.role_values.values()):
            raise ValueError("at least one value must mean a role")

    @property
    def is_plain(self) -> bool:
        """Whether the issuer is on this host, without TLS."""
        return urlsplit(self.issuer).scheme == "http"


def is_allowed(url: str, *, plain: bool) -> bool:
    """Whether keys may be fetched there: by https, or where that is allowed by http from this host itself."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (plain and parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
