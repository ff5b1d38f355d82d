import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO

import pytest
from tests.support.issuing import DAY, make_issuer, only
from tests.support.memory.store import MemoryStore

from connector.bootstrap.crls import keep_published
from connector.domain.crls import CRLSchedule
from connector.pki.signer import Signer
from connector.system import telemetry
from connector.system.keystore import KeystoreError
from connector.usecases.crl_publishing import CRLPublishing
from connector.usecases.crls import PublishedCRLs

SCHEDULE = CRLSchedule(7 * DAY, DAY)
REASON = "root.key cannot be read: the passphrase is wrong, or the file is damaged."


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged meanwhile."""
    stream = StringIO()
    telemetry.configure("info", "json", stream=stream)
    yield stream
    telemetry.configure("info", "json")


def test_key_that_cannot_be_read_is_logged_and_keeps_no_other_crl_back(log: StringIO) -> None:
    """A key file that cannot be used is one line in the log, not one in each round; the other CAs' CRLs are made."""
    now = datetime.now(UTC)
    issuer = make_issuer(now=now)
    published = PublishedCRLs(only(issuer, now=now), started=now)
    root, issuing = sorted(published.scopes.values(), key=lambda scope: len(scope.issuers))

    def broken() -> Signer:
        raise KeystoreError(REASON)

    signers = {root.id: broken, issuing.id: lambda: issuer.signer}

    async def main() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                publishing = CRLPublishing(MemoryStore(), published, signers, SCHEDULE, SCHEDULE, now)
                await keep_published(publishing, every=0.01)

    asyncio.run(main())

    records = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(record["event"], record["issuer"], record.get("reason")) for record in records] == [
        ("crl.failed", root.title, REASON),
        ("crl.made", issuing.title, None),
    ]
    assert "exception" not in records[0]
    assert published.number(issuing.id)
