"""The store in memory, for trying things out: it keeps the same promises, until the process ends.

A transaction works on a copy of the tables, which then takes their place; an exception leaves the old ones.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from secrets import token_bytes
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from tests.support.memory.administrators import MemoryAdministrators, MemorySessions, MemorySignInLinks
from tests.support.memory.catalogue import MemoryCatalogue
from tests.support.memory.clients import MemoryClients
from tests.support.memory.crls import MemoryCRLs
from tests.support.memory.directory import MemoryDirectory, MemoryTenants, Tables
from tests.support.memory.formations import MemoryFormations
from tests.support.memory.identity_tokens import MemoryTokenKeys
from tests.support.memory.imports import MemoryImports
from tests.support.memory.issuers import MemoryIssuers
from tests.support.memory.ocsp import MemoryStatuses
from tests.support.memory.permissions import MemoryPermissions
from tests.support.memory.quotas import MemoryUsage
from tests.support.memory.sightings import MemorySightings
from tests.support.memory.subjects import MemorySubjects

from connector.domain import tokens as token_rules
from connector.domain.audit import Action, Event, Recorded, within
from connector.domain.certificates import (
    Certificate,
    CertificateState,
    Condition,
    RevocationReason,
    Standing,
    TrustAnchor,
)
from connector.domain.overview import CertificateTally
from connector.domain.principals import ApiKey
from connector.domain.refusals.objects import NotUniqueName
from connector.domain.refusals.steps import StepTaken
from connector.domain.refusals.storage import StorageReadOnly, StorageUnavailable
from connector.domain.refusals.tokens import TokenUnknown
from connector.domain.tokens import OneTimeToken
from connector.ports.audit import CIRCUMSTANCES, EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Clock, Transaction
from connector.storage.moments import now

T = TypeVar("T")


class MemoryStore:
    """Runs functions in transactions on tables in memory; see :class:`connector.ports.transaction.Store`."""

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._tables = Tables()
        self._lock = Lock()
        self._closed = False

    async def transaction(self, function: Callable[[Transaction], T], *, alone: bool = True) -> T:
        with self._lock:
            result, self._tables = self._run(function)
            return result

    async def read(self, function: Callable[[Transaction], T], *, single: bool = False) -> T:
        with self._lock:
            result, tables = self._run(function)
            if tables != self._tables:
                raise StorageReadOnly
            return result

    async def look_up(self, function: Callable[[Transaction], T]) -> T:
        return await self.read(function)

    async def sole(self, name: str, function: Callable[[Transaction], T]) -> T | None:
        return await self.transaction(function)

    async def probe(self) -> None:
        await self.transaction(lambda _: None)

    async def close(self) -> None:
        self._closed = True

    def _run(self, function: Callable[[Transaction], T]) -> tuple[T, Tables]:
        if self._closed:
            raise StorageUnavailable
        tables = self._tables.copy()
        return function(_MemoryTransaction(tables, self._clock())), tables


class _MemoryTokens:
    """One-time tokens."""

    def __init__(self, tables: Tables) -> None:
        self._tokens = tables.tokens

    def add(self, token: OneTimeToken) -> None:
        if token.id in self._tokens or self.find(token.digest) is not None:
            raise ValueError("the token is recorded already")
        self._tokens[token.id] = token

    def find(self, digest: bytes) -> OneTimeToken | None:
        return next((token for token in self._tokens.values() if token.digest == digest), None)

    def list(
        self, which: TokenFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[OneTimeToken]:
        found = [token for token in self._tokens.values() if _token_fits(token, which)]
        found = [token for token in found if after is None or (token.minted_at, token.id) < after]
        return sorted(found, key=attrgetter("minted_at", "id"), reverse=True)[:most]

    def last_handed_over(self, tenant_id: str, system_auth_ids: Collection[str]) -> Mapping[str, OneTimeToken]:
        newest_first = self.list(TokenFilter(tenant_id, handed_over=True))
        return {each.system_auth_id: each for each in reversed(newest_first) if each.system_auth_id in system_auth_ids}

    def count(self, which: TokenFilter) -> int:
        return len(self.list(which))

    def redeem(self, token: OneTimeToken, *, now: datetime) -> None:
        current = token_rules.check(self._tokens.get(token.id), token.digest, now=now)
        self._tokens[token.id] = replace(current, spent_at=now)

    def count_refusals(self, token: OneTimeToken, number: int = 1) -> OneTimeToken:
        current = self._tokens.get(token.id)
        if current is None:
            raise TokenUnknown
        self._tokens[token.id] = counted = replace(current, refusals=current.refusals + number)
        return counted

    def withdraw(self, which: TokenFilter, *, now: datetime) -> Sequence[OneTimeToken]:
        is_open = (token for token in self.list(which) if token.spent_at is None and token.withdrawn_at is None)
        withdrawn = [replace(token, withdrawn_at=now) for token in is_open]
        self._tokens.update((token.id, token) for token in withdrawn)
        return withdrawn

    def remove_ended(self, before: datetime, most: int) -> int:
        ended = sorted((token.expires_at, token.id) for token in self._tokens.values() if token.expires_at < before)
        for _, ended_id in ended[:most]:
            del self._tokens[ended_id]
        return len(ended[:most])


class _MemoryInventory:
    """Issued certificates."""

    def __init__(self, tables: Tables) -> None:
        self._certificates = tables.certificates
        self._entities = tables.entities

    def add(self, certificate: Certificate) -> None:
        same_serial = any(
            (other.issuer, other.serial) == (certificate.issuer, certificate.serial)
            for other in self._certificates.values()
        )
        if same_serial or certificate.fingerprint in self._certificates:
            raise ValueError("the certificate is recorded already")
        if certificate.step is not None and self.of_step(certificate.step) is not None:
            raise StepTaken
        self._certificates[certificate.fingerprint] = certificate

    def of_step(self, step: bytes) -> Certificate | None:
        return next((each for each in self._certificates.values() if each.step == step), None)

    def find(self, fingerprint: bytes) -> Certificate | None:
        return self._certificates.get(fingerprint)

    def of_serial(self, serial: str) -> Sequence[Certificate]:
        found = [certificate for certificate in self._certificates.values() if certificate.serial == serial]
        return sorted(found, key=attrgetter("issued_at", "fingerprint"), reverse=True)

    def list(
        self, which: CertificateFilter, *, after: tuple[datetime, bytes] | None = None, most: int | None = None
    ) -> Sequence[Certificate]:
        found = [each for each in self._certificates.values() if self._fits(each, which)]
        found = [each for each in found if after is None or (each.issued_at, each.fingerprint) < after]
        return sorted(found, key=attrgetter("issued_at", "fingerprint"), reverse=True)[:most]

    def count(self, which: CertificateFilter) -> int:
        return len(self.list(which))

    def standings(self, tenant_id: str, owner_ids: Collection[str], *, now: datetime) -> Mapping[str, Standing]:
        standings = {}
        for owner_id in owner_ids:
            mine = self.list(CertificateFilter(tenant_id, owner_id=owner_id))
            good = [each.issued_at for each in mine if each.revoked_at is None and each.not_after >= now]
            if good:
                standings[owner_id] = Standing(Condition.CONNECTED, max(good))
            elif mine:
                ended = max(each.revoked_at or each.not_after for each in mine)
                standings[owner_id] = Standing(Condition.FAILED, ended)
        return standings

    def tally(self, tenant_id: str, *, now: datetime, soon: datetime) -> CertificateTally:
        mine = self.list(CertificateFilter(tenant_id))
        states = [each.state(now=now) for each in mine]
        issued = [each for each in mine if each.state(now=now) is CertificateState.ISSUED]
        return CertificateTally(
            issued=len(issued),
            expiring=sum(each.not_after <= soon for each in issued),
            superseded=states.count(CertificateState.SUPERSEDED),
            expired=states.count(CertificateState.EXPIRED),
            revoked=states.count(CertificateState.REVOKED),
        )

    def expiring_by_day(self, tenant_id: str, *, since: datetime, days: int) -> Mapping[int, int]:
        ends = [
            (each.not_after - since) // timedelta(days=1)
            for each in self.list(CertificateFilter(tenant_id))
            if each.revoked_at is None and each.superseded_at is None
        ]
        return {day: ends.count(day) for day in set(ends) if 0 <= day < days}

    def certified(self, tenant_id: str, system_auth_ids: Collection[str]) -> frozenset[str]:
        mine = (each.system_auth_id for each in self._certificates.values() if each.tenant_id == tenant_id)
        return frozenset(each for each in mine if each in system_auth_ids)

    def supersede(self, certificate: Certificate, *, now: datetime) -> None:
        current = self._certificates.get(certificate.fingerprint)
        if current is not None and current.superseded_at is None:
            self._certificates[current.fingerprint] = replace(current, superseded_at=now)

    def ask_renewal(self, which: CertificateFilter, *, now: datetime) -> Sequence[Certificate]:
        found = [certificate for certificate in self.list(which) if certificate.renewal_asked_at is None]
        asked = [replace(certificate, renewal_asked_at=now) for certificate in found]
        self._certificates.update((certificate.fingerprint, certificate) for certificate in asked)
        return asked

    def revoke(self, which: CertificateFilter, reason: RevocationReason, *, now: datetime) -> Sequence[Certificate]:
        good = [certificate for certificate in self.list(which) if certificate.revoked_at is None]
        revoked = [replace(certificate, revoked_at=now, revocation_reason=reason) for certificate in good]
        self._certificates.update((certificate.fingerprint, certificate) for certificate in revoked)
        return revoked

    def _fits(self, certificate: Certificate, which: CertificateFilter) -> bool:
        return (
            _equal(certificate, which, "tenant_id", "serial", "fingerprint", "system_auth_id", "owner_id", "issuer")
            and (which.state is None or certificate.state(now=which.now or certificate.issued_at) is which.state)
            and (which.expires_from is None or certificate.not_after >= which.expires_from)
            and (which.expires_to is None or certificate.not_after <= which.expires_to)
            and which.lapsed in (None, certificate.lapsed_at is not None)
            and (which.text is None or self._is_about(certificate, which.text))
        )

    def _is_about(self, certificate: Certificate, text: str) -> bool:
        owner = self._entities.get(certificate.owner_id)
        return (
            certificate.system_auth_id == text
            or (owner is not None and text.lower() in owner.name.lower())
            or (bool(text) and certificate.serial.startswith(text))
            or (bool(text) and certificate.fingerprint.hex().startswith(text))
        )


class _MemoryAudit:
    """The events."""

    def __init__(self, tables: Tables) -> None:
        self._events = tables.events

    def append(self, *events: Event) -> None:
        self._events.extend(within(CIRCUMSTANCES.get(), event) for event in events)

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        found = [each for each in self._recorded() if _event_fits(each.event, which)]
        found = [each for each in found if after is None or (each.event.at, each.number) < after]
        return sorted(found, key=lambda each: (each.event.at, each.number), reverse=True)[:most]

    def later(self, tenant_id: str, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        which = EventFilter(tenant_id, about=owner_id)
        return [each for each in self._recorded() if each.number > number and _event_fits(each.event, which)][:most]

    def daily(self, tenant_id: str, *, since: datetime) -> Mapping[tuple[int, Action], int]:
        counted: dict[tuple[int, Action], int] = {}
        for event in self._events:
            if event.tenant_id == tenant_id and event.at >= since:
                key = ((event.at - since) // timedelta(days=1), event.action)
                counted[key] = counted.get(key, 0) + event.times
        return counted

    def _recorded(self) -> Sequence[Recorded]:
        return [Recorded(number, event) for number, event in enumerate(self._events, start=1)]


class _MemoryApiKeys:
    """API keys."""

    def __init__(self, tables: Tables) -> None:
        self._keys = tables.keys

    def add(self, key: ApiKey) -> None:
        if any((other.tenant, other.name) == (key.tenant, key.name) for other in self._keys.values()):
            raise NotUniqueName
        self._keys[key.digest] = key

    def find(self, digest: bytes) -> ApiKey | None:
        return self._keys.get(digest)

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        after: tuple[datetime, str] | None = None,
        most: int | None = None,
    ) -> Sequence[ApiKey]:
        found = [key for key in self._keys.values() if within is None or key.tenant in within]
        found = [key for key in found if after is None or (key.created_at, key.id) < after]
        return sorted(found, key=attrgetter("created_at", "id"), reverse=True)[:most]

    def count(self, *, within: frozenset[str] | None = None) -> int:
        return len(self.list(within=within))

    def revoke(self, id: str, *, within: frozenset[str] | None, now: datetime) -> ApiKey | None:
        key = next((key for key in self.list(within=within) if key.id == id), None)
        if key is None or key.revoked_at is not None:
            return key
        self._keys[key.digest] = revoked = replace(key, revoked_at=now)
        return revoked

    def any(self) -> bool:
        return bool(self._keys)


class _MemoryTrustAnchors:
    """The roots under which certificates are issued."""

    def __init__(self, tables: Tables) -> None:
        self._anchors = tables.anchors

    def add(self, anchor: TrustAnchor) -> None:
        if anchor.fingerprint in self._anchors:
            raise NotUniqueName
        self._anchors[anchor.fingerprint] = anchor

    def list(self) -> Sequence[TrustAnchor]:
        return sorted(self._anchors.values(), key=attrgetter("fingerprint"))


class _MemoryTransaction:
    """All that one transaction can read and write, and its moment."""

    random = staticmethod(token_bytes)
    new_id = staticmethod(uuid4)

    def __init__(self, tables: Tables, now: datetime) -> None:
        self.now = now
        self.tenants = MemoryTenants(tables)
        self.tokens = _MemoryTokens(tables)
        self.inventory = _MemoryInventory(tables)
        self.subjects = MemorySubjects(tables)
        self.sightings = MemorySightings(tables)
        self.token_keys = MemoryTokenKeys(tables)
        self.audit = _MemoryAudit(tables)
        self.keys = _MemoryApiKeys(tables)
        self.clients = MemoryClients(tables)
        self.permissions = MemoryPermissions(tables)
        self.anchors = _MemoryTrustAnchors(tables)
        self.issuers = MemoryIssuers(tables)
        self.imports = MemoryImports(tables)
        self.crls = MemoryCRLs(tables)
        self.statuses = MemoryStatuses(tables)
        self.administrators = MemoryAdministrators(tables)
        self.links = MemorySignInLinks(tables)
        self.sessions = MemorySessions(tables)
        self.usage = MemoryUsage(tables)
        self._tables = tables

    def directory(self, tenant_id: str) -> MemoryDirectory:
        return MemoryDirectory(self._tables, tenant_id)

    def formations(self, tenant_id: str) -> MemoryFormations:
        return MemoryFormations(self._tables, tenant_id)

    def catalogue(self, tenant_id: str) -> MemoryCatalogue:
        return MemoryCatalogue(self._tables, tenant_id)


def _token_fits(token: OneTimeToken, which: TokenFilter) -> bool:
    return (
        _equal(token, which, "tenant_id", "id", "system_auth_id", "owner_id")
        and (which.certificates is None or token.certificate in which.certificates)
        and which.handed_over in (None, token.certificate is None)
        and (which.state is None or token.state(now=which.now or token.minted_at) is which.state)
    )


def _event_fits(event: Event, which: EventFilter) -> bool:
    return (
        event.tenant_id == which.tenant_id
        and (not which.actions or event.action in which.actions)
        and which.about in (None, event.owner_id)
        and which.actor in (None, event.actor)
        and which.serial in (None, event.serial)
        and which.address in (None, event.address)
        and which.request_id in (None, event.request_id)
        and (which.since is None or event.at >= which.since)
        and (which.until is None or event.at < which.until)
    )


def _equal(record: OneTimeToken | Certificate, which: TokenFilter | CertificateFilter, *names: str) -> bool:
    given = ((name, getattr(which, name)) for name in names)
    return all(value is None or getattr(record, name) == value for name, value in given)
