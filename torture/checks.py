"""What must hold whatever happened: the database held against itself, and against what clients know."""

from collections import Counter
from collections.abc import Sequence

from torture import wire
from torture.clients import Ready
from torture.ledger import Ledger
from torture.sites import Database
from torture.wire import Connection

ISSUED = "action IN ('certificate.issued', 'certificate.renewed')"


def stored(database: Database, ledger: Ledger) -> int:
    """Every certificate that a client received is in the inventory, octet for octet; how many are there in all."""
    found = {bytes(fingerprint) for (fingerprint,) in database.rows("SELECT fingerprint FROM certificates")}
    missing = ledger.received.keys() - found
    assert not missing, f"{len(missing)} of {len(ledger.received)} certificates that were received are not stored"
    return len(found)


def audited(database: Database) -> int:
    """There is exactly one event for each certificate, one certificate for each event, and no serial twice."""
    certificates = Counter(serial for (serial,) in database.rows("SELECT serial FROM certificates"))
    events = Counter(serial for (serial,) in database.rows(f"SELECT serial FROM audit_events WHERE {ISSUED}"))  # noqa: S608
    doubled = [serial for serial, count in certificates.items() if count > 1]
    assert not doubled, f"serial numbers given twice: {doubled}"
    assert events == certificates, (
        f"events and certificates differ: {(events - certificates) + (certificates - events)}"
    )
    return events.total()


def tokens_spent_once(database: Database) -> int:
    """A token is spent if, and only if, one thing came of it: one certificate, or one further token; how many were."""
    spent = Counter(name for (name,) in database.rows("SELECT id FROM tokens WHERE spent_at IS NOT NULL"))
    told = Counter(name for (name,) in database.rows("SELECT token_id FROM audit_events WHERE action = 'token.spent'"))
    assert told == spent, f"spent, and told to be, differ: {(told - spent) + (spent - told)}"
    issued = database.rows("SELECT token_id FROM audit_events WHERE action = 'certificate.issued'")
    minted = database.rows("SELECT minted_by FROM tokens WHERE minted_by LIKE 'token:%'")
    brought = Counter([name for (name,) in issued] + [name.removeprefix("token:") for (name,) in minted])
    assert brought == spent, f"spent, and what came of it, differ: {(brought - spent) + (spent - brought)}"
    return spent.total()


def sound(database: Database, ledger: Ledger) -> dict[str, int]:
    """All of the above; the counts."""
    counts = {
        "received": len(ledger.received),
        "stored": stored(database, ledger),
        "audited": audited(database),
        "tokens spent": tokens_spent_once(database),
    }
    database.intact()
    return counts


async def replayed(connections: Sequence[Connection], tokens: Sequence[Ready]) -> int:
    """Tokens that brought a certificate bring none again; how many were tried."""
    ledger = Ledger()

    async def again(connection: Connection, ready: Ready) -> None:
        await ledger.redeem(connection, ready)

    await wire.spread(tokens, connections, again)
    assert ledger.outcomes == Counter({"token_spent": len(tokens)} if tokens else {}), ledger.outcomes
    return len(tokens)


async def settled(connections: Sequence[Connection], ledger: Ledger) -> int:
    """Tokens whose redemption got no answer are good, or are spent for a stored certificate: never neither.

    Returns how many had been spent.
    """
    tokens, ledger.unanswered = ledger.unanswered, []
    before = ledger.outcomes.copy()

    async def again(connection: Connection, ready: Ready) -> None:
        await ledger.redeem(connection, ready)

    await wire.spread(tokens, connections, again)
    outcomes = ledger.outcomes - before
    assert outcomes.keys() <= {"issued", "token_spent"}, outcomes
    return outcomes["token_spent"]
