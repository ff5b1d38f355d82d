"""A CA and an :class:`Enrollment` in memory, with a clock that stands until it is moved."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any
from uuid import uuid4

from tests.support.issuing import DAY, PROFILE, make_issuer, only

from connector.domain.certificates import Certificate
from connector.domain.directory import Entity, EntityKind
from connector.domain.principals import Caller, Role
from connector.domain.quotas import Quotas
from connector.domain.tokens import Minted, Terms, TokenPolicy, TokenType
from connector.pki.profile import Profiles
from connector.ports.transaction import Store, Transaction
from connector.usecases import registration
from connector.usecases.access import Realm, create_tenant, enter
from connector.usecases.admission import LapsedCertificate, PresentedCertificate, PresentedToken
from connector.usecases.enrollment import Configuration, Enrollment, EnrollmentPolicy
from connector.usecases.quotas import Allowances
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


@dataclass(slots=True)
class World:
    """A store, what acts on it, and the time."""

    store: Store
    time: datetime = START
    quotas: Quotas = NO_QUOTAS
    enrollment: Enrollment = field(init=False)

    def __post_init__(self) -> None:
        self.enrollment = Enrollment(
            self.store,
            only(ISSUER, now=START),
            POLICY,
            lambda: self.time,
            token_bytes,
            uuid4,
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

    async def tenant(self, external_id: str = "acme") -> Realm:
        def create(tx: Transaction) -> Realm:
            create_tenant(tx, ADMINISTRATOR, external_id, external_id, make_id=uuid4, now=self.time)
            return enter(tx, ADMINISTRATOR, external_id)

        return await self.store.transaction(create)

    async def register(
        self, realm: Realm, name: str = "shop", kind: EntityKind = EntityKind.APPLICATION, **particulars: Any
    ) -> Entity:
        return await self.store.transaction(
            lambda tx: registration.register(
                tx,
                realm,
                kind,
                {"name": name, **particulars},
                allowances=self.enrollment.allowances,
                make_id=uuid4,
                now=self.time,
            )
        )

    async def hand_over(
        self,
        realm: Realm,
        entity: Entity,
        *,
        system_auth_id: str | None = None,
        seconds: int | None = None,
        terms: Terms = registration.NO_TERMS,
        alone: bool = True,
    ) -> Minted:
        return await self.store.transaction(
            lambda tx: registration.hand_over(
                tx,
                realm,
                entity.kind,
                entity.id,
                system_auth_id=system_auth_id,
                seconds=seconds,
                terms=terms,
                policy=POLICY.tokens,
                allowances=self.enrollment.allowances,
                random=token_bytes,
                make_id=uuid4,
                now=self.time,
            ),
            alone=alone,
        )
