"""Identity tokens: made for holders of good certificates, and judged for those who ask whether one still holds."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.domain.directory import Identity
from connector.domain.identity_tokens import Audience, TokenKey, check_audience, claims_of, signing_key
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.subjects import Narrowing, Owner
from connector.pki.general_names import NamePattern
from connector.ports.identity_tokens import TokenSigner
from connector.ports.transaction import Clock, Random, Store
from connector.usecases.verdicts import Verdicts

ANYBODY = Narrowing()
ID_OCTETS = 16

_THUMBPRINT = "x5t#S256"
"""RFC 8705 3.1: the SHA-256 of the certificate to which a token is bound."""


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """Who the issuer is, whom tokens may be for, how long they live, and the pattern of SPIFFE ids, if any."""

    issuer: str
    audiences: Sequence[Audience]
    lifetime: timedelta
    spiffe: NamePattern | None = None

    def subject(self, owner: Owner) -> str | None:
        """The SPIFFE id of a holder."""
        if self.spiffe is None:
            return None
        return self.spiffe.fill(Identity(owner.tenant_id, owner.id, owner.kind, owner.system_auth_id)).value


class PublishedKeys:
    """The public keys of all replicas, in memory. It follows the database."""

    def __init__(self) -> None:
        """None is known yet."""
        self._keys: Mapping[str, TokenKey] = {}

    async def follow(self, store: Store) -> None:
        """Read what is recorded now.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        self._keys = {key.id: key for key in await store.read(lambda tx: tx.token_keys.list())}

    def find(self, key_id: str, now: datetime) -> TokenKey | None:
        """The key of this id, if tokens of it may be accepted."""
        key = self._keys.get(key_id)
        return key if key is not None and key.is_published(now) else None

    def listed(self, now: datetime) -> Sequence[TokenKey]:
        """The keys by which tokens may be accepted."""
        return [key for key in self._keys.values() if key.is_published(now)]

    def of(self, ids: frozenset[str]) -> Sequence[TokenKey]:
        """The keys of these ids, whatever their state; unknown ones are left out."""
        return [key for key in self._keys.values() if key.id in ids]


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token, and how long it is valid."""

    text: str = field(repr=False)
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class IdentityTokens:
    """Makes tokens and judges them."""

    verdicts: Verdicts
    signer: TokenSigner
    keys: PublishedKeys
    terms: TokenTerms
    clock: Clock
    random: Random

    @property
    def published(self) -> Sequence[TokenKey]:
        """The keys by which tokens may be accepted now."""
        return self.keys.listed(self.clock())

    async def grant(self, fingerprint: bytes, audience: str | None, *, enter: Callable[[str], None]) -> IdentityToken:
        """A token for the holder of the certificate with this fingerprint; ``enter`` is called with the tenant's id.

        Raises:
            CertificateUnknown, CertificateRevoked, CertificateExpired: the certificate is not good.
            OAuthRequestInvalid, AudienceRefused: there are no tokens for this audience.
            RateLimited: the tenant has no place left.
            SignerUnavailable: this process has no key yet.
            StorageUnavailable: the certificate cannot be looked up.
        """
        verdict = await self.verdicts.of(fingerprint, ANYBODY)
        enter(verdict.owner.tenant_id)
        named = check_audience(audience, self.terms.audiences, verdict.owner.tenant)
        now = self.clock()
        key = signing_key(self.keys.of(self.signer.ids), now)
        if key is None:
            raise SignerUnavailable
        end = min(now + self.terms.lifetime, verdict.subject.not_after)
        claims = {
            "iss": self.terms.issuer,
            "aud": named,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(end.timestamp()),
            "jti": _text(self.random(ID_OCTETS)),
            **claims_of(verdict.owner, self.terms.subject(verdict.owner)),
            "cnf": {_THUMBPRINT: _text(fingerprint)},
        }
        return IdentityToken(self.signer.sign(key.id, claims), end - now)

    async def introspect(self, text: str) -> Mapping[str, object] | None:
        """The claims of a token that holds now: it was made here, has not expired, and its certificate is good.

        Raises:
            StorageUnavailable: the certificate cannot be looked up.
        """
        now = self.clock()
        key = self.keys.find(self.signer.key_id(text) or "", now)
        claims = None if key is None else self.signer.verified(text, key)
        if claims is None or not _is_in_time(claims, now) or claims.get("iss") != self.terms.issuer:
            return None
        try:
            await self.verdicts.of(_fingerprint(claims), ANYBODY)
        except (CertificateUnknown, CertificateRevoked, CertificateExpired):
            return None
        return claims


def _is_in_time(claims: Mapping[str, object], now: datetime) -> bool:
    expiry = claims.get("exp")
    return isinstance(expiry, int) and now.timestamp() < expiry


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _fingerprint(claims: Mapping[str, object]) -> bytes:
    """The certificate to which one of our own tokens is bound."""
    confirmation = claims["cnf"]
    assert isinstance(confirmation, dict)  # noqa: S101 - for the type: our key has signed it
    return urlsafe_b64decode(f"{confirmation[_THUMBPRINT]}=")
