"""Refusals of tokens and of holders, recorded: repeats within a minute are counted, and recorded at its end.

The refusals of one token that come at once share a transaction. A holder of a spent token may present it a thousand
times at once; one transaction for each would queue for that token's row, and delay everybody who came after.
"""

from asyncio import Lock
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.domain.audit import Action, Event, event, within
from connector.domain.refusals import Refusal
from connector.domain.refusals.csr import BadCSR
from connector.domain.refusals.quotas import LimitReached
from connector.domain.repeats import Repeats
from connector.domain.tokens import OneTimeToken
from connector.ports.audit import CIRCUMSTANCES
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Store, Transaction
from connector.usecases.realms import SYSTEM, realm_of
from connector.usecases.revocation import withdraw

MOST_RECORDED = 1000
"""After this many refusals of one token nothing is written: a leaked token must not be good for filling the disk."""

Refused = tuple[Refusal, Event]


@dataclass(slots=True)
class _Line:
    """Those who wait to be written down for one token."""

    lock: Lock = field(default_factory=Lock)
    refused: list[Refused] = field(default_factory=list)
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """Records who was refused and why."""

    _lines: dict[str, _Line] = field(default_factory=dict, init=False, repr=False)
    _repeats: Repeats = field(default_factory=Repeats, init=False, repr=False)

    async def record(self, store: Store, token: OneTimeToken, refusal: Refusal, *, most: int, now: datetime) -> None:
        """Write it down, with all that wait for the same token, unless another caller does so meanwhile.

        After ``most`` refusals, a CSR among those that are written, the token is withdrawn. A limit of the system auth
        does not count against the token: its bearer is asked to try again.

        Raises:
            StorageUnavailable: it could not be written. Others that waited for this caller to do it get no error.
        """
        if isinstance(refusal, LimitReached):
            await self.record_event(store, _token_refused(token, refusal, now))
            return
        if token.refusals >= MOST_RECORDED:
            return
        line = self._lines.setdefault(token.id, _Line())
        line.refused.append((refusal, _token_refused(token, refusal, now)))
        line.callers += 1
        try:
            async with line.lock:
                refused, line.refused = line.refused, []
                if refused:
                    events = self._first([event for _, event in refused])
                    await store.transaction(lambda tx: _write(tx, token, refused, events, most), alone=False)
        finally:
            line.callers -= 1
            if not line.callers:
                del self._lines[token.id]

    async def record_event(self, store: Store, event: Event) -> None:
        """Record a refusal that ends nothing, however often it is repeated.

        Raises:
            StorageUnavailable: it could not be written.
        """
        events = self._first([within(CIRCUMSTANCES.get(), event)])
        if events:
            await store.transaction(lambda tx: tx.audit.append(*events), alone=False)

    async def flush(self, store: Store) -> None:
        """Record what was counted since the last call: to be called each minute, and at the end.

        Raises:
            StorageUnavailable: it could not be written; it is still counted.
        """
        events = self._repeats.take()
        if not events:
            return
        try:
            await store.transaction(lambda tx: tx.audit.append(*events), alone=False)
        except BaseException:  # cancellation too: the counts must not be lost
            self._repeats.put_back(events)
            raise

    def _first(self, events: Sequence[Event]) -> Sequence[Event]:
        """Those to be recorded now; the others are counted."""
        noted = (self._repeats.note(event) for event in events)
        return [event for event in noted if event is not None]


def _token_refused(token: OneTimeToken, refusal: Refusal, at: datetime) -> Event:
    # In the circumstances of this caller, since another one may write it down.
    return within(
        CIRCUMSTANCES.get(), event(Action.TOKEN_REFUSED, token, at=at, actor=token.actor, reason=refusal.code)
    )


def _write(
    tx: Transaction, token: OneTimeToken, refused: Sequence[Refused], events: Sequence[Event], most: int
) -> None:
    if events:
        tx.audit.append(*events)
    total = tx.tokens.count_refusals(token, len(refused)).refusals
    if total >= most and any(isinstance(refusal, BadCSR) for refusal, _ in refused):
        withdraw(realm_of(tx, token, SYSTEM.actor), TokenFilter(id=token.id))
