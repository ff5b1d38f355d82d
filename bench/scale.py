"""The Director at size: to register, and to list page by page, where there are 100 000 applications in 1 000 tenants.

One tenant has a tenth of them, 900 have a hundred each, the others none. Each application has a system auth, a token
that was redeemed and a certificate, so that a page has something to tell of each.
"""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from secrets import token_bytes
from uuid import uuid4

from bench.load import Connection, spread
from bench.measured import DIRECTOR, Row, Target
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
PAGES_READ = 150
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


@dataclass(frozen=True, slots=True)
class Scale:
    """The phases against a server that nobody has used yet."""

    target: Target
    connections: int
    operations: int
    applications: int

    async def run(self) -> tuple[list[Row], dict[str, float]]:
        """All phases, and the two ratios."""
        empty = await self.register("registerApplication, empty database", "first")
        await self.furnish()
        full = await self.register(f"registerApplication, {self.applications} there", "second")
        async with self.target.to("public", self.target.context()) as connection:
            pages = await self.pages(connection)
        ratios = {
            "registering_at_size_to_empty": full.per_second / empty.per_second,
            "last_page_to_first": pages[1].p50_ms / pages[0].p50_ms,
        }
        return [empty, full, *pages], ratios

    async def register(self, what: str, prefix: str) -> Row:
        """Register in a tenant that has few."""
        headers = self.target.administers("default")

        async def register(connection: Connection, name: str) -> bytes:
            return await connection.post(DIRECTOR, _body(REGISTER, name=name), headers)

        context = self.target.context()
        opened = [self.target.to("public", context) for _ in range(self.connections)]
        async with AsyncExitStack() as stack:
            for connection in opened:
                await stack.enter_async_context(connection)
            await spread([f"{prefix}-warm-{number}" for number in range(200)], opened, register)
            names = [f"{prefix}-{number}" for number in range(self.operations)]
            row, _ = await self.target.measured(what, spread(names, opened, register))
        return row

    async def pages(self, connection: Connection) -> list[Row]:
        """Pages of the tenant that has most, and of one that has a hundred: one caller, one page after another."""
        large = self.applications // 10
        last = await self._place(connection, before_last=large - PAGE)
        rows = []
        for what, tenant, after, asked in (
            (f"first page of 100 of {large}", "large", "", ""),
            (f"last page of 100 of {large}", "large", last, ""),
            ("first page, with totalCount", "large", "", "totalCount "),
            ("last page, with totalCount", "large", last, "totalCount "),
            (f"page of 100 of {SMALL}", "small-0", "", ""),
        ):
            row, answers = await self._read(connection, what, tenant, _body(LIST % (PAGE, after, asked)))
            assert len(json.loads(answers[0])["data"]["result"]["data"]) == PAGE
            rows.append(row)
        return rows

    async def furnish(self) -> None:
        """Register everything by the use cases, some hundred in a transaction, beside the server."""
        store = attach_sqlite(self.target.server.data / "connector.db")
        try:
            for tenant, names in _plan(self.applications):
                await store.transaction(partial(_create, tenant))
                for start in range(0, len(names), BATCH):
                    await store.transaction(partial(_register, tenant, names[start : start + BATCH]))
        finally:
            await store.close()

    async def _read(self, connection: Connection, what: str, tenant: str, body: bytes) -> tuple[Row, list[bytes]]:
        headers = self.target.administers(tenant)

        async def read(connection: Connection, _: int) -> bytes:
            return await connection.post(DIRECTOR, body, headers)

        await spread(range(10), [connection], read)  # warm
        return await self.target.measured(what, spread(range(PAGES_READ), [connection], read))

    async def _place(self, connection: Connection, *, before_last: int) -> str:
        """The argument that asks for what is left of the large tenant's applications after so many."""
        headers, after, done = self.target.administers("large"), "", 0
        while done < before_last:
            step = min(200, before_last - done)
            body = _body(PLACE % (step, after))
            told = json.loads(await connection.post(DIRECTOR, body, headers))["data"]["result"]
            after, done = f', after: "{told["pageInfo"]["endCursor"]}"', done + step
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


def _body(query: str, **variables: str) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()
