"""A CA and an :class:`Enrollment` in memory, with a clock that stands until it is moved."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from uuid import uuid4

from connector import registration
from connector.directory import Entity, EntityKind, Tenant
from connector.enrollment import Enrollment, EnrollmentPolicy
from connector.pki.csr import CSRPolicy
from connector.pki.issuer import Issuer, generate_key, make_issuing, make_root
from connector.pki.names import SubjectPolicy
from connector.pki.profile import ClientProfile
from connector.ports import Store
from connector.tokens import Minted, TokenPolicy, TokenType

START = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3650)


def make_issuer(now: datetime = START) -> Issuer:
    """A root and an issuing CA of its own."""
    root_key, key = generate_key("p256"), generate_key("p256")
    root = make_root(root_key, common_name="Test Root", validity=YEARS, serial=1, now=now)
    certificate = make_issuing(
        root, root_key, key.public_key(), common_name="Test Issuing", validity=YEARS, serial=2, now=now
    )
    return Issuer(certificate=certificate, key=key, root=root)


ISSUER = make_issuer()
POLICY = EnrollmentPolicy(
    CSRPolicy(SubjectPolicy("Org", "OrgUnit", "locality", "province", "DE")),
    ClientProfile(),
    TokenPolicy(
        {TokenType.APPLICATION: timedelta(minutes=5), TokenType.RUNTIME: timedelta(minutes=60)},
        renewal_lifetime=timedelta(minutes=5),
        refusals=10,
    ),
)


@dataclass(slots=True)
class World:
    """A store, what acts on it, and the time."""

    store: Store
    time: datetime = START
    enrollment: Enrollment = field(init=False)

    def __post_init__(self) -> None:
        self.enrollment = Enrollment(self.store, ISSUER, POLICY, lambda: self.time, token_bytes, uuid4)

    async def tenant(self, external_id: str = "acme") -> Tenant:
        return await self.store.transaction(
            lambda tx: registration.create_tenant(
                tx, external_id, external_id, actor="admin:test", make_id=uuid4, now=self.time
            )
        )

    async def register(self, tenant: Tenant, name: str = "shop", kind: EntityKind = EntityKind.APPLICATION) -> Entity:
        return await self.store.transaction(
            lambda tx: registration.register(
                tx, tenant, kind, name, None, actor="admin:test", make_id=uuid4, now=self.time
            )
        )

    async def hand_over(self, tenant: Tenant, entity: Entity, *, system_auth_id: str | None = None) -> Minted:
        return await self.store.transaction(
            lambda tx: registration.hand_over(
                tx,
                tenant,
                entity.kind,
                entity.id,
                system_auth_id=system_auth_id,
                policy=POLICY.tokens,
                actor="admin:test",
                random=token_bytes,
                make_id=uuid4,
                now=self.time,
            )
        )
