"""A refused sign-in costs the same whether its name is known or not: counted, since a clock sees other work too."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event
from starlette.applications import Starlette
from tests.support.authority import ADMINISTRATOR, POLICY, World

from connector.domain.administrators import SessionPolicy
from connector.domain.audit import Action
from connector.domain.pairing import Links
from connector.domain.principals import Role
from connector.domain.quotas import Quotas
from connector.ports.audit import EventFilter
from connector.ports.transaction import Transaction
from connector.storage import open_sqlite
from connector.system.passwords import _HASHER, NOBODYS, Argon2Passwords
from connector.usecases import administrators
from connector.usecases.realms import Installation
from connector.web.console import Desk, routes
from connector.web.requests import BodyLimits
from connector.web.shares import Shares
from connector.web.throttle import Throttle

PASSWORD = "correct horse battery staple"  # noqa: S105 - of the test
CSRF = re.compile(r'name="csrf" value="([A-Za-z0-9_\-]{43})"')
LITERAL = re.compile(r"x'[0-9A-Fa-f]*'|'(?:[^']|'')*'|\b\d+\b|NULL")
NAMES = {
    "known": "ann",
    "of one tenant": "tom",
    "disabled": "dan",
    "without a password": "pat",
    "unknown": "nobody",
    "empty": "",
    "longer than any": "x" * 1000,
    "unprintable": "\u202eann",
}


@dataclass(slots=True)
class Counted(Argon2Passwords):
    """The real hashing, and the parameters of each hash that a password was compared with."""

    compared: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        Argon2Passwords.__init__(self)

    async def check(self, kept: str | None, password: str) -> bool:
        self.compared.append((kept or NOBODYS).rsplit("$", 2)[0])
        return await Argon2Passwords.check(self, kept, password)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that SQLite runs on connections opened meanwhile, without its values."""
    seen: list[str] = []

    def trace(connection: Any, _: object) -> None:
        connection.set_trace_callback(lambda statement: seen.append(LITERAL.sub("?", statement)))

    event.listen(Engine, "connect", trace)
    try:
        yield seen
    finally:
        event.remove(Engine, "connect", trace)


async def furnish(world: World) -> None:
    """Administrators: one for all tenants, one for one tenant, one disabled, one without a password."""
    await world.tenant("acme")
    kept = await Argon2Passwords().make(PASSWORD)

    def create(tx: Transaction) -> None:
        installation = Installation(tx, ADMINISTRATOR)
        for name, tenant in (("ann", None), ("tom", "acme"), ("dan", None), ("pat", None)):
            made = administrators.create(installation, name, role=Role.VIEWER, tenant=tenant)
            if name != "pat":
                tx.administrators.set_password(made.id, kept)
            if name == "dan":
                administrators.set_disabled(installation, made, disabled=True)

    await world.store.transaction(create)


def desk(world: World, passwords: Argon2Passwords) -> Desk:
    """What the pages share."""
    return Desk(
        store=world.store,
        issuers=world.enrollment.issuers,
        profiles=world.enrollment.policy.profiles,
        tokens=POLICY.tokens,
        allowances=world.enrollment.allowances,
        clock=lambda: world.time,
        random=token_bytes,
        links=Links("https://c", "https://l", "https://s", "https://d", bytes(32)),
        public_url="https://console.test",
        body=BodyLimits(65536, 10),
        throttle=Throttle(0, lambda: 0.0),
        shares=Shares(Quotas(), 1, lambda: 0.0),
        passwords=passwords,
        sessions=SessionPolicy(timedelta(hours=1), timedelta(hours=12)),
        signs_in=None,
        settings=(),
        overdue=timedelta(days=15),
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What one refused sign-in did."""

    status: int
    statements: list[str]
    compared: list[str]


def refusals(tx: Transaction) -> list[tuple[str | None, bool]]:
    """Of each refused sign-in in the audit, the reason, and whether it is a tenant's."""
    tenant = tx.tenants.find("acme")
    assert tenant is not None
    return [
        (each.event.reason, of is not None)
        for of in (None, tenant.id)
        for each in tx.audit.page(EventFilter(of, actions=(Action.SIGN_IN_REFUSED,)), most=100)
    ]


async def costs(path: Path) -> tuple[dict[str, Cost], list[tuple[str | None, bool]]]:
    """What a wrong password costs for each name, and what the audit says of it: reason and tenant."""
    with statements() as seen:
        world, passwords, found = World(open_sqlite(path)), Counted(), {}
        await furnish(world)
        app = Starlette(routes=routes(desk(world, passwords)))
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://console.test") as http:
            for what, name in NAMES.items():
                token = CSRF.search((await http.get("/console/sign-in")).text)
                assert token is not None
                seen.clear()
                passwords.compared.clear()
                answer = await http.post(
                    "/console/sign-in",
                    data={"csrf": token[1], "name": name, "password": "wrong"},
                    headers={"origin": "https://console.test"},
                )
                # A reader's first use opens its connection; which of the readers is used is no matter of the name.
                asked = [each for each in seen if not each.startswith("PRAGMA ")]
                found[what] = Cost(answer.status_code, asked, list(passwords.compared))
        refused = await world.store.read(refusals)
        await world.store.close()
    return found, refused


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Cost], list[tuple[str | None, bool]]]:
    return asyncio.run(costs(tmp_path_factory.mktemp("cost") / "connector.db"))


@pytest.mark.parametrize("what", [each for each in NAMES if each != "known"])
def test_an_unknown_name_costs_what_a_known_one_costs(measured: tuple[dict[str, Cost], Any], what: str) -> None:
    """Whoever the name belongs to, the same statements run, reads and writes, and one hash of the same parameters."""
    found, _ = measured
    known, other = found["known"], found[what]

    assert other.status == known.status == 401
    assert any("INSERT INTO audit_events" in each for each in known.statements)
    assert other.statements == known.statements
    assert other.compared == known.compared == [NOBODYS.rsplit("$", 2)[0]]


def test_an_unknown_name_is_not_recorded(measured: tuple[Any, list[tuple[str | None, bool]]]) -> None:
    """The audit holds a record of each refusal; the name stands in it only if an administrator has it."""
    _, refused = measured

    assert sorted(reason or "" for reason, _ in refused) == sorted(["ann", "tom", "dan", "pat"] + ["unknown_name"] * 4)
    assert [reason for reason, is_of_tenant in refused if is_of_tenant] == ["tom"]


def test_nobodys_hash_has_the_parameters_of_new_passwords() -> None:
    """The hash that stands in for a missing one takes as long as a hash made today."""
    assert not _HASHER.check_needs_rehash(NOBODYS)
