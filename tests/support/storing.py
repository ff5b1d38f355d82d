"""A process that uses a database file: ``redeem PATH`` or ``record PATH COUNT``, see the functions."""

import asyncio
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from tests.support.records import NOW, certificate, event, token

from connector.domain.refusals import Refusal
from connector.ports.transaction import Store, Transaction
from connector.storage import open_sqlite

REDEMPTIONS = 50

say = partial(print, flush=True)


async def redeem(store: Store) -> None:
    """Redeem token 1 many times at once, when a line comes in; print how often each outcome came out."""

    async def attempt() -> str:
        try:
            await store.transaction(lambda tx: tx.tokens.redeem(token(), now=NOW))
        except Refusal as refusal:
            return refusal.code
        return "redeemed"

    say("ready")
    sys.stdin.readline()
    for outcome, count in Counter(await asyncio.gather(*(attempt() for _ in range(REDEMPTIONS)))).items():
        say(outcome, count)


async def record(store: Store, count: int) -> None:
    """Record certificates with their events, eight callers at once; print each number after it was acknowledged."""
    numbers = iter(range(1, count + 1))

    async def caller() -> None:
        for number in numbers:

            def function(tx: Transaction, number: int = number) -> None:
                tx.inventory.add(certificate(number))
                tx.audit.append(event(number))

            await store.transaction(function)
            say(number)

    await asyncio.gather(*(caller() for _ in range(8)))


async def main(command: str, path: str, *arguments: str) -> None:
    """Run one command on the store."""
    store = open_sqlite(Path(path))
    await (redeem(store) if command == "redeem" else record(store, int(arguments[0])))
    await store.close()


asyncio.run(main(*sys.argv[1:]))
