"""Clocks that jump, and that disagree (R11)."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle

from cryptography import x509

from torture import checks, clients, wire
from torture.clients import Received
from torture.faults import Clock
from torture.ledger import Ledger
from torture.scenarios.databases import prepared
from torture.sites import Site, until_ready
from torture.wire import Connection

HOUR, DAY = 3600, 86_400
JUMPS = (-HOUR, HOUR, DAY)
APART = ((-300, 300), (-HOUR, 0), (0, DAY))
# A token's end is told so exactly, and a redemption takes so long at most.
MARGIN, EACH = 1.0, 0.1


async def jumps(site: Site, clock: Clock, *, certificates: int, by: Sequence[int] = JUMPS) -> dict[str, int | float]:
    """While the clock jumps an hour back and forth, and a day, nothing fails: what is issued begins no later than the
    server's clock says and ends no later than its issuer; a token from before a jump back is still good, one that the
    jump forth took beyond its end is refused as expired; open connections stay open.
    """
    ledger, expired = Ledger(), 0
    connections = site.connections(4)
    (stays,) = site.connections(1)
    await stays.open()
    for seconds in by:
        clock.set(0)
        earlier = await prepared(site, certificates)
        clock.set(seconds)
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        fresh = await prepared(site, certificates)
        for tokens in (earlier, fresh):
            before = ledger.outcomes["token_expired"]
            await _redeem(ledger, connections, tokens)
            went = ledger.outcomes["token_expired"] - before
            assert went == (certificates if seconds > 0 and tokens is earlier else 0), (seconds, ledger.outcomes)
            expired += went
        issuer = x509.load_pem_x509_certificate((site.first.data / "ca" / "issuing.pem").read_bytes())
        for got in list(ledger.received.values())[-len(fresh) :]:
            _check_validity(got, now, issuer)
        assert (await stays.get("/healthz")).status == 200
        await until_ready(site.first)
    clock.set(0)
    wire.close_all([*connections, stays])
    assert ledger.outcomes.keys() <= {"issued", "token_expired"}, ledger.outcomes
    return {"jumps": 2 * len(by), "expired by a jump": expired, "errors": 0, **checks.sound(site.database, ledger)}


async def _redeem(ledger: Ledger, connections: list[Connection], tokens: list[clients.Ready]) -> None:
    async def one(connection: Connection, ready: clients.Ready) -> None:
        await ledger.redeem(connection, ready)

    await wire.spread(tokens, connections, one)


def _check_validity(got: Received, now: datetime, issuer: x509.Certificate) -> None:
    certificate = got.certificate
    assert certificate.not_valid_before_utc <= now + timedelta(seconds=30), (certificate.not_valid_before_utc, now)
    assert certificate.not_valid_before_utc >= now - timedelta(minutes=2), (certificate.not_valid_before_utc, now)
    assert certificate.not_valid_after_utc <= issuer.not_valid_after_utc


async def apart(
    site: Site, ours: Sequence[Clock], *, lifetime: float, tokens: int, by: Sequence[tuple[int, int]] = APART
) -> dict[str, int | float]:
    """Two servers whose clocks are apart, by more than a token lives: what the one hands out the other takes, until a
    second before its end, and from a second after it neither does. Certificates begin and end by the same clock.
    """
    ledger = Ledger()
    connections = site.connections(2)
    application = await site.application(connections[0])
    issuer = x509.load_pem_x509_certificate((site.first.data / "ca" / "issuing.pem").read_bytes())
    for offsets in by:
        for clock, seconds in zip(ours, offsets, strict=True):
            clock.set(seconds)
        for minting, redeeming in (connections, connections[::-1]):
            begun = time.monotonic()
            ready = [await site.administrator.ready(minting, application) for _ in range(2 * tokens)]
            done = time.monotonic()
            assert done - begun < lifetime - 2 * MARGIN, f"{2 * tokens} tokens took {done - begun:.1f} seconds"
            await asyncio.sleep(begun + lifetime - MARGIN - tokens * EACH - time.monotonic())
            outcomes = [await ledger.redeem(redeeming, each) for each in ready[:tokens]]
            assert time.monotonic() < begun + lifetime, "too slow to tell"
            assert outcomes == ["issued"] * tokens, outcomes
            for got in list(ledger.received.values())[-tokens:]:
                _check_validity(got, datetime.now(UTC), issuer)
            await asyncio.sleep(done + lifetime + MARGIN - time.monotonic())
            late = [await ledger.redeem(server, each) for server, each in zip(cycle(connections), ready[tokens:])]
            assert late == ["token_expired"] * tokens, late
    wire.close_all(connections)
    most = max(abs(one - other) for one, other in by)
    return {
        "seconds apart at most": most,
        "expired in time": 2 * len(by) * tokens,
        **checks.sound(site.database, ledger),
    }
