"""The large run: every check with its numbers, and where it takes place."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.local_users import UNPRIVILEGED
from tests.support.postgres import Postgres

from connector.bootstrap.chores import PENDING_SECONDS
from torture.faults import Clock, small_disk
from torture.proxy import proxied
from torture.scenarios import (
    backups,
    clocks,
    databases,
    disks,
    floods,
    holders,
    kills,
    loads,
    local_users,
    model,
    operators,
    races,
    readers,
    sieges,
    stops,
    strangers,
    upgrades,
)
from torture.sites import Site, postgresql_site, sqlite_site

READY_SECONDS = 3.0
# A handshake has ten seconds, an idle connection and a head fifteen at most, a body and a reader thirty.
CUT_SECONDS = {
    **dict.fromkeys(("silent", "half a handshake", "plain HTTP"), 10.5),
    **dict.fromkeys(("idle", "slow head", "slow second head"), 15.0),
    **dict.fromkeys(("slow body", "slow reader"), 32.0),
}

# One system renews here more often than a system may, and one key furnishes a tenant faster than a key may.
UNLIMITED = {
    f"CONNECTOR_QUOTAS__{name}": "0"
    for name in ("CERTIFICATES_A_DAY", "CERTIFICATES", "REQUESTS_A_SECOND", "TENANT_REQUESTS_A_SECOND")
}

Counts = Mapping[str, Any]
Scenario = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a check takes place: a directory of its own, a PostgreSQL server of its own where it wants one."""

    directory: Path
    postgres: Callable[[], Postgres]
    stack: ExitStack

    def sqlite(self, **more: Any) -> Site:
        """One server on SQLite."""
        return self.stack.enter_context(sqlite_site(self.directory, **more))

    def postgresql(self, **more: Any) -> Site:
        """Two servers on PostgreSQL."""
        return self.stack.enter_context(postgresql_site(self.postgres(), self.directory, **more))


@dataclass(frozen=True, slots=True)
class Check:
    """One check on one database."""

    name: str
    what: str
    database: str
    run: Callable[[Place], Counts]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others."""
        return self.name, self.what, self.database


def _run(scenario: Any) -> Counts:
    return dict(asyncio.run(scenario))


WORKERS = {"CONNECTOR_SERVING__WORKERS": "2"}
LIVES_SECONDS = {"CONNECTOR_TOKENS__APPLICATION_LIFETIME": "8s"}
LIKE_A_USER: Mapping[str, Any] = {"settings": WORKERS, "wrapper": UNPRIVILEGED}
FOUR_WORKERS = {"CONNECTOR_SERVING__WORKERS": "4"}
# All connections of a flood are there at the same time, however long they take to open.
PATIENT = {"CONNECTOR_LIMITS__HEADER_TIMEOUT": "2m", "CONNECTOR_LIMITS__IDLE_TIMEOUT": "2m"}
CONNECTIONS = 4096
BODIES = ("announced", "chunked", "announced, with a token", "chunked, with a token")


def _full(place: Place) -> Counts:
    disk = place.stack.enter_context(small_disk(place.directory / "sqlite"))
    return _run(disks.full(place.sqlite(), disk, times=5))


def _unwritable(place: Place) -> Counts:
    disk = place.stack.enter_context(small_disk(place.directory / "sqlite"))
    return _run(disks.unwritable(place.sqlite(), disk, times=3))


def _kill_at_commit(place: Place) -> Counts:
    proxy = place.stack.enter_context(proxied(place.postgres().port))
    site = place.postgresql(replicas=1, through=proxy.port)
    return _run(kills.kill_at_commit(site, proxy, times=20, ready_within=READY_SECONDS))


def _cut_at_commit(place: Place) -> Counts:
    proxy = place.stack.enter_context(proxied(place.postgres().port))
    site = place.postgresql(through=proxy.port)
    return _run(databases.cut_at_commit(site, proxy, times=50, tokens=900))


def _jumps(place: Place) -> Counts:
    clock = Clock(place.directory / "clock")
    return _run(clocks.jumps(place.sqlite(settings=clock.settings()), clock, certificates=10))


def _apart(place: Place) -> Counts:
    ours = [Clock(place.directory / f"clock{number}") for number in range(2)]
    site = place.postgresql(apart=[clock.settings() for clock in ours], settings=LIVES_SECONDS)
    return _run(clocks.apart(site, ours, lifetime=8, tokens=10))


def _down(place: Place) -> Counts:
    server = place.postgres()
    return _run(stops.started_before_its_database(place.postgresql(replicas=1), server.stop, server.start))


def _on(database: str, name: str, what: str, scenario: Callable[[Site, Path], Any], **more: Any) -> Check:
    def run(place: Place) -> Counts:
        site = place.sqlite(**more) if database == "SQLite" else place.postgresql(**more)
        return _run(scenario(site, place.directory))

    return Check(name, what, database, run)


def plan() -> list[Check]:
    """Every check, in order."""
    early = [*_races(), *_crashes(), *_faults(), *_lives(), *_loads()]
    return [*early, *_greed(), *_locals(), *_operators(), *_floods(), *_strangers(), *_sieges()]


def _races() -> list[Check]:
    what = "one token redeemed 2 000 times at once, by 4 processes of clients"

    def race(site: Site, _: Path) -> Any:
        return races.one_winner(site, tokens=20, tries=2000)

    def explored(place: Place) -> Counts:
        return model.explored(place.postgresql(), examples=500, steps=30)

    def revoked(site: Site, directory: Path) -> Any:
        return races.revoked_everywhere(site, directory, certificates=1000)

    return [
        _on("SQLite", "R1", f"{what}; 4 workers", race, settings=FOUR_WORKERS),
        _on("PostgreSQL", "R1", f"{what}; 2 servers of 2 workers", race, settings=WORKERS),
        Check("R2", "a model of a token against 2 servers", "PostgreSQL", explored),
        _on("PostgreSQL", "R13", "revoked on one server, asked on the other", revoked),
        _on("SQLite", "R13", "revoked, asked again; 2 workers", revoked, settings=WORKERS),
    ]


def _crashes() -> list[Check]:
    def killed(site: Site, directory: Path) -> Any:
        return kills.kill_under_load(site, directory, kills=50, ready_within=READY_SECONDS)

    def parent_killed(site: Site, directory: Path) -> Any:
        return kills.kill_under_load(site, directory, kills=10, ready_within=READY_SECONDS)

    def at_each_step(site: Site, directory: Path) -> Any:
        return kills.kill_at_each_step(site, directory, times=20, ready_within=READY_SECONDS)

    return [
        _on("SQLite", "R3", "kill -9 under load", killed),
        _on("PostgreSQL", "R3", "kill -9 of one of 2 servers under load", killed),
        _on("SQLite", "R3", "kill -9 of the parent of 2 workers under load", parent_killed, settings=WORKERS),
        _on("SQLite", "R4", "killed by the system call of a step: write, sync, answer, read", at_each_step),
        Check("R4", "killed as COMMIT goes by, and as its answer comes", "PostgreSQL", _kill_at_commit),
    ]


def _faults() -> list[Check]:
    def failing(site: Site, directory: Path) -> Any:
        return disks.failing_calls(site, directory, first=20)

    def synced(site: Site, directory: Path) -> Any:
        return disks.synced(site, directory, certificates=200)

    def frozen(site: Site, _: Path) -> Any:
        return databases.frozen(site, seconds=30, tokens=600)

    def stopped(site: Site, _: Path) -> Any:
        return databases.stopped(site, times=12, tokens=300)

    def terminated(site: Site, _: Path) -> Any:
        return databases.terminated(site, times=50, tokens=900)

    return [
        _on("SQLite", "R5", "EIO, ENOSPC at each of the first syncs and writes", failing),
        Check("R6", "disk full, then freed", "SQLite", _full),
        Check("R6", "disk read-only, then writable", "SQLite", _unwritable),
        _on("PostgreSQL", "R7", "SIGSTOP for 30 s", frozen),
        _on("PostgreSQL", "R7", "immediate stop, then start", stopped),
        _on("PostgreSQL", "R7", "pg_terminate_backend, 50 times", terminated),
        Check("R7", "cut at COMMIT: before it, and its answer dropped", "PostgreSQL", _cut_at_commit),
        _on("SQLite", "R8", "fdatasync counted by strace", synced),
    ]


def _lives() -> list[Check]:
    def killed_upgrade(site: Site, directory: Path) -> Any:
        return upgrades.killed_upgrade(site, directory, certificates=10_000, kills=10)

    def side_by_side(site: Site, directory: Path) -> Any:
        return upgrades.side_by_side(site, directory, certificates=10_000, lives=1000)

    def backup(site: Site, directory: Path) -> Any:
        return backups.restored_elsewhere(site, directory, times=5)

    def stop(site: Site, directory: Path) -> Any:
        return stops.stop_under_load(site, directory, stops=20)

    def rolling(site: Site, directory: Path) -> Any:
        return stops.rolling_restart(site, directory, restarts=10)

    beside = "the first version's statements beside this version"
    return [
        _on("SQLite", "R9", "upgrade from the first version's tables, kill -9 in the middle", killed_upgrade),
        _on("SQLite", "R9", beside, side_by_side, settings=UNLIMITED),
        _on("PostgreSQL", "R9", beside, side_by_side, replicas=1, settings=UNLIMITED),
        _on("SQLite", "R10", "backup under load, restored elsewhere", backup, settings=UNLIMITED),
        _on(
            "PostgreSQL",
            "R10",
            "pg_dump under load, restored elsewhere",
            backup,
            replicas=1,
            settings=UNLIMITED,
        ),
        Check("R11", "the clock jumps -1 h, +1 h, +1 day, and back", "SQLite", _jumps),
        Check("R11", "2 servers' clocks 10 minutes apart, an hour, a day", "PostgreSQL", _apart),
        _on("SQLite", "R21", "SIGTERM under load", stop),
        _on("PostgreSQL", "R21", "rolling restart behind HAProxy", rolling, keeps_ports=True),
        _on("SQLite", "R22", "bad keys, a bad clock, no database in the file", stops.refused_starts),
        Check("R22", "started while the database is down", "PostgreSQL", _down),
    ]


def _loads() -> list[Check]:
    def sustained(site: Site, directory: Path) -> Any:
        return loads.sustained(site, directory, lasting=600, block=2000, least=100, within=0.25)

    def overloaded(site: Site, _: Path) -> Any:
        # Ten times what R17 asks for, an onboarding being three requests.
        return loads.overloaded(site, normal=400, connections=1000, rate=3000, lasting=60, within=0.5)

    def stalled(site: Site, _: Path) -> Any:
        return loads.stalled(site, peers=1000, onboardings=1000, rounds=3, within=CUT_SECONDS, seconds=45, entrance=0.2)

    def read(site: Site, directory: Path) -> Any:
        return readers.dear_queries(
            site, directory, applications=200, auths=30, at_once=8, lasting=30, within=0.1, grown=100
        )

    dear = "a viewer's dearest query, eight at once"
    return [
        _on("SQLite", "R17", "10 minutes of full onboardings with a first call over mutual TLS", sustained),
        _on("SQLite", "R18", "3 000 requests due a second, for a minute, over 1 000 connections", overloaded),
        _on("SQLite", "R19, R20", "1 000 peers that stall in eight ways", stalled),
        _on("SQLite", "R28", dear, read, settings=UNLIMITED),
        _on("SQLite", "R28", f"{dear}; 2 workers", read, settings={**UNLIMITED, **WORKERS}),
        _on("PostgreSQL", "R28", dear, read, settings=UNLIMITED),
    ]


def _greed() -> list[Check]:
    what = "one holder with four connections, as fast as he can"

    def bounded(site: Site, directory: Path) -> Any:
        return holders.bounded(site, directory, settling=10, before=PENDING_SECONDS, lasting=90)

    return [
        _on("SQLite", "R27", what, bounded),
        _on("SQLite", "R27", f"{what}; 2 workers", bounded, settings=WORKERS),
        _on("PostgreSQL", "R27", f"{what}; 2 servers", bounded),
    ]


def _sieges() -> list[Check]:
    def besieged(site: Site, directory: Path) -> Any:
        return sieges.besieged(site, directory, lasting=300, within=0.5)

    what = "five minutes of onboardings, with each kind of flood in turn"
    return [
        _on("SQLite", "R29", what, besieged, settings=PATIENT),
        _on("SQLite", "R29", f"{what}; 2 workers", besieged, settings={**PATIENT, **WORKERS}),
        _on("PostgreSQL", "R29", f"{what}; 2 servers", besieged, settings=PATIENT),
    ]


def _locals() -> list[Check]:
    def exposed(site: Site, directory: Path) -> Any:
        return local_users.exposed_files_refused(site, directory)

    def memory(site: Site, _: Path) -> Any:
        return local_users.memory_closed(site)

    return [
        _on("SQLite", "S27", "files that other users can get at", exposed),
        _on("SQLite", "S28", "memory that other processes, or a core dump, could hold", memory, **LIKE_A_USER),
    ]


def _operators() -> list[Check]:
    def typed(place: Place) -> Counts:
        return operators.bad_input(place.sqlite())

    def repeated(place: Place) -> Counts:
        return operators.repeats(place.sqlite())

    return [
        Check("S25", "bad texts in every form, cursor and body; a bad label that was kept", "SQLite", typed),
        Check("S26", "wrong documents with secrets in them; sign-ins with unknown names", "SQLite", repeated),
    ]


def _floods() -> list[Check]:
    def held(site: Site, _: Path) -> Any:
        return floods.held(site, peers=4000, kinds=BODIES, times=1.3, rest=30)

    def crowded(site: Site, _: Path) -> Any:
        return floods.crowded(site, peers=20_000, allowed=CONNECTIONS, times=1.3, rest=30)

    def uploaded(site: Site, _: Path) -> Any:
        return floods.uploaded(site, peers=100, kinds=BODIES, within=50)

    what = "4 000 strangers, each with 250 kB of a body that nobody reads"
    bodies = "100 bodies of 16 MB at once"
    return [
        _on("SQLite", "R25", what, held, settings=PATIENT),
        _on("SQLite", "R25", f"{what}; 2 workers", held, settings={**PATIENT, **WORKERS}),
        _on("PostgreSQL", "R25", f"{what}; 2 servers", held, settings=PATIENT),
        _on(
            "SQLite", "R26", "20 000 strangers, each with 250 kB of a body that nobody reads", crowded, settings=PATIENT
        ),
        _on("SQLite", "S3, S24", bodies, uploaded),
        _on("SQLite", "S3, S24", f"{bodies}; 2 workers", uploaded, settings=WORKERS),
    ]


def _strangers() -> list[Check]:
    def documents(site: Site, directory: Path) -> Any:
        more = {"signatures": 1000, "rounds": 4, "calls": 1000, "least": 0.9, "within": 0.05}
        return strangers.documents(site, directory, connections=8, clients_at_once=64, **more)

    def store(site: Site, _: Path) -> Any:
        return strangers.store(site, documents=400, connections=16, most=4)

    sent = "8 connections without a credential that send new documents, beside 64 clients that sign"
    kept = "400 documents of 7 000 characters without a credential"
    return [
        _on("SQLite", "R23", sent, documents),
        _on("SQLite", "R23", f"{sent}; 2 workers", documents, settings=WORKERS),
        _on("PostgreSQL", "R23", f"{sent}; 2 servers", documents),
        _on("SQLite", "R24", kept, store),
        _on("SQLite", "R24", f"{kept}; 2 workers", store, settings=WORKERS),
        _on("PostgreSQL", "R24", f"{kept}; 2 servers", store),
    ]
