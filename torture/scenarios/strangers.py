"""Callers without a credential: what their GraphQL documents cost everybody else (R23, R24)."""

import asyncio
import json
import math
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from connector.client import make_csr, make_key
from torture import clients, wire
from torture.scenarios.loads import MEBIBYTE, beside, processes, resident
from torture.sites import Site
from torture.wire import Connection

VIEWER = "{ result: viewer { id type } }"
FIELDS = ("id", "name", "description", "providerName", "integrationSystemID", "labels", "createdAt", "updatedAt")
PAUSE_SECONDS = 0.01
SETTLE_SECONDS = 1.0
# One that is kept for its sender is refused for the variable; one that is not, for the missing credential.
MARK = "mutation ($id: ID!) { result: unregisterApplication(id: $id) { id name } }"
NO_ID = {"id": {"no": "id"}}

Signature = tuple[str, str]
"""A token, and the CSR for it."""


@asynccontextmanager
async def strangers(site: Site, connections: int, answers: list[dict[str, int]]) -> AsyncIterator[None]:
    """While this lasts, so many connections without a credential send one new document after the other."""
    crowd = beside(site, "documents", connections)
    assert crowd.stdout is not None
    assert crowd.stdin is not None
    try:
        assert await asyncio.to_thread(crowd.stdout.readline) == "sending\n"
        yield
    finally:
        crowd.stdin.close()
        answers.append(json.loads(await asyncio.to_thread(crowd.stdout.read)))
        crowd.stdout.close()
        crowd.wait(30)


async def documents(
    site: Site,
    directory: Path,
    *,
    connections: int,
    clients_at_once: int,
    signatures: int,
    rounds: int,
    calls: int,
    least: float = 0.0,
    within: float = math.inf,
) -> dict[str, int | float]:
    """Beside so many connections that send new documents without a credential, clients that sign keep at least this
    part of their throughput, in rounds by turns with and without; and a certificate's holder is answered in time, 99 of
    100 times. Whoever has no credential is refused, and nobody else.
    """
    answers = list[dict[str, int]]()
    alone = together = 0.0
    opened = site.connections(clients_at_once)
    for _ in range(rounds):
        alone += await _signed(await _signatures(site, signatures), opened)
        prepared = await _signatures(site, signatures)
        async with strangers(site, connections, answers):
            together += await _signed(prepared, opened)
    wire.close_all(opened)
    holders = await _holders(site, directory)
    quiet = await _waited(holders, calls)
    async with strangers(site, connections, answers):
        seconds = await _waited(holders, calls)
    wire.close_all(holders)
    codes = {code for each in answers for code in each}
    assert codes == {"credential_missing"}, codes
    part, p99 = alone / together, _p99(seconds)
    assert part >= least, f"{part:.2f} of the throughput"
    assert p99 <= within, f"viewer p99 {p99:.3f} s"
    return {
        "strangers' documents": sum(sum(each.values()) for each in answers),
        "signed": 2 * rounds * signatures,
        "a second without them": round(rounds * signatures / alone),
        "a second beside them": round(rounds * signatures / together),
        "of the throughput": round(part, 2),
        "viewer p99 without them, ms": round(_p99(quiet) * 1000),
        "viewer p99 beside them, ms": round(p99 * 1000),
    }


async def _signatures(site: Site, count: int) -> Sequence[Signature]:
    """Tokens that are good for a signature, with a CSR for each."""
    opened, key, ready = site.connections(8), make_key(), list[Signature]()
    # An application has a thousand system auths at most.
    applications = [await site.application(opened[0]) for _ in range(count // 500 + 1)]

    async def one(connection: Connection, number: int) -> None:
        got = await site.administrator.ready(connection, applications[number % len(applications)])
        ready.append((got.token, b64encode(make_csr(key, got.subject)).decode()))

    await wire.spread(range(count), opened, one)
    wire.close_all(opened)
    return ready


async def _signed(signatures: Sequence[Signature], connections: Sequence[Connection]) -> float:
    """The seconds that it takes to sign them all."""

    async def one(connection: Connection, signature: Signature) -> None:
        token, csr = signature
        assert (await connection.post(clients.CONNECTOR, clients.SIGN, {"csr": csr}, Connector_Token=token)).result

    await wire.open_all(connections)
    started = time.monotonic()
    await wire.spread(signatures, connections, one)
    return time.monotonic() - started


async def _holders(site: Site, directory: Path) -> Sequence[Connection]:
    """A connection to each server of one who holds a certificate."""
    (connection,) = site.connections(1)
    key = make_key()
    ready = await site.administrator.ready(connection, await site.application(connection))
    path = clients.received(await clients.sign(connection, ready, key)).write(directory / "holder.pem", key)
    connection.close()
    return site.connections(len(site.servers), "mtls", path)


async def _waited(holders: Sequence[Connection], calls: int) -> Sequence[float]:
    """The seconds that a holder waits to be told who he is, so many times, from the fewest to the most."""
    seconds = list[float]()
    for number in range(calls):
        await asyncio.sleep(PAUSE_SECONDS)
        started = time.monotonic()
        assert (await holders[number % len(holders)].post(clients.DIRECTOR, VIEWER)).result
        seconds.append(time.monotonic() - started)
    return sorted(seconds)


def _p99(seconds: Sequence[float]) -> float:
    return seconds[len(seconds) * 99 // 100]


async def store(site: Site, *, documents: int, connections: int, most: float = math.inf) -> dict[str, int | float]:
    """Documents without a credential, of some 7 000 characters each, make the memory grow by so many MiB at most; a
    document of a caller with a credential is kept all the while, and the standard ones are known.
    """
    opened, kept = site.connections(8), site.connections(connections)
    await wire.open_all(kept)
    for connection in kept:
        answer = await site.administrator.call(connection, MARK, id="nobody")
        assert answer.code == "not_found", answer
    await wire.spread(range(64), opened, _large)  # what a first request of a kind takes is not theirs
    await asyncio.sleep(SETTLE_SECONDS)
    before = _memory(site)
    await wire.spread(range(64, 64 + documents), opened, _large)
    await asyncio.sleep(SETTLE_SECONDS)
    grown = (_memory(site) - before) / MEBIBYTE
    known = 0
    for connection in kept:
        known += (await connection.post(clients.DIRECTOR, MARK, NO_ID)).code == "document_invalid"
        known += (await connection.post(clients.CONNECTOR, clients.SIGN, {"csr": 1})).code == "document_invalid"
    wire.close_all([*opened, *kept])
    assert known == 2 * len(kept), f"{known} of {2 * len(kept)} are known"
    assert grown <= most, f"the memory grew by {grown:.1f} MiB"
    return {
        "strangers' documents": documents,
        "memory grown, MiB": round(grown, 1),
        "asked whether known": 2 * len(kept),
        "forgotten": 2 * len(kept) - known,
    }


def _memory(site: Site) -> int:
    """What all processes of the servers hold together, in octets."""
    return sum(resident(pid) for pid in processes(site))


async def _large(connection: Connection, number: int) -> None:
    """Send a document of some 7 000 characters, like no other."""
    fields = " ".join(f"{name} @include(if: true)" for name in FIELDS) + " "
    fields *= 30
    answer = await connection.post(clients.DIRECTOR, f"query q{number} {{ applications {{ data {{ {fields} }} }} }}")
    assert answer.code == "credential_missing", answer
