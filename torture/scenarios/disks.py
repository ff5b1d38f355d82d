"""Disks that fail, are full, or may not be written (R5, R6, R8). SQLite's; of PostgreSQL's it takes care itself."""

import asyncio
import re
import time
from contextlib import ExitStack
from pathlib import Path

from torture import checks, clients, wire
from torture.faults import at_call, attached, fill, read_only
from torture.ledger import Ledger
from torture.scenarios.databases import prepared
from torture.scenarios.kills import restart
from torture.sites import Site, until_ready
from torture.wire import Connection

SIGNED = 24
FAULTS = (("fsync,fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"))
RECOVERY_SECONDS = 10.0
# Between two tries of one connection, so that there are tokens left when the disk is full.
PACE = 0.02


async def failing_calls(site: Site, directory: Path, *, first: int) -> dict[str, int | float]:
    """When the disk fails to take a write, or to keep it, the request is refused; nothing that was answered is gone
    after a kill; and a token is spent if and only if its certificate is stored.
    """
    ledger, failed, found_spent = Ledger(), 0, 0
    log, trace = site.first.data / "connector.db-wal", directory / "trace"
    for calls, error in FAULTS:
        for number in range(1, first + 1):
            tokens = await prepared(site, SIGNED)
            (connection,) = site.connections(1)
            with at_call(site.first, trace, calls, what=f"error={error}", number=number, path=log):
                for ready in tokens:
                    await ledger.redeem(connection, ready)
            connection.close()
            site.first.kill()
            failed += "(INJECTED)" in trace.read_text()
            await restart(site.first)
            checks.stored(site.database, ledger)
            connections = site.connections(4)
            found_spent += await checks.settled(connections, ledger)
            wire.close_all(connections)
    assert failed == first * len(FAULTS), f"{failed} calls failed"
    unexpected = ledger.outcomes.keys() - {"issued", "token_spent", "storage_unavailable", "storage_full"}
    assert not unexpected, ledger.outcomes
    refused = sum(count for code, count in ledger.outcomes.items() if code.startswith("storage_"))
    assert refused, "no failure was noticed"
    return {
        "calls failed": failed,
        "refused": refused,
        **checks.sound(site.database, ledger),
        "refused, yet recorded": found_spent,
    }


async def full(site: Site, disk: Path, *, times: int) -> dict[str, int | float]:
    """On a full disk nothing is issued, and it is said that the disk is full; with space the server goes on by itself;
    nothing is lost.
    """
    return await _unwritable(site, disk, times=times, code="storage_full", is_read_only=False)


async def unwritable(site: Site, disk: Path, *, times: int) -> dict[str, int | float]:
    """On a disk that became read-only nothing is issued, and it is said why; when it can be written again the server
    goes on by itself; nothing is lost.
    """
    return await _unwritable(site, disk, times=times, code="storage_read_only", is_read_only=True)


async def _unwritable(site: Site, disk: Path, *, times: int, code: str, is_read_only: bool) -> dict[str, int | float]:
    ledger, slowest = Ledger(), 0.0
    for _ in range(times):
        tokens = await prepared(site, 80)
        # Its end folds the log into the database: a log that is large already has room for a while.
        assert site.first.stop() == 0
        await restart(site.first)
        connections = site.connections(4)
        running = asyncio.create_task(_sign(ledger, connections, tokens))
        await asyncio.sleep(0.05)
        with ExitStack() as stack:
            filler = fill(disk)
            if is_read_only:
                # A connection that is open keeps the disk writable for itself. A full disk makes the server drop it.
                await _until_refused(site, "storage_full")
                stack.enter_context(read_only(disk))
            await _until_refused(site, code)
            issued = ledger.outcomes["issued"]
            await asyncio.sleep(0.3)
            assert ledger.outcomes["issued"] == issued, "a certificate was issued without being stored"
        filler.unlink(missing_ok=True)
        freed = time.monotonic()
        while ledger.outcomes["issued"] == issued:
            assert time.monotonic() - freed < RECOVERY_SECONDS, (
                f"nothing is issued, though there is space: {ledger.outcomes}, {len(tokens)}"
            )
            await asyncio.sleep(0.01)
        slowest = max(slowest, time.monotonic() - freed)
        await until_ready(site.first, RECOVERY_SECONDS)
        await running
        await checks.settled(connections, ledger)
        wire.close_all(connections)
    assert ledger.outcomes.keys() <= {"issued", "token_spent", code, "storage_full", "storage_unavailable"}
    assert ledger.outcomes[code], ledger.outcomes
    return {
        "times": times,
        "refused": ledger.outcomes[code],
        **checks.sound(site.database, ledger),
        "issuing again after, s": round(slowest, 1),
    }


async def _sign(ledger: Ledger, connections: list[Connection], tokens: list[clients.Ready]) -> None:
    """Redeem until there are no more; a token that was refused goes to the end."""

    async def work(connection: Connection) -> None:
        while tokens:
            ready = tokens.pop(0)
            outcome = await ledger.redeem(connection, ready)
            if outcome.startswith("storage_"):
                ledger.unanswered.remove(ready)
                tokens.append(ready)
            await asyncio.sleep(PACE)

    await asyncio.gather(*(work(connection) for connection in connections))


async def _until_refused(site: Site, code: str) -> None:
    """Wait until the server says of itself that this is the matter."""
    (connection,) = site.connections(1, "internal")
    deadline = time.monotonic() + RECOVERY_SECONDS
    while (answer := await connection.get("/readyz")).code != code:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.1)
    connection.close()


async def synced(site: Site, directory: Path, *, certificates: int) -> dict[str, int | float]:
    """One after the other, each certificate is forced to the disk at least once before it is answered."""
    tokens, ledger, trace = await prepared(site, certificates), Ledger(), directory / "trace"
    (connection,) = site.connections(1)
    counts = []
    with attached(site.first, trace, "fsync,fdatasync", path=site.first.data / "connector.db-wal"):
        for ready in tokens:
            await ledger.redeem(connection, ready)
            counts.append(len(re.findall(r"sync\(\d+\) += 0", trace.read_text())))
    connection.close()
    each = [after - before for before, after in zip([0, *counts], counts, strict=False)]
    assert ledger.outcomes == {"issued": certificates}, ledger.outcomes
    assert min(each) >= 1, each
    return {"issued": certificates, "forced to the disk": counts[-1], "fewest for one": min(each)}
