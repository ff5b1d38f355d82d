"""How long it takes to make a long CRL, and whether the event loop is held meanwhile: ``python -m bench.crls ENTRIES``.

The inventory is a SQLite file with that many revoked certificates, whose own octets are left out: a CRL is read from an
index. What is measured goes from the look whether a CRL is due to the commit.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory

from sqlalchemy import insert

from bench.processes import KIB_IN_MIB, pinned
from connector.domain.certificates import Certificate, RevocationReason, TrustAnchor
from connector.domain.crls import CRLSchedule
from connector.domain.directory import EntityKind
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.pki.issuer import SERIAL_OCTETS, Issuer, make_issuing, make_root, serial_number
from connector.pki.profile import NewCA
from connector.pki.signer import KeySigner
from connector.storage import open_sqlite
from connector.storage.schema import certificates
from connector.storage.sqlite import writing_engine
from connector.usecases.crl_publishing import CRLPublishing
from connector.usecases.crls import PublishedCRLs
from connector.usecases.issuers import Issuers, Recorded

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SCHEDULE = CRLSchedule(7 * DAY, DAY)
BATCH = 10_000
# Often enough for a p99, and seldom enough not to count for much in what is measured.
TICK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class LongCRL:
    """What it took to make a CRL, and how long the event loop was held meanwhile."""

    entries: int
    octets: int
    seconds: float
    processor_seconds: float
    peak_mib: float
    before_mib: float
    hold_p99_ms: float
    longest_hold_ms: float


def make_long_crl(entries: int, core: int) -> LongCRL:
    """Make one in a process of its own on this core, so that its memory is known."""
    with pinned(core):
        done = subprocess.run([sys.executable, "-m", "bench.crls", str(entries)], capture_output=True, check=True)
    return LongCRL(**json.loads(done.stdout))


def issuer() -> Issuer:
    """An issuer under a root."""
    root_signer, signer = KeySigner.generate("p256"), KeySigner.generate("p256")
    root = make_root(root_signer, NewCA("Root", 100 * DAY, serial(), NOW))
    certificate = make_issuing(root, root_signer, signer, NewCA("Issuing", 90 * DAY, serial(), NOW))
    return Issuer(certificate, signer, root)


def serial() -> int:
    """A serial number."""
    return serial_number(token_bytes(SERIAL_OCTETS), now=NOW)


def fill(path: Path, of: Issuer, number: int) -> None:
    """So many revoked certificates."""
    with writing_engine(path).begin() as connection:
        for start in range(0, number, BATCH):
            rows = [revoked(of, each) for each in range(start, min(start + BATCH, number))]
            connection.execute(insert(certificates), rows)


def revoked(of: Issuer, number: int) -> dict[str, object]:
    """One of them; each second of the last weeks has some."""
    made = Certificate(
        serial=f"{serial():x}",
        fingerprint=token_bytes(32),
        issuer=of.fingerprint,
        key=bytes(32),
        system_auth_id="-",
        owner_id="-",
        owner_kind=EntityKind.APPLICATION,
        tenant_id="-",
        not_before=NOW,
        not_after=NOW + timedelta(seconds=number),
        issued_at=NOW,
        der=b"",
        revoked_at=NOW - timedelta(seconds=number),
        revocation_reason=RevocationReason.UNSPECIFIED if number % 2 else RevocationReason.SUPERSEDED,
    )
    return {name: getattr(made, name) for name in Certificate.__slots__}


async def longest_hold(stop: asyncio.Event) -> list[float]:
    """How long the event loop was held at each tick, in seconds."""
    held = []
    while not stop.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        held.append(time.perf_counter() - begun - TICK_SECONDS)
    return sorted(held)


async def measure(path: Path, of: Issuer) -> LongCRL:
    """Make one CRL."""
    store, stop = open_sqlite(path), asyncio.Event()
    record = IssuerRecord(of.fingerprint, of.der, of.root_fingerprint, IssuerState.SIGNING, NOW, NOW)
    anchor = TrustAnchor(of.root_fingerprint, of.root_der, NOW)
    published = PublishedCRLs(Issuers([of], Recorded((record,), (anchor,))), started=NOW)
    (scope,) = (each for each in published.scopes.values() if each.issuers)
    publishing = CRLPublishing(store, published, {scope.id: lambda: of.signer}, SCHEDULE, SCHEDULE, NOW)
    before = resource.getrusage(resource.RUSAGE_SELF)
    ticks, begun = asyncio.create_task(longest_hold(stop)), time.perf_counter()
    made = await publishing.publish(scope)
    took = time.perf_counter() - begun
    stop.set()
    held, after = await ticks, resource.getrusage(resource.RUSAGE_SELF)
    await store.close()
    if made is None:
        raise RuntimeError("no CRL was made")
    octets = len(published.find(scope.id, now=datetime.now(UTC)).octets)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return LongCRL(
        entries=made.entries,
        octets=octets,
        seconds=took,
        processor_seconds=processor,
        peak_mib=after.ru_maxrss / KIB_IN_MIB,
        before_mib=before.ru_maxrss / KIB_IN_MIB,
        hold_p99_ms=held[len(held) * 99 // 100] * 1000,
        longest_hold_ms=held[-1] * 1000,
    )


def main() -> None:
    """Fill an inventory, measure, and print the figures as JSON."""
    number = int(sys.argv[1])
    of = issuer()
    with TemporaryDirectory() as directory:
        path = Path(directory) / "connector.db"
        asyncio.run(open_sqlite(path).close())
        fill(path, of, number)
        print(json.dumps(asdict(asyncio.run(measure(path, of))), indent=2))


if __name__ == "__main__":
    main()
