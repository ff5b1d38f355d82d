"""The CRLs that this process serves: those that are in the database, as every replica has them."""

from asyncio import to_thread
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID

from connector.domain.crls import CRLRecord
from connector.domain.issuers import IssuerState
from connector.domain.refusals.crls import CRLUnavailable, CRLUnknown
from connector.pki.authority import Authority
from connector.pki.crl import scope_of
from connector.ports.transaction import Store
from connector.usecases.issuers import Issuers, Recorded

# A start makes the first CRL within a few seconds; after this time one that is missing is reported.
MISSING_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """All certificates that one name and key signed. ``issuers`` are the fingerprints of its certificates of an issuing
    CA; a root has none, because nothing is recorded of what it signed.
    """

    id: bytes
    authority: Authority
    title: str
    certificate: bytes = field(repr=False)
    """Its certificate (DER); the one that is valid longest, where there are several of its name and key."""
    issuers: tuple[bytes, ...]
    is_watched: bool
    """Whether a missing or old CRL is reported: the CA has not ended."""


@dataclass(frozen=True, slots=True)
class CRL:
    """A CRL as it is served."""

    record: CRLRecord
    octets: bytes = field(repr=False)
    digest: str
    """The SHA-256 of the octets."""


def scopes(recorded: Recorded) -> Mapping[bytes, Scope]:
    """The scopes of all issuers and roots that are recorded, by their ids. Adopted CAs are others' to speak for."""
    living = [each for each in recorded.issuers if each.state is not IssuerState.ENDED]
    watched = {each.fingerprint for each in living} | {each.root for each in living}
    found: dict[bytes, Scope] = {}
    for root in recorded.roots:
        _add(found, root.der, (), is_watched=root.fingerprint in watched)
    for issuer in recorded.issuers:
        _add(found, issuer.der, (issuer.fingerprint,), is_watched=issuer.fingerprint in watched)
    return found


def _add(found: dict[bytes, Scope], der: bytes, issuers: tuple[bytes, ...], *, is_watched: bool) -> None:
    certificate = x509.load_der_x509_certificate(der)
    authority = Authority.of(certificate)
    scope = Scope(scope_of(authority), authority, _title(certificate), der, issuers, is_watched)
    other = found.get(scope.id)
    if other is not None:  # a CA certificate that was renewed with the same name and key
        newest = scope if scope.authority.last >= other.authority.last else other
        scope = replace(newest, issuers=(*other.issuers, *issuers), is_watched=scope.is_watched or other.is_watched)
    found[scope.id] = scope


def _title(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


class Scopes:
    """The scopes, as the records of issuers change."""

    def __init__(self, issuers: Issuers) -> None:
        """Nothing is read yet."""
        self._issuers = issuers
        self._recorded: Recorded | None = None
        self._scopes: Mapping[bytes, Scope] = {}

    @property
    def current(self) -> Mapping[bytes, Scope]:
        """The scopes that there are now; the same mapping until the records change."""
        recorded = self._issuers.records
        if recorded is not self._recorded:
            self._scopes, self._recorded = scopes(recorded), recorded
        return self._scopes


class PublishedCRLs:
    """The newest CRL of each scope, in memory. It follows the database."""

    def __init__(self, issuers: Issuers, *, started: datetime) -> None:
        """Nothing is published yet, as far as this process knows."""
        self._issuers = issuers
        self._started = started
        self._crls: dict[bytes, CRL] = {}
        self._scopes = Scopes(issuers)

    @property
    def scopes(self) -> Mapping[bytes, Scope]:
        """The scopes that there are now."""
        return self._scopes.current

    async def follow(self, store: Store) -> None:
        """Take over what was published since the last time. A number that is lower than ours is not taken: the database
        was restored, and its next CRL has a higher one.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        for record in await store.read(lambda tx: tx.crls.list()):
            if record.number > self.number(record.scope):
                await self._take(store, record)

    async def _take(self, store: Store, record: CRLRecord) -> None:
        octets = await store.read(lambda tx: tx.crls.octets(record.scope, record.number))
        if octets is not None:  # else a newer one has just been published
            await self.take(record, octets)

    async def take(self, record: CRLRecord, octets: bytes) -> None:
        """Serve this one from now on. A long one is hashed in a thread."""
        digest = await to_thread(lambda: sha256(octets).hexdigest())
        self._crls[record.scope] = CRL(record, octets, digest)

    def number(self, scope: bytes) -> int:
        """The number of the CRL that is served, or 0."""
        found = self._crls.get(scope)
        return 0 if found is None else found.record.number

    @property
    def served(self) -> Mapping[bytes, CRL]:
        """The newest CRL of each scope that has one."""
        return {scope: crl for scope in self.scopes if (crl := self._crls.get(scope)) is not None}

    def of_issuer(self, issuer: bytes) -> CRL | None:
        """The CRL of the CA whose certificate has this SHA-256, ended or not; None where there is none."""
        scope = next((each.id for each in self.scopes.values() if issuer in each.issuers), None)
        return None if scope is None else self._crls.get(scope)

    def find(self, scope: bytes, *, now: datetime) -> CRL:
        """The CRL of the scope.

        Raises:
            CRLUnknown: there is no such scope.
            CRLUnavailable: it has no CRL yet, or the newest has ended.
        """
        if scope not in self.scopes:
            raise CRLUnknown
        crl = self._crls.get(scope)
        if crl is None or not crl.record.is_fresh(now=now):
            raise CRLUnavailable
        return crl

    def certificate(self, scope: bytes) -> bytes:
        """The certificate (DER) of the CA of this scope.

        Raises:
            CRLUnknown: there is no such scope.
        """
        found = self.scopes.get(scope)
        if found is None:
            raise CRLUnknown
        return found.certificate

    @property
    def issuing(self) -> bytes:
        """The scope of the issuer that signs now.

        Raises:
            SignerUnavailable: none signs.
        """
        return self._scope_of(self._issuers.current.der)

    @property
    def root(self) -> bytes:
        """The scope of its root.

        Raises:
            SignerUnavailable: none signs.
        """
        return self._scope_of(self._issuers.root)

    def warnings(self, *, now: datetime) -> Sequence[str]:
        """Warnings, in sentences for people."""
        return list(self._warnings(now))

    def _warnings(self, now: datetime) -> Iterable[str]:
        for scope in self.scopes.values():
            if not scope.is_watched or now > scope.authority.last:
                continue
            crl = self._crls.get(scope.id)
            if crl is None:
                # A root whose key was put away before there were CRLs has none, and loses none.
                if scope.issuers and now > self._started + MISSING_AFTER:
                    yield f"There is no CRL of {scope.title}: its key cannot sign."
            elif not crl.record.is_fresh(now=now):
                yield f"The CRL of {scope.title} ended at {_text(crl.record.next_update)}, and is no longer served."
            elif crl.record.is_overdue(now=now):
                yield f"The CRL of {scope.title} is overdue, and ends at {_text(crl.record.next_update)}."

    @staticmethod
    def _scope_of(der: bytes) -> bytes:
        return scope_of(Authority.of(x509.load_der_x509_certificate(der)))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
