"""What the holder of one certificate can cost: at his limits the database hardly grows (R27)."""

import asyncio
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from connector.client import make_csr, make_key
from torture import clients, wire
from torture.sites import Postgresql, Site
from torture.wire import Answer, Connection

MEGABYTE = 1_000_000
CONNECTIONS = 4
DAY_SECONDS = 86_400.0
# Transactions a second that could write, of two servers. One that is refused leaves dead rows, and has a number too.
MOST_WRITTEN = 10
# Besides these, what begins as the flood begins: each server finds the limits out anew.
FIRST_WRITTEN = 20
# Objects of PostgreSQL's own have lower numbers (FirstNormalObjectId).
_TABLES_AND_INDEXES = (
    "SELECT sum(pg_relation_size(oid, 'main')) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384"
)
LIMITED = {"rate_limited", "quota_exceeded"}
ALLOWED = {"granted", "csr_subject_mismatch", *LIMITED}
# Within this time even a slow machine has met each limit, and has done what a start goes on with, such as CRLs.
LIMIT_SECONDS = 120.0

Ask = Callable[[Connection], Coroutine[Any, Any, Answer]]


async def bounded(
    site: Site, directory: Path, *, settling: float, before: float, lasting: float, most: float = 50.0
) -> dict[str, int | float]:
    """One holder renews, has renewals refused, and asks for configurations, as fast as he can over four connections.
    Once his limits are met, and ``before`` seconds later, the database grows by so many megabytes a day at most, and
    another holder is served as before.
    """
    key = make_key()
    his, subject = await enrolled(site, directory / "his.pem", key)
    others, _ = await enrolled(site, directory / "others.pem", key)
    asked = asks(subject, key)
    answers = Counter[str]()
    opened = site.connections(CONNECTIONS, "mtls", his)
    # Each limit is met on its own first: whoever is refused often has his renewals refused as well.
    for ask in asked:
        await _meet_the_limit(opened, ask, settling, answers)
    # What the servers write once a minute they write for the first time: a table's first page is none of what he costs.
    await flood(opened, asked, before, answers)
    await _be_still(site)
    octets, written, started = _octets(site), _written(site), time.monotonic()
    answers.clear()
    flooding = asyncio.create_task(flood(opened, asked, lasting, answers))
    served = 0
    while not flooding.done():
        await asyncio.sleep(min(5.0, lasting / 2))
        served += await _is_served(site, others)
    await flooding
    wire.close_all(opened)
    seconds = time.monotonic() - started
    grown, written = _octets(site) - octets, _written(site) - written
    a_day = grown / seconds * DAY_SECONDS / MEGABYTE
    assert answers.keys() <= ALLOWED, answers
    assert written <= MOST_WRITTEN * seconds + FIRST_WRITTEN, (
        f"{written} transactions were begun to write: {dict(answers)}"
    )
    assert a_day <= most, f"the database grows by {a_day:.0f} MB a day: {dict(answers)}"
    return {
        "seconds": round(seconds),
        **{f"answered {code}": count for code, count in sorted(answers.items())},
        "answers to another holder": served,
        **({"writing transactions": written} if isinstance(site.database, Postgresql) else {}),
        "octets grown": grown,
        "MB a day": round(a_day, 1),
    }


def asks(subject: str, key: EllipticCurvePrivateKey) -> list[Ask]:
    """What a holder can ask for again and again: renewals, renewals that are refused, configurations."""
    return [_renewal(subject, key), _renewal(subject.replace("CN=", "CN=not-"), key), _configuration]


def _renewal(subject: str, key: EllipticCurvePrivateKey) -> Ask:
    csr = b64encode(make_csr(key, subject)).decode()
    return lambda connection: connection.post(clients.CONNECTOR, clients.SIGN, {"csr": csr})


async def _configuration(connection: Connection) -> Answer:
    return await connection.post(clients.CONNECTOR, clients.CONFIGURATION)


async def enrolled(site: Site, path: Path, key: EllipticCurvePrivateKey) -> tuple[str, str]:
    """A new system: the file with its certificate, and its subject."""
    (connection,) = site.connections(1)
    ready = await site.administrator.ready(connection, await site.application(connection))
    identity = clients.received(await clients.sign(connection, ready, key)).write(path, key)
    connection.close()
    return identity, ready.subject


async def flood(opened: list[Connection], asks: list[Ask], seconds: float, answers: Counter[str]) -> None:
    """Ask as fast as can be over each connection, for so many seconds; count the answers by their codes."""
    ends = time.monotonic() + seconds

    async def work(connection: Connection, number: int) -> None:
        while time.monotonic() < ends:
            answer = await asks[number % len(asks)](connection)
            answers[answer.code or "granted"] += 1
            number += 1

    await asyncio.gather(*(work(connection, number) for number, connection in enumerate(opened)))


async def _meet_the_limit(opened: list[Connection], ask: Ask, seconds: float, answers: Counter[str]) -> None:
    """Ask for at least so many seconds, and until a limit is met, however slow the machine is."""
    met = Counter[str]()
    ends = time.monotonic() + LIMIT_SECONDS
    while not met.keys() & LIMITED:
        assert time.monotonic() < ends, f"no limit is met: {dict(met)}"
        await flood(opened, [ask], seconds, met)
    answers.update(met)


async def _be_still(site: Site) -> None:
    """Wait until a second has passed in which the servers wrote nothing of their own."""
    ends, written = time.monotonic() + LIMIT_SECONDS, -1
    while (now := _written(site)) != written:
        assert time.monotonic() < ends, "the servers write without being asked"
        written = now
        await asyncio.sleep(1)


async def _is_served(site: Site, identity: str) -> bool:
    (connection,) = site.connections(1, "mtls", identity)
    assert (await connection.post(clients.CONNECTOR, clients.POLL)).result
    connection.close()
    return True


def _octets(site: Site) -> int:
    """The size of what is held. SQLite's log is copied into the file first: it has a size that it does not exceed.

    PostgreSQL's tables are written anew first. Each connection fills a page of its own, the first automatic VACUUM and
    ANALYZE make maps and statistics: some 200 kB within two minutes, for any number of rows, and hardly more later.
    """
    if isinstance(site.database, Postgresql):
        for (table,) in site.database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            site.database.change(f'VACUUM FULL "{table}"')
        return int(site.database.rows(_TABLES_AND_INDEXES)[0][0])
    site.database.change("PRAGMA wal_checkpoint(TRUNCATE)")
    path = site.first.data / "connector.db"
    return sum(each.stat().st_size for each in (path, path.with_name("connector.db-wal")) if each.exists())


def _written(site: Site) -> int:
    """How many transactions have got a number, as those do that can write. SQLite does not count them."""
    if isinstance(site.database, Postgresql):
        return int(site.database.rows("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")[0][0])
    return 0
