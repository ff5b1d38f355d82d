"""The Director at size: to register, and to list page by page, where there are 100 000 applications in 1 000 tenants.

One tenant has a tenth of them, 900 have a hundred each, the others none. Each application has a system auth, a token
that was redeemed and a certificate, so that a page has something to tell of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count, islice, repeat
from secrets import token_bytes
from uuid import uuid4

from bench.clients import DIRECTOR, graphql, result
from bench.connection import Address, request
from bench.lanes import KeptAlive
from bench.rounds import Loaded, Plan, Row, Say, measure
from bench.server import Server
from connector import registration
from connector.access import OPERATOR, Realm, create_tenant, enter
from connector.directory import EntityKind
from connector.inventory import Certificate
from connector.ports import Transaction
from connector.storage import attach_sqlite
from connector.tokens import OneTimeToken, TokenPolicy, TokenType

TENANTS = 1000
SMALL = 100
PAGE = 100
LARGEST_PAGE = 200
PAGES_READ = 150
HALF_LOAD_SECONDS = 2.0
REGISTERING, FIRST_PAGE, LAST_PAGE = "registerApplication", "first page of 100", "last page of 100"
BATCH = 500
DER_OCTETS = 650  # as our client certificates on P-256 have
DAY = timedelta(days=1)
POLICY = TokenPolicy(dict.fromkeys(TokenType, DAY), dict.fromkeys(TokenType, DAY), renewal_lifetime=DAY, refusals=10)

REGISTER = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id name } }"
LIST = (
    "query { result: applications(first: %d%s) { data { id name status { condition timestamp } labels "
    "auths { id auth { certCommonName oneTimeToken { used expiresAt } } } } "
    "pageInfo { endCursor hasNextPage } %s} }"
)

PLACE = "query { result: applications(first: %d%s) { pageInfo { endCursor } } }"


@dataclass(slots=True)
class Asking(KeptAlive):
    """One kind of request to the Director."""

    server: Server
    tenant: str
    bodies: Iterator[bytes]
    database_pid: int | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.pid

    def address(self) -> Address:
        """The public listener."""
        return self.server.address("public", self.server.context())

    async def prepare(self, count: int) -> Sequence[object]:
        """The administrator's requests."""
        headers = self.server.administers(self.tenant)
        return [request(DIRECTOR, body, headers) for body in islice(self.bodies, count)]


@dataclass(frozen=True, slots=True)
class Scale:
    """The phases against a server that nobody has used yet."""

    server: Server
    plan: Plan
    applications: int
    say: Say

    async def run(self) -> list[Row]:
        """All phases."""
        plan = replace(self.plan, half_load_seconds=HALF_LOAD_SECONDS)
        empty = await self.register("empty", plan)
        self.say(f"registering {self.applications} applications")
        await self.furnish()
        full = await self.register(f"{self.applications} applications", plan)
        return [*empty, *full, *await self.pages(replace(plan, operations=PAGES_READ // plan.rounds + 1, clients=1))]

    async def register(self, on: str, plan: Plan) -> list[Row]:
        """Register in a tenant that has few."""
        bodies = (graphql(REGISTER, {"name": f"app-{uuid4()}"}) for _ in count())
        return await measure([Loaded(Asking(REGISTERING, on, self.server, "default", bodies))], plan, self.say)

    async def pages(self, plan: Plan) -> list[Row]:
        """Pages of the tenant that has most, and of one that has a hundred: one caller, one page after another."""
        large = self.applications // 10
        last = await self._place(before_last=large - PAGE)
        lanes = [
            Asking(what, f"{there} applications", self.server, tenant, repeat(graphql(LIST % (PAGE, after, asked))))
            for what, there, tenant, after, asked in (
                (FIRST_PAGE, large, "large", "", ""),
                (LAST_PAGE, large, "large", last, ""),
                (f"{FIRST_PAGE}, totalCount", large, "large", "", "totalCount "),
                (f"{LAST_PAGE}, totalCount", large, "large", last, "totalCount "),
                (FIRST_PAGE, SMALL, "small-0", "", ""),
            )
        ]
        return await measure([Loaded(lane) for lane in lanes], plan, self.say)

    async def furnish(self) -> None:
        """Register everything by the use cases, some hundred in a transaction, beside the server."""
        store = attach_sqlite(self.server.data / "connector.db")
        try:
            for tenant, names in _plan(self.applications):
                await store.transaction(partial(_create, tenant))
                for start in range(0, len(names), BATCH):
                    await store.transaction(partial(_register, tenant, names[start : start + BATCH]))
        finally:
            await store.close()

    async def _place(self, *, before_last: int) -> str:
        """The argument that asks for what is left of the large tenant's applications after so many."""
        headers, after, done = self.server.administers("large"), "", 0
        connection = await self.server.address("public", self.server.context()).open()
        while done < before_last:
            step = min(LARGEST_PAGE, before_last - done)
            told = result(await connection.send(request(DIRECTOR, graphql(PLACE % (step, after)), headers)))
            after, done = f', after: "{told["pageInfo"]["endCursor"]}"', done + step
        connection.close()
        return after


def _plan(applications: int) -> Iterator[tuple[str, list[str]]]:
    """Each tenant, and the names of its applications."""
    large = applications // 10
    yield "large", [f"app-{number}" for number in range(large)]
    small = (applications - large) // SMALL
    for number in range(TENANTS - 1):
        yield f"small-{number}", [f"app-{each}" for each in range(SMALL if number < small else 0)]


def _create(tenant: str, tx: Transaction) -> None:
    create_tenant(tx, OPERATOR, tenant, tenant, make_id=uuid4, now=datetime.now(UTC))


def _register(tenant: str, names: list[str], tx: Transaction) -> None:
    realm = enter(tx, OPERATOR, tenant)
    for name in names:
        now = datetime.now(UTC)
        made = registration.register(tx, realm, EntityKind.APPLICATION, {"name": name}, make_id=uuid4, now=now)
        token = registration.hand_over(
            tx, realm, made.kind, made.id, policy=POLICY, random=token_bytes, make_id=uuid4, now=now
        ).token
        tx.tokens.redeem(token, now=now)
        tx.inventory.add(_certificate(realm, token, now))


def _certificate(realm: Realm, token: OneTimeToken, now: datetime) -> Certificate:
    """The record of a certificate whose octets nobody will read."""
    der = token_bytes(DER_OCTETS)
    return Certificate(
        serial=uuid4().hex,
        fingerprint=sha256(der).digest(),
        issuer=bytes(32),
        key=bytes(32),
        system_auth_id=token.system_auth_id,
        owner_id=token.owner_id,
        owner_kind=EntityKind.APPLICATION,
        tenant_id=realm.tenant.id,
        not_before=now,
        not_after=now + 90 * DAY,
        issued_at=now,
        der=der,
    )
