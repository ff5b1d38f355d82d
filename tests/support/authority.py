"""A CA and an :class:`Enrollment` in memory, with a clock that stands until it is moved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

from tests.support.issuing import DAY, PROFILE, make_issuer, only

from connector.domain.certificates import Certificate
from connector.domain.directory import Entity, EntityKind, Tenant
from connector.domain.principals import Caller, PresentedCertificate, PresentedToken, Role
from connector.domain.quotas import Quotas
from connector.domain.tokens import Minted, TokenPolicy, TokenType
from connector.pki.profile import Profiles
from connector.ports.transaction import Clock, Store
from connector.usecases import registration
from connector.usecases.admission import LapsedCertificate
from connector.usecases.enrollment import Configuration, Enrollment, EnrollmentPolicy
from connector.usecases.offices import Office
from connector.usecases.quotas import Allowances
from connector.usecases.realms import Installation, Realm
from connector.usecases.tenants import create_tenant
from connector.web.csrs import request

START = datetime(2026, 1, 1, tzinfo=UTC)


ISSUER = make_issuer(now=START, validity=3600 * DAY)
POLICY = EnrollmentPolicy(
    Profiles(PROFILE),
    TokenPolicy(
        {TokenType.APPLICATION: timedelta(minutes=5), TokenType.RUNTIME: timedelta(minutes=60)},
        longest={TokenType.APPLICATION: timedelta(days=1), TokenType.RUNTIME: timedelta(days=1)},
        renewal_lifetime=timedelta(minutes=5),
        refusals=10,
    ),
)

NO_QUOTAS = Quotas()
ADMINISTRATOR = Caller("test", "admin:test", Role.ADMINISTRATOR, None)


class Timed:
    """A store whose transactions have the time of a clock of ours."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def transaction(self, function: Callable[[Any], Any], *, alone: bool = True) -> Any:
        return await self._store.transaction(self._at(function), alone=alone)

    async def read(self, function: Callable[[Any], Any], *, single: bool = False) -> Any:
        return await self._store.read(self._at(function), single=single)

    async def look_up(self, function: Callable[[Any], Any]) -> Any:
        return await self._store.look_up(self._at(function))

    async def sole(self, name: str, function: Callable[[Any], Any]) -> Any:
        return await self._store.sole(name, self._at(function))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _at(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def at(tx: Any) -> Any:
            tx.now = self._clock()
            return function(tx)

        return at


@dataclass(slots=True)
class World:
    """A store, what acts on it, and the time."""

    store: Store
    time: datetime = START
    quotas: Quotas = NO_QUOTAS
    enrollment: Enrollment = field(init=False)

    def __post_init__(self) -> None:
        self.store = Timed(self.store, lambda: self.time)
        self.enrollment = Enrollment(
            self.store,
            only(ISSUER, now=START),
            POLICY,
            lambda: self.time,
            token_bytes,
            allowances=Allowances(self.quotas),
        )

    async def enroll(self, text: str, source: str | None, csr: str, key: str | None = None) -> Certificate:
        return await self.enrollment.sign(PresentedToken(text, source), request(csr, key))

    async def renew(self, fingerprint: bytes, csr: str, key: str | None = None) -> Certificate:
        return await self.enrollment.sign(PresentedCertificate(fingerprint), request(csr, key))

    async def renew_lapsed(self, fingerprint: bytes, csr: str, proof: bytes, key: str | None = None) -> Certificate:
        return await self.enrollment.sign(LapsedCertificate(fingerprint, proof), request(csr, key))

    async def configure(self, text: str, source: str | None) -> Configuration:
        return await self.enrollment.configure(PresentedToken(text, source))

    async def describe(self, text: str, source: str | None) -> str:
        return await self.enrollment.describe(PresentedToken(text, source))

    def office(self, tenant: Tenant) -> Office[Realm]:
        """Where an administrator acts in the tenant."""
        return Office(self.store, lambda tx: Installation(tx, ADMINISTRATOR).enter(tenant.external_id))

    async def tenant(self, external_id: str = "acme") -> Tenant:
        office = Office(self.store, lambda tx: Installation(tx, ADMINISTRATOR))
        return await office.run(create_tenant, external_id, external_id)

    async def register(
        self, tenant: Tenant, name: str = "shop", kind: EntityKind = EntityKind.APPLICATION, **particulars: Any
    ) -> Entity:
        return await self.office(tenant).run(
            registration.register, kind, {"name": name, **particulars}, allowances=self.enrollment.allowances
        )

    async def hand_over(
        self, tenant: Tenant, entity: Entity, *, system_auth_id: str | None = None, **given: Any
    ) -> Minted:
        return await self.office(tenant).run(
            registration.hand_over_under if system_auth_id else registration.hand_over,
            entity.kind,
            system_auth_id or entity.id,
            policy=POLICY.tokens,
            allowances=self.enrollment.allowances,
            **given,
        )
