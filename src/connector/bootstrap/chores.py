"""Runs what has to be done from time to time, while a process serves."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from connector.domain.refusals import Unavailable
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.transaction import Clock, Store, Transaction
from connector.system import telemetry
from connector.usecases.issuers import Issuers, read
from connector.usecases.maintenance import BATCH
from connector.usecases.refusals import Refusals
from connector.usecases.sightings import Sightings

# Between two batches others come to their turn.
PAUSE_SECONDS = 0.1
# Repeats of refusals by their number, and who was seen, are recorded at the end of the minute.
PENDING_SECONDS = 60.0
# A change of the issuers is in effect everywhere within two seconds.
ISSUERS_SECONDS = 1.5
APART = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Chore:
    """A periodic job. ``do`` runs one batch and returns its size; less than BATCH is the last.

    It is done by one process at a time, among all workers and replicas on one database.
    """

    name: str
    do: Callable[[Transaction], int]


async def keep_up(
    store: Store, chores: Sequence[Chore], interval: timedelta, chance: Callable[[], float] = random.random
) -> None:
    """Run them again and again until cancelled. A failure is logged, and the job is tried again the next time.

    Args:
        store: where they are done.
        chores: what is to be done.
        interval: the time between two turns, give or take a half, so that processes do not meet.
        chance: numbers from 0 to 1.
    """
    while True:
        await asyncio.sleep(interval.total_seconds() * (0.5 + chance()))
        for chore in chores:
            await _do(store, chore)


async def compare_clocks(ours: Clock, database: Clock, interval: timedelta) -> None:
    """Say again and again, until cancelled, that our own clock is apart from the database's, while it is.

    Tokens and certificates go by the database's; TLS, which asks whether a certificate is valid yet, by ours.
    """
    while True:
        ahead = ours() - database()
        if abs(ahead) > APART:
            telemetry.logger().warning("clock.apart", seconds_ahead=round(ahead.total_seconds()))
        await asyncio.sleep(interval.total_seconds())


async def follow_issuers(store: Store, issuers: Issuers, changed: Callable[[], None]) -> None:
    """Look again and again, until cancelled, whether the records of issuers have changed; say so if they have."""
    log = telemetry.logger()
    while True:
        await asyncio.sleep(ISSUERS_SECONDS)
        try:
            if issuers.follow(await store.read(read)):
                log.info("issuers.changed", signing=issuers.current.fingerprint.hex())
                changed()
        except Unavailable as error:
            log.warning("issuers.unknown", code=error.code)


@dataclass(frozen=True, slots=True)
class Pending:
    """What a process has yet to record: how often refusals were repeated, and who was seen."""

    refusals: Refusals = field(default_factory=Refusals)
    sightings: Sightings = field(default_factory=Sightings)


async def record_pending(pending: Pending, store: Store) -> None:
    """Record it at the end of each minute, until cancelled."""
    while True:
        await asyncio.sleep(PENDING_SECONDS)
        await flush(pending, store)


async def flush(pending: Pending, store: Store) -> None:
    """Record it. While the storage is unavailable it stays pending."""
    for what, write in (("repeats", pending.refusals.flush), ("sightings", pending.sightings.flush)):
        try:
            await write(store)
        except StorageUnavailable as error:
            telemetry.logger().warning(f"{what}.kept", code=error.code)


async def _do(store: Store, chore: Chore) -> None:
    log = telemetry.logger()
    done = 0
    try:
        while (batch := await store.sole(chore.name, chore.do)) is not None:
            done += batch
            if batch < BATCH:
                break
            await asyncio.sleep(PAUSE_SECONDS)
    except Exception:  # the next chore, and the next time, are not given up
        log.exception("chore.failed", chore=chore.name)
    if done:
        log.info("chore.done", chore=chore.name, records=done)
