"""The Director at size: to register, and to list page by page, where there are 100 000 applications in 1 000 tenants.

One tenant has a tenth of them, 900 have a hundred each, the others none. Each application has a system auth, a token
that was redeemed and a certificate, so that a page has something to tell of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, islice, repeat
from secrets import token_bytes
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Table, insert

from bench.clients import DIRECTOR, graphql, result
from bench.connection import Address, request
from bench.lanes import KeptAlive
from bench.rounds import Loaded, Plan, Row, Say, measure
from bench.server import Server
from connector.domain import tokens
from connector.domain.certificates import Certificate
from connector.domain.directory import EntityKind, Tenant, add_system_auth, register_entity, register_tenant
from connector.domain.labels import terms
from connector.domain.origins import Origin
from connector.domain.tokens import OneTimeToken
from connector.storage import schema

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
        self.furnish()
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

    def furnish(self) -> None:
        """Register everything in bulk, beside the server: the rows that the use cases would write, but the audit."""
        with self.server.database.engine.begin() as connection:
            for tenant, names in _plan(self.applications):
                made = register_tenant(tenant, tenant, id=uuid4(), now=datetime.now(UTC))
                connection.execute(insert(schema.tenants), asdict(made))
                for start in range(0, len(names), BATCH):
                    _register(connection, made, names[start : start + BATCH])

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


def _register(connection: Connection, tenant: Tenant, names: Sequence[str]) -> None:
    rows: dict[Table, list[dict[str, Any]]] = {}
    for name in names:
        for table, row in _rows(tenant, name, datetime.now(UTC)):
            rows.setdefault(table, []).append(row)
    for table, those in rows.items():
        connection.execute(insert(table), those)


def _rows(tenant: Tenant, name: str, now: datetime) -> Iterator[tuple[Table, dict[str, Any]]]:
    """All that is kept of one application whose token was redeemed for a certificate."""
    entity = register_entity(tenant, EntityKind.APPLICATION, {"name": name}, id=uuid4(), now=now)
    yield schema.entities, asdict(entity)
    for key, value in entity.labels.items():
        for term in terms(value):
            yield schema.label_terms, {"owner_id": entity.id, "key": key, "term": term}
    auth = add_system_auth(entity, id=uuid4(), now=now)
    yield schema.system_auths, asdict(auth)
    token = tokens.mint(
        token_bytes(tokens.SECRET_OCTETS),
        Origin(uuid4(), now, "key:bench"),
        auth.identity,
        lifetime=DAY,
    ).token
    yield schema.tokens, {**asdict(token), "spent_at": now}
    yield schema.certificates, asdict(_certificate(token, now))


def _certificate(token: OneTimeToken, now: datetime) -> Certificate:
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
        tenant_id=token.tenant_id,
        not_before=now,
        not_after=now + 90 * DAY,
        issued_at=now,
        der=der,
    )
