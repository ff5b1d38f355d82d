"""Which servers run and what is measured on them, by the phases that were chosen."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import inventory, lasting
from bench.console import Console
from bench.crls import LongCRL, make_long_crl
from bench.documents import Documents
from bench.lanes import (
    ACCESS,
    CONFIGURATION,
    IDENTITY,
    LEGACY,
    ONBOARDING,
    RENEWAL,
    SIGNING,
    STATUS,
    VERDICT,
    Access,
    IdentityToken,
    LegacySigning,
    Mutual,
    Onboarding,
    OpenBaoSigning,
    Renewal,
    Signing,
    Status,
    Verdict,
)
from bench.openbao import OpenBao
from bench.postgres import Postgres
from bench.processes import Cores
from bench.rounds import Contestant, Loaded, Plan, Row, Say, measure
from bench.scale import Scale
from bench.server import Server
from bench.signing import InProcess

PHASES = {
    "signing": "signing in-process, and over HTTPS",
    "openbao": "OpenBao beside it",
    "onboarding": "the full onboarding",
    "clients": "access tokens of OAuth 2.0 clients",
    "legacy": "signing by the legacy REST API, beside GraphQL",
    "verdicts": "verdicts for gateways",
    "ocsp": "answers to verifiers",
    "identity": "identity tokens for holders of certificates",
    "crls": "a long CRL",
    "mtls": "renewal and configuration over mutual TLS",
    "certificates": "the same with a full inventory",
    "postgres": "the same on PostgreSQL",
    "workers": "two workers on PostgreSQL beside one",
    "memory": "memory over many enrollments",
    "start": "how long a start takes with a full inventory",
    "director": "the Director at size",
    "documents": "large documents of Compass's clients",
    "console": "the console at size",
}

# What is measured on every server, and compared with nothing else.
ALONE = {"onboarding": ONBOARDING, "clients": ACCESS, "verdicts": VERDICT, "ocsp": STATUS, "identity": IDENTITY}
HANDSHAKES_AT_ONCE = 16
OPENBAO = "OpenBao"
SQLITE, POSTGRES, TWO = "SQLite", "PostgreSQL", "PostgreSQL, two workers"
FULL = " full"
BESIDE_LEGACY = "GraphQL beside it"


def full(on: str) -> str:
    """The name of a server whose inventory is full."""
    return f"{on},{FULL}"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    plan: Plan
    certificates: int
    enrollments: int
    applications: int
    revoked: int


@dataclass(slots=True)
class Found:
    """All that a run found."""

    rows: list[Row] = field(default_factory=list)
    memory: lasting.Memory | None = None
    starts: Sequence[float] = ()
    crl: LongCRL | None = None


@dataclass(slots=True)
class Suite:
    """One run in a directory of its own. Every server in it is stopped when it ends."""

    phases: frozenset[str]
    sizes: Sizes
    cores: Cores
    directory: Path
    say: Say
    servers: dict[str, Server] = field(default_factory=dict)
    postgres: Postgres | None = None

    async def run(self) -> Found:
        """All phases that were chosen."""
        found = Found()
        with ExitStack() as stack:
            await self._compared(stack, found)
        if "crls" in self.phases:
            self.say(f"a CRL of {self.sizes.revoked} entries")
            found.crl = make_long_crl(self.sizes.revoked, self.cores.server)
        if "memory" in self.phases:
            await self._memory(found)
        if "director" in self.phases:
            with self._server("director") as server:
                found.rows += await Scale(server, self.sizes.plan, self.sizes.applications, self.say).run()
        if "documents" in self.phases:
            with self._server("documents") as server:
                found.rows += await Documents(server, self.sizes.plan, self.say).run()
        if "console" in self.phases:
            with self._server("console") as server:
                found.rows += await Console(server, self.sizes.plan, self.sizes.applications, self.say).run()
        return found

    async def _compared(self, stack: ExitStack, found: Found) -> None:
        """What takes turns: the servers all run, each idle while another is loaded."""
        if self.chosen(
            *("signing", "openbao", "legacy", "mtls", "certificates", "postgres", "start"),
            *ALONE,
        ):
            self._add(stack, SQLITE)
        if self.chosen("certificates", "start"):
            self._add(stack, full(SQLITE))
        if self.chosen("postgres", "workers"):
            self._add_postgres(stack)
        if self.chosen("signing", "openbao", "certificates", "postgres", "workers"):
            found.rows += await self._measured(SIGNING, self._beside(stack))
        for phase, what in ALONE.items():
            if phase in self.phases:
                found.rows += await self._measured(what, [])
        if "legacy" in self.phases:
            found.rows += await self._legacy()
        if "mtls" in self.phases:
            found.rows += await self._measured(RENEWAL, [])
            found.rows += await self._measured(CONFIGURATION, [])
        if "start" in self.phases:
            found.starts = lasting.start(self.servers[full(SQLITE)], self.say)

    async def _legacy(self) -> list[Row]:
        """Signing by either API on one server, in turns."""
        server = self.servers[SQLITE]
        lanes = [LegacySigning(LEGACY, SQLITE, server), Signing(BESIDE_LEGACY, SQLITE, server)]
        return await measure([Loaded(lane) for lane in lanes], self.sizes.plan, self.say)

    def chosen(self, *phases: str) -> bool:
        """Whether one of them was chosen."""
        return not self.phases.isdisjoint(phases)

    def _beside(self, stack: ExitStack) -> list[Contestant]:
        """What else signs."""
        others: list[Contestant] = []
        if self.chosen("signing", "openbao"):
            others.append(stack.enter_context(InProcess(self.cores.server)))
        if "openbao" in self.phases:
            self.say("starting OpenBao")
            bao = stack.enter_context(OpenBao(self.directory / "openbao", self.cores.server))
            others.append(Loaded(OpenBaoSigning(SIGNING, OPENBAO, bao)))
        return others

    async def _measured(self, what: str, others: Sequence[Contestant]) -> list[Row]:
        make, plan = _LANES[what], self.sizes.plan
        if what in (RENEWAL, CONFIGURATION):
            plan = replace(plan, clients=min(plan.clients, HANDSHAKES_AT_ONCE))
        lanes = [
            Loaded(make(self, what, on, server)) for on, server in self.servers.items() if on != TWO or what == SIGNING
        ]
        return await measure([*others, *lanes], plan, self.say)

    def database_pid(self, server: Server) -> int | None:
        """The postmaster, for a server that uses it."""
        return None if server.url is None or self.postgres is None else self.postgres.pid

    def _server(self, name: str) -> Server:
        return Server(self.directory / name, [self.cores.server])

    def _add(self, stack: ExitStack, on: str, url: str | None = None) -> None:
        """Start a server; one whose inventory is to be full is filled while it is stopped."""
        self.say(f"starting a server on {on}")
        server = Server(self.directory / f"server-{len(self.servers)}", [self.cores.server], url)
        stack.enter_context(server)
        if on.endswith(FULL):
            server.stop()
            inventory.fill(server.database, self.sizes.certificates, self.say)
            server.start()
        self.servers[on] = server

    def _add_postgres(self, stack: ExitStack) -> None:
        self.say("starting PostgreSQL")
        self.postgres = stack.enter_context(Postgres(self.directory / "postgres", self.cores.database))
        self._add(stack, POSTGRES, self.postgres.create("empty"))
        if self.chosen("postgres") and self.chosen("certificates"):
            self._add(stack, full(POSTGRES), self.postgres.create("filled"))
        if "workers" in self.phases:
            cores = [self.cores.server, self.cores.second]
            self.say("starting two workers on PostgreSQL")
            server = Server(self.directory / "workers", cores, self.postgres.create("shared"), workers=2)
            self.servers[TWO] = stack.enter_context(server)
        self.postgres.settle()

    async def _memory(self, found: Found) -> None:
        with self._server("memory") as server:
            lane = Signing("memory", SQLITE, server)
            found.memory = await lasting.memory(lane, self.sizes.enrollments, self.sizes.plan.clients, self.say)


_Make = Callable[[Suite, str, str, Server], "Signing | Mutual"]
_LANES: dict[str, _Make] = {
    SIGNING: lambda suite, what, on, server: Signing(what, on, server, suite.database_pid(server)),
    ONBOARDING: lambda suite, what, on, server: Onboarding(what, on, server, suite.database_pid(server)),
    ACCESS: lambda suite, what, on, server: Access(what, on, server, suite.database_pid(server)),
    VERDICT: lambda suite, what, on, server: Verdict(what, on, server, suite.database_pid(server)),
    STATUS: lambda suite, what, on, server: Status(what, on, server, suite.database_pid(server)),
    IDENTITY: lambda suite, what, on, server: IdentityToken(
        what, on, server, suite.directory, suite.database_pid(server)
    ),
    RENEWAL: lambda suite, what, on, server: Renewal(what, on, server, suite.directory, suite.database_pid(server)),
    CONFIGURATION: lambda suite, what, on, server: Mutual(
        what, on, server, suite.directory, suite.database_pid(server)
    ),
}
