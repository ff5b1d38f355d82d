"""The console at size: how long the list of applications and a search take, where there are 100 000 and where there are
none. One caller, one page after another, so that the time of a page is the time to its first octet: it is sent at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bench import inventory
from bench.connection import Address
from bench.lanes import KeptAlive
from bench.rounds import Loaded, Plan, Row, Say, measure
from bench.server import Server
from connector.domain.administrators import SessionPolicy
from connector.ports.transaction import Transaction
from connector.storage import attach_sqlite
from connector.usecases import administrators as accounts
from connector.usecases.realms import COMMAND, Installation
from connector.usecases.tenants import create_tenant

LIST, NONE_FITS, ONE_FITS, MANY_FIT, NEWEST = (
    "console: list",
    "console: search, none fits",
    "console: search, one fits",
    "console: search, many fit",
    "console: newest first",
)
EMPTY = "an empty list"
PAGES_READ = 90
CERTIFICATES_EACH = 4
DAY = timedelta(days=1)


@dataclass(slots=True)
class Looking(KeptAlive):
    """Somebody who looks at one page again and again."""

    server: Server
    path: str
    cookie: str
    database_pid: int | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.pid

    def address(self) -> Address:
        """The public listener."""
        return self.server.address("public", self.server.context())

    async def prepare(self, count: int) -> Sequence[object]:
        """A browser's requests."""
        head = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nCookie: __Host-connector-session={self.cookie}\r\n\r\n"
        return [head.encode()] * count


@dataclass(frozen=True, slots=True)
class Console:
    """The phase, against a server that nobody has used yet."""

    server: Server
    plan: Plan
    applications: int
    say: Say

    async def run(self) -> list[Row]:
        """Fill it, sign in, and look."""
        self.server.stop()
        inventory.fill(self.server.database, self.applications * CERTIFICATES_EACH, self.say)
        self.server.start()
        cookie = await self._sign_in()
        full = f"{self.applications} applications"
        plan = replace(self.plan, operations=PAGES_READ // self.plan.rounds + 1, clients=1)
        pages = [
            (LIST, EMPTY, "empty", ""),
            (LIST, full, "default", ""),
            (NEWEST, full, "default", "?sort=newest"),
            (NONE_FITS, EMPTY, "empty", "?q=none-of-these"),
            (NONE_FITS, full, "default", "?q=none-of-these"),
            (ONE_FITS, full, "default", "?q=filled-0-20000"),
            (MANY_FIT, full, "default", "?q=FILLED"),
        ]
        lanes = [
            Looking(what, on, self.server, f"/console/t/{tenant}/applications{query}", cookie)
            for what, on, tenant, query in pages
        ]
        return await measure([Loaded(lane) for lane in lanes], plan, self.say)

    async def _sign_in(self) -> str:
        def begin(tx: Transaction) -> str:
            installation = Installation(tx, COMMAND)
            create_tenant(installation, "empty", "Empty")
            secret, _ = accounts.begin(installation, None, policy=SessionPolicy(DAY, DAY))
            return secret.text

        store = attach_sqlite(self.server.data / "connector.db")
        try:
            return await store.transaction(begin)
        finally:
            await store.close()
