"""Adoption: a certificate of another installation's CA becomes its holder's when it first comes in.

Nothing is known of such a certificate before. Its serial number says nothing: the other installation gave the same to
all. So it is identified once, by its only common name, and from then on by its fingerprint like every other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from connector.domain.audit import Action
from connector.domain.certificates import Certificate, RevocationReason
from connector.domain.directory import EntityKind, SystemAuth
from connector.domain.imports import AdoptedIssuer, Kind
from connector.domain.refusals.objects import ObjectNotFound
from connector.pki.adopted import AdoptedCA, Presented
from connector.ports.transaction import Store, Transaction
from connector.usecases.issuers import Issuers
from connector.usecases.realms import SYSTEM, Installation

MOST_SETTLED = 100_000
"""Certificates that a process remembers to be recorded. Forgetting costs one read."""

_HANDLE_DIGITS = 32


class Verdict(StrEnum):
    """The outcome for a certificate that came in."""

    OTHERS = "no adopted CA issued it"
    KNOWN = "it is recorded"
    ADOPTED = "it is recorded now"
    REVOKED = "it is recorded as revoked now"
    NOT_READABLE = "its octets are not those of a certificate that every reader reads alike"
    NOT_ONE_NAME = "its subject has no common name, or several, or one in an encoding that is not accepted"
    NOT_TAKEN_OVER = "its common name is no system auth that was taken over"
    HOLDER_GONE = "its system auth was deleted"
    NOT_VALID_NOW = "it has expired, or is not valid yet"


SETTLED = frozenset({Verdict.OTHERS, Verdict.KNOWN, Verdict.ADOPTED, Verdict.REVOKED})


@dataclass(slots=True)
class Adoption:
    """Records the certificates of adopted CAs as they come in."""

    store: Store
    issuers: Issuers
    _adopted: tuple[AdoptedIssuer, ...] = field(default=(), init=False, repr=False)
    _cas: Sequence[tuple[AdoptedIssuer, AdoptedCA]] = field(default=(), init=False, repr=False)
    _settled: set[bytes] = field(default_factory=set, init=False, repr=False)

    async def meet(self, encoded: bytes) -> Verdict:
        """Record a certificate (DER), whose key its holder has proved in a TLS handshake, where it may be adopted.

        Raises:
            StorageUnavailable: nothing was recorded, and nothing is known about it.
        """
        self._follow()
        if not self._cas:
            return Verdict.OTHERS
        fingerprint = sha256(encoded).digest()
        if fingerprint in self._settled:
            return Verdict.KNOWN
        verdict = await self._meet(encoded, fingerprint)
        if verdict in SETTLED:
            if len(self._settled) >= MOST_SETTLED:
                self._settled.clear()
            self._settled.add(fingerprint)
        return verdict

    async def _meet(self, encoded: bytes, fingerprint: bytes) -> Verdict:
        try:
            presented = Presented.read(encoded)
        except ValueError:  # TLS is content with more than DER
            return Verdict.NOT_READABLE
        issuer = next((record for record, ca in self._cas if presented.is_signed_by(ca)), None)
        if issuer is None:
            return Verdict.OTHERS
        # Whoever may not be adopted costs reads alone, however often they come.
        found = await self.store.read(lambda tx: _judge(tx, presented, fingerprint, issuer))
        if isinstance(found, Verdict):
            return found
        return await self.store.transaction(lambda tx: _record(tx, _judge(tx, presented, fingerprint, issuer)))

    def _follow(self) -> None:
        """Go by the CAs that are adopted now."""
        adopted = self.issuers.adopted
        if adopted != self._adopted:
            self._adopted, self._cas = adopted, [(each, AdoptedCA.read(each.der)) for each in adopted]
            self._settled.clear()


def _judge(tx: Transaction, presented: Presented, fingerprint: bytes, issuer: AdoptedIssuer) -> Certificate | Verdict:
    """The record to make of the certificate, or why none is made."""
    if tx.inventory.find(fingerprint) is not None:
        return Verdict.KNOWN
    if not any(each.fingerprint == issuer.fingerprint and each.ended_at is None for each in tx.imports.issuers()):
        return Verdict.OTHERS
    if not presented.not_before <= tx.now <= presented.not_after:  # RFC 5280 4.1.2.5: both ends inclusive
        return Verdict.NOT_VALID_NOW
    auth = _holder(tx, presented)
    if isinstance(auth, Verdict):
        return auth
    revoked_at = tx.imports.revoked_at(fingerprint)
    return Certificate(
        serial=_handle(presented, fingerprint),
        fingerprint=fingerprint,
        issuer=issuer.fingerprint,
        key=presented.key,
        system_auth_id=auth.id,
        owner_id=auth.owner_id,
        owner_kind=auth.owner_kind,
        tenant_id=auth.tenant_id,
        not_before=presented.not_before,
        not_after=presented.not_after,
        issued_at=presented.not_before,
        der=presented.der,
        revoked_at=revoked_at,
        revocation_reason=None if revoked_at is None else RevocationReason.UNSPECIFIED,
    )


def _holder(tx: Transaction, presented: Presented) -> SystemAuth | Verdict:
    """The system auth that is the certificate's only common name, if it was taken over and is still there.

    One that was made here is none: the owner of the other installation's CA must not become its holder.
    """
    names = presented.common_names
    if len(names) != 1 or names[0] is None:
        return Verdict.NOT_ONE_NAME
    name = names[0]
    if not tx.imports.taken(Kind.SYSTEM_AUTH, [name]):
        return Verdict.NOT_TAKEN_OVER
    try:
        auth = Installation(tx, SYSTEM).enter_by_auth(name).directory.system_auth(name)
    except ObjectNotFound:
        auth = None
    if auth is None or auth.owner_kind is EntityKind.INTEGRATION_SYSTEM:
        return Verdict.HOLDER_GONE
    return auth


def _record(tx: Transaction, found: Certificate | Verdict) -> Verdict:
    if isinstance(found, Verdict):
        return found
    tx.inventory.add(found)
    is_revoked = found.revoked_at is not None
    realm = Installation(tx, SYSTEM).enter_by_auth(found.system_auth_id)
    realm.record(Action.CERTIFICATE_ADOPTED, found, reason="revoked" if is_revoked else None)
    return Verdict.REVOKED if is_revoked else Verdict.ADOPTED


def _handle(presented: Presented, fingerprint: bytes) -> str:
    """The text by which people name the certificate in place of its serial number, which many others have too."""
    return f"{presented.serial:x}-{fingerprint.hex()[:_HANDLE_DIGITS]}"
