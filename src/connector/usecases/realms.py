"""Realms: what a caller may reach in one transaction. No use case reaches a tenant's records in another way.

A :class:`Realm` is one tenant, and a caller who may act there. An :class:`Installation` is everything outside of
tenants, as far as a caller may see it, and the way into realms. Both hold the transaction and its moment, and hand out
only what is the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from cryptography import x509

from connector.domain import certificates
from connector.domain.audit import About, Action, Event, Recorded, event
from connector.domain.certificates import Certificate
from connector.domain.clients import Access
from connector.domain.crls import CRLRecord
from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.origins import Origin
from connector.domain.principals import Caller, Role, Scope
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden, TenantNotFound, TenantRequired
from connector.domain.tokens import OneTimeToken
from connector.pki.authority import Authority
from connector.pki.crl import scope_of
from connector.ports.administrators import Sessions, SignInLinks
from connector.ports.audit import EventFilter
from connector.ports.catalogue import Catalogue
from connector.ports.directory import Directory
from connector.ports.formations import Formations
from connector.ports.identity_tokens import TokenKeyRecords
from connector.ports.imports import Imports
from connector.ports.permissions import PermissionFilter
from connector.ports.transaction import Transaction
from connector.usecases.holdings import (
    TenantCertificates,
    TenantClients,
    TenantEvents,
    TenantPermissions,
    TenantTokens,
    TenantUsage,
)
from connector.usecases.visibility import VisibleAdministrators, VisibleKeys, VisiblePermissions, VisibleTenants

COMMAND = Caller("command", "command", Role.ADMINISTRATOR, None)
"""Runs commands on the server's own database. No key acts under that name: theirs begin with ``admin:``."""

SYSTEM = Caller("system", "system", Role.ADMINISTRATOR, None)
"""The server itself."""


@dataclass(frozen=True, slots=True)
class Realm:
    """One tenant, and who acts there with which scopes: the proof that they may. This module alone makes realms.

    ``_within`` are the tenants that they may enter, by external id, as far as they administer; None is every tenant.
    """

    _tx: Transaction = field(repr=False, compare=False)
    tenant_id: str
    actor: str
    scopes: frozenset[Scope] = frozenset()
    _tenant: Tenant | None = field(default=None, repr=False, compare=False)
    _within: frozenset[str] | None = field(default=frozenset(), repr=False, compare=False)

    @property
    def now(self) -> datetime:
        """The moment of this attempt at the transaction."""
        return self._tx.now

    def new_id(self) -> UUID:
        """A new id."""
        return self._tx.new_id()

    def random(self, octets: int) -> bytes:
        """Octets from the system's secure source."""
        return self._tx.random(octets)

    def origin(self) -> Origin:
        """The origin of a new record that the actor makes."""
        return Origin(self.new_id(), self.now, self.actor)

    @property
    def tenant(self) -> Tenant:
        """The tenant's record."""
        found = self._tenant or self._tx.tenants.of_id(self.tenant_id)
        if found is None:
            raise TenantNotFound
        return found

    @property
    def directory(self) -> Directory:
        """The tenant's registrations."""
        return self._tx.directory(self.tenant_id)

    @property
    def formations(self) -> Formations:
        """The tenant's formations."""
        return self._tx.formations(self.tenant_id)

    @property
    def catalogue(self) -> Catalogue:
        """The services that the tenant's applications have published."""
        return self._tx.catalogue(self.tenant_id)

    @property
    def tokens(self) -> TenantTokens:
        """The tenant's one-time tokens."""
        return TenantTokens(self._tx, self.tenant_id)

    @property
    def clients(self) -> TenantClients:
        """The tenant's OAuth 2.0 clients."""
        return TenantClients(self._tx, self.tenant_id)

    @property
    def permissions(self) -> TenantPermissions:
        """Which integration systems of other tenants may act here, and where those of this tenant may."""
        return TenantPermissions(self._tx, self.tenant_id, self._within)

    @property
    def certificates(self) -> TenantCertificates:
        """The tenant's certificates."""
        return TenantCertificates(self._tx, self.tenant_id)

    @property
    def events(self) -> TenantEvents:
        """The tenant's events."""
        return TenantEvents(self._tx, self.tenant_id)

    @property
    def usage(self) -> TenantUsage:
        """How much the tenant has of what quotas limit."""
        return TenantUsage(self._tx, self.tenant_id)

    def update_tenant(self, tenant: Tenant) -> None:
        """Write the tenant's name and its default certificate profile, as this record has them. The realm goes
        on with the former record: whoever needs the new one enters again.
        """
        if tenant.id != self.tenant_id:
            raise ValueError("another tenant's record")
        self._tx.tenants.update(tenant)

    def record(self, action: Action, *abouts: About, reason: str | None = None) -> None:
        """Record one event about each of these, or about the tenant itself where there is none."""
        events = [event(action, about, at=self.now, actor=self.actor, reason=reason) for about in abouts]
        if not abouts:
            events = [Event(at=self.now, action=action, actor=self.actor, tenant_id=self.tenant_id, reason=reason)]
        if any(each.tenant_id != self.tenant_id for each in events):
            raise ValueError("an event about another tenant's record")
        self._tx.audit.append(*events)


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything outside of tenants, as far as one caller may see it, and the way into those that they may enter."""

    _tx: Transaction = field(repr=False, compare=False)
    caller: Caller

    @property
    def now(self) -> datetime:
        """The moment of this attempt at the transaction."""
        return self._tx.now

    def new_id(self) -> UUID:
        """A new id."""
        return self._tx.new_id()

    def random(self, octets: int) -> bytes:
        """Octets from the system's secure source."""
        return self._tx.random(octets)

    def origin(self) -> Origin:
        """The origin of a new record that the caller makes."""
        return Origin(self.new_id(), self.now, self.caller.actor)

    def enter(self, external_id: str | None) -> Realm:
        """The realm of the tenant that the caller names. An integration system without permissions need not name its
        own.

        Raises:
            TenantRequired, TenantNotFound, TenantForbidden: none is named, there is no such tenant, or the caller has
                no right to it. A caller who may not enter every tenant does not learn which ones there are.
        """
        caller = self.caller
        external_id = external_id or self._only_tenant()
        if not external_id:
            raise TenantRequired
        tenant = self._tx.tenants.find(external_id)
        if caller.tenants is not None and external_id not in caller.tenants and not self._is_permitted(tenant):
            raise TenantForbidden
        if tenant is None:
            raise TenantNotFound
        return Realm(self._tx, tenant.id, caller.actor, caller.scopes, tenant, caller.tenants)

    def _only_tenant(self) -> str | None:
        """The integration system's own tenant, if it may act in no other: a missing header is then not ambiguous."""
        system, home = self.caller.system, self.caller.home
        if system is None or self._tx.permissions.list(PermissionFilter(system_id=system), most=1):
            return None
        return home

    def _is_permitted(self, tenant: Tenant | None) -> bool:
        """Whether the caller is an integration system with a permission for the tenant."""
        system = self.caller.system
        return system is not None and tenant is not None and self._tx.permissions.permits(system, tenant.id)

    def require_right_to(self, external_id: str | None) -> None:
        """Return if the caller may make something that opens this tenant, or with None every tenant.

        An integration system's permission is no such right.

        Raises:
            TenantRequired, TenantNotFound, TenantForbidden: they may not, or there is no such tenant.
        """
        if external_id is not None:
            self.enter(external_id)
        if self.caller.tenants is not None and external_id not in self.caller.tenants:
            raise TenantForbidden

    @property
    def tenants(self) -> VisibleTenants:
        """The tenants that the caller may enter."""
        return VisibleTenants(self._tx, self.caller.tenants)

    @property
    def token_keys(self) -> TokenKeyRecords:
        """The public keys of identity tokens, for callers with a right to every tenant.

        Raises:
            TenantForbidden: the caller has none.
        """
        self.require_right_to(None)
        return self._tx.token_keys

    @property
    def keys(self) -> VisibleKeys:
        """The API keys that open nothing but what the caller may enter."""
        return VisibleKeys(self._tx, self.caller.tenants)

    @property
    def administrators(self) -> VisibleAdministrators:
        """The administrators who may enter nothing but what the caller may enter."""
        return VisibleAdministrators(self._tx, self.caller.tenants)

    @property
    def links(self) -> SignInLinks:
        """The links by which passwords are set."""
        return self._tx.links

    @property
    def sessions(self) -> Sessions:
        """The sessions of the console."""
        return self._tx.sessions

    @property
    def permissions(self) -> VisiblePermissions:
        """The permissions for the tenants that the caller may enter, and those for every tenant."""
        return VisiblePermissions(self._tx, self.caller.tenants)

    @property
    def imports(self) -> Imports:
        """The records taken over from another installation, of all tenants.

        Raises:
            TenantForbidden: the caller may not enter every tenant.
        """
        self.require_right_to(None)
        return self._tx.imports

    def events(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        """The matching events outside of tenants, such as those about keys for every tenant, newest first: those after
        that time and number.

        Raises:
            TenantForbidden: the caller may not enter every tenant.
        """
        self.require_right_to(None)
        return self._tx.audit.page(replace(which, tenant_id=None), after=after, most=most)

    def enter_by_auth(self, system_auth_id: str) -> Realm:
        """The realm that the system auth is in, where the caller names no tenant.

        Raises:
            ObjectNotFound: there is none in a tenant that the caller may enter.
        """
        found = self._tx.tenants.of_system_auth(system_auth_id)
        tenant = None if found is None else self.tenants.of_id(found.id)
        if tenant is None:
            raise ObjectNotFound
        return self.enter(tenant.external_id)

    def integration_system(self, id: str) -> tuple[Realm, Entity]:
        """The integration system of that id, and the realm of its own tenant.

        Raises:
            ObjectNotFound: there is none in a tenant that the caller may enter.
        """
        kind = EntityKind.INTEGRATION_SYSTEM
        found = self._tx.tenants.of_entity(kind, id)
        tenant = None if found is None else self.tenants.of_id(found.id)
        realm = None if tenant is None else self.enter(tenant.external_id)
        system = None if realm is None else realm.directory.entity(kind, id)
        if realm is None or system is None:
            raise ObjectNotFound
        return realm, system

    def certificate(self, serial: str) -> tuple[Realm, Certificate]:
        """The newest certificate of that serial number, and the realm that it is in.

        Raises:
            ObjectNotFound: there is none in a tenant that the caller may enter.
        """
        for certificate in self._tx.inventory.of_serial(serial):
            tenant = self.tenants.of_id(certificate.tenant_id)
            if tenant is not None:
                return self.enter(tenant.external_id), certificate
        raise ObjectNotFound

    def crl_of(self, issuer: bytes) -> tuple[CRLRecord, bytes] | None:
        """The newest CRL of the CA whose certificate has this SHA-256: its record and its DER. Anybody may have it."""
        certificate = next((each.der for each in self._tx.issuers.list() if each.fingerprint == issuer), None)
        scope = None if certificate is None else scope_of(Authority.of(x509.load_der_x509_certificate(certificate)))
        record = next((each for each in self._tx.crls.list() if each.scope == scope), None)
        octets = None if record is None else self._tx.crls.octets(record.scope, record.number)
        return None if record is None or octets is None else (record, octets)

    def record(self, action: Action, *, tenant: str | None, reason: str) -> None:
        """Record an event that concerns the tenant of that external id, or none."""
        found = self._tx.tenants.find(tenant) if tenant is not None else None
        tenant_id = None if found is None else found.id
        self._tx.audit.append(
            Event(at=self.now, action=action, actor=self.caller.actor, tenant_id=tenant_id, reason=reason)
        )


def enter_as_owner(tx: Transaction, way_in: Certificate | Access, external_id: str | None, *scopes: Scope) -> Realm:
    """The tenant of a certificate or access token that was found to be good, in which its owner has these scopes.

    With an access token, no more of them than it holds.

    Raises:
        TenantForbidden: another tenant was named.
    """
    tenant = way_in.tenant if isinstance(way_in, Access) else tx.tenants.of_id(way_in.tenant_id)
    if tenant is None or (external_id and external_id != tenant.external_id):
        raise TenantForbidden
    if isinstance(way_in, Access):
        return Realm(tx, tenant.id, way_in.actor, way_in.scopes.intersection(scopes), tenant)
    return Realm(tx, tenant.id, way_in.actor, frozenset(scopes), tenant)


def enter_as_holder(tx: Transaction, fingerprint: bytes, *scopes: Scope) -> Realm:
    """The tenant of the certificate with that fingerprint, in which its owner has these scopes.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
        TenantForbidden: the tenant is gone.
    """
    return enter_as_owner(tx, certificates.check(tx.inventory.find(fingerprint), now=tx.now), None, *scopes)


def enter_as_bearer(tx: Transaction, token: OneTimeToken, *scopes: Scope) -> Realm:
    """The tenant of a one-time token that was found to be good, in which its bearer has these scopes.

    Raises:
        TenantForbidden: the tenant is gone.
    """
    tenant = tx.tenants.of_id(token.tenant_id)
    if tenant is None:
        raise TenantForbidden
    return Realm(tx, tenant.id, token.actor, frozenset(scopes), tenant)


def realm_of(tx: Transaction, record: OneTimeToken | Certificate, actor: str) -> Realm:
    """The realm of a record whose bearer or holder was found to be good, or that the server itself looks after."""
    return Realm(tx, record.tenant_id, actor)
