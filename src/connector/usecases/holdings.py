"""The records of a tenant: the ports for tokens, certificates and events, each bound to one tenant and one moment.

The tenant and the moment of a filter are filled in here, whatever the filter says.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.domain.audit import Recorded
from connector.domain.certificates import Certificate, RevocationReason, Standing
from connector.domain.clients import Client
from connector.domain.directory import EntityKind
from connector.domain.overview import CertificateTally
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden
from connector.domain.tokens import OneTimeToken
from connector.ports.audit import Daily, EventFilter
from connector.ports.certificates import CertificateFilter
from connector.ports.permissions import PermissionFilter
from connector.ports.quotas import Certified
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction


@dataclass(frozen=True, slots=True)
class TenantTokens:
    """The one-time tokens of a tenant; see :class:`connector.ports.tokens.Tokens`."""

    _tx: Transaction = field(repr=False)
    tenant_id: str

    def add(self, token: OneTimeToken) -> None:
        """Record a minted token."""
        self._tx.tokens.add(token)

    def list(
        self, which: TokenFilter, *, after: tuple[datetime, str] | None = None, most: int | None = None
    ) -> Sequence[OneTimeToken]:
        """The tokens that fit, newest first."""
        return self._tx.tokens.list(self._mine(which), after=after, most=most)

    def last_handed_over(self, system_auth_ids: Collection[str]) -> Mapping[str, OneTimeToken]:
        """The newest token of each of these system auths that was fetched over no certificate's connection."""
        return self._tx.tokens.last_handed_over(self.tenant_id, system_auth_ids)

    def count(self, which: TokenFilter) -> int:
        """The number of tokens that fit."""
        return self._tx.tokens.count(self._mine(which))

    def withdraw(self, which: TokenFilter) -> Sequence[OneTimeToken]:
        """Withdraw the tokens that fit and are still minted, and return those."""
        return self._tx.tokens.withdraw(self._mine(which), now=self._tx.now)

    def _mine(self, which: TokenFilter) -> TokenFilter:
        return replace(which, tenant_id=self.tenant_id, now=self._tx.now)


@dataclass(frozen=True, slots=True)
class TenantClients:
    """The OAuth 2.0 clients of a tenant; see :class:`connector.ports.clients.Clients`."""

    _tx: Transaction = field(repr=False)
    tenant_id: str

    def add(self, client: Client) -> None:
        """Record credentials for one of the tenant's system auths. Raises ObjectNotFound when it is none of them."""
        if self._tx.directory(self.tenant_id).system_auth(client.id) is None:
            raise ObjectNotFound
        self._tx.clients.add(client)

    def among(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these system auths are clients."""
        return self._tx.clients.among(self.tenant_id, ids)


@dataclass(frozen=True, slots=True)
class TenantPermissions:
    """The permissions that concern a tenant; see :class:`connector.ports.permissions.Permissions`.

    ``within`` are the tenants that whoever acts may enter, by their external ids; None is every tenant.
    """

    _tx: Transaction = field(repr=False)
    tenant_id: str
    within: frozenset[str] | None

    def permits(self, system_id: str) -> bool:
        """Whether this integration system of another tenant may act in this one."""
        return self._tx.permissions.permits(system_id, self.tenant_id)

    def number(self, system_id: str) -> int:
        """The number of permissions of this integration system of the tenant, also of those hidden from the caller."""
        return self._tx.permissions.count(PermissionFilter(system_id=system_id))

    def require_right_to_reach(self, system_id: str) -> None:
        """Return if whoever acts may enter every tenant where this integration system of the tenant may act.

        Raises:
            TenantForbidden: they may not. What they make for it would open tenants that are closed to them.
        """
        which = PermissionFilter(system_id=system_id)
        found = [] if self.within is None else self._tx.permissions.list(which)
        if self.within is not None and not all(each.tenant in self.within for each in found):
            raise TenantForbidden(
                "Unauthorized: this integration system may act in tenants that the caller may not enter. Use a "
                "credential for these tenants, or for every tenant."
            )


@dataclass(frozen=True, slots=True)
class TenantCertificates:
    """The certificates of a tenant; see :class:`connector.ports.certificates.Inventory`."""

    _tx: Transaction = field(repr=False)
    tenant_id: str

    def list(
        self, which: CertificateFilter, *, after: tuple[datetime, bytes] | None = None, most: int | None = None
    ) -> Sequence[Certificate]:
        """The certificates that fit, newest first."""
        return self._tx.inventory.list(self._mine(which), after=after, most=most)

    def count(self, which: CertificateFilter) -> int:
        """The number of certificates that fit."""
        return self._tx.inventory.count(self._mine(which))

    def revoke(self, which: CertificateFilter, reason: RevocationReason) -> Sequence[Certificate]:
        """Revoke the certificates that fit, and return those that were not revoked before."""
        return self._tx.inventory.revoke(self._mine(which), reason, now=self._tx.now)

    def ask_renewal(self, which: CertificateFilter) -> Sequence[Certificate]:
        """Note that the holders of the certificates that fit are asked to renew; return those that are newly asked."""
        return self._tx.inventory.ask_renewal(self._mine(which), now=self._tx.now)

    def standings(self, owner_ids: Collection[str]) -> Mapping[str, Standing]:
        """How these owners stand now; those that never had a certificate are left out."""
        return self._tx.inventory.standings(self.tenant_id, owner_ids, now=self._tx.now)

    def certified(self, system_auth_ids: Collection[str]) -> frozenset[str]:
        """Those of the system auths under which a certificate was ever issued."""
        return self._tx.inventory.certified(self.tenant_id, system_auth_ids)

    def last_seen(self, certificates: Collection[Certificate]) -> Mapping[bytes, datetime]:
        """When the holders of these certificates of the tenant were last seen, by fingerprint; those that never were
        are left out.
        """
        return self._tx.sightings.find([each.fingerprint for each in certificates if each.tenant_id == self.tenant_id])

    def tally(self, *, soon: datetime) -> CertificateTally:
        """The number in each state now; expiring are those issued that end by ``soon``."""
        return self._tx.inventory.tally(self.tenant_id, now=self._tx.now, soon=soon)

    def expiring_by_day(self, *, since: datetime, days: int) -> Mapping[int, int]:
        """The number that end on each of the days, of those that are neither revoked nor superseded."""
        return self._tx.inventory.expiring_by_day(self.tenant_id, since=since, days=days)

    def _mine(self, which: CertificateFilter) -> CertificateFilter:
        return replace(which, tenant_id=self.tenant_id, now=self._tx.now)


@dataclass(frozen=True, slots=True)
class TenantEvents:
    """The events of a tenant; see :class:`connector.ports.audit.Audit`. A realm alone records them."""

    _tx: Transaction = field(repr=False)
    tenant_id: str

    def page(self, which: EventFilter, *, after: tuple[datetime, int] | None = None, most: int) -> Sequence[Recorded]:
        """The events that fit, newest first: those after that time and number."""
        return self._tx.audit.page(replace(which, tenant_id=self.tenant_id), after=after, most=most)

    def later(self, owner_id: str, *, number: int, most: int) -> Sequence[Recorded]:
        """The events about that owner with a greater number, oldest first."""
        return self._tx.audit.later(self.tenant_id, owner_id, number=number, most=most)

    def daily(self, *, since: datetime) -> Daily:
        """The number of events for each day since then and each action."""
        return self._tx.audit.daily(self.tenant_id, since=since)


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """How much a tenant has of what quotas limit; see :class:`connector.ports.quotas.Usage`."""

    _tx: Transaction = field(repr=False)
    tenant_id: str

    def entities(self, kind: EntityKind, *, most: int) -> int:
        """The number of that kind; counting stops at ``most``."""
        return self._tx.usage.entities(self.tenant_id, kind, most=most)

    def certificates(self, *, most: int) -> int:
        """The number of good certificates; counting stops at ``most``."""
        return self._tx.usage.certificates(self.tenant_id, now=self._tx.now, most=most)

    def tokens(self, *, most: int) -> int:
        """The number of tokens that can be redeemed; counting stops at ``most``."""
        return self._tx.usage.tokens(self.tenant_id, now=self._tx.now, most=most)

    def unexpired_tokens(self, *, most: int) -> int:
        """An upper bound of that, which is quicker to find: it counts all tenants' tokens that have not expired."""
        return self._tx.usage.unexpired_tokens(now=self._tx.now, most=most)

    def certified(self, owner_id: str, *, since: datetime) -> Mapping[str, Certified]:
        """The owner's certificates by system auth."""
        return self._tx.usage.certified(self.tenant_id, owner_id, since=since, now=self._tx.now)
