"""Clocks that jump, and that disagree (R11)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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


async def apart(site: Site, ours: list[Clock], *, tokens: int, seconds: int) -> dict[str, int | float]:
    """Two servers whose clocks are apart, by less than a token lives: what the one hands out the other takes, once."""
    ledger = Ledger()
    ours[0].set(-seconds)
    ours[1].set(seconds)
    one, other = site.connections(2)
    application = await site.application(one)
    for _ in range(tokens):
        for minting, redeeming in ((one, other), (other, one)):
            ready = await clients.configure(redeeming, await site.administrator.mint(minting, application))
            outcome = await ledger.redeem(minting, ready)
            assert outcome == "issued", outcome
    wire.close_all([one, other])
    return {"seconds apart": 2 * seconds, "errors": 0, **checks.sound(site.database, ledger)}
