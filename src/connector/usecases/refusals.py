"""Refusals under a token, written down: those of one token that come at once share a transaction.

Whoever has a token that is spent may present it a thousand times at once. One transaction for each would stand in line
for that token's row, and with them whoever came after.
"""

from asyncio import Lock
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.domain.audit import Action
from connector.domain.refusals import Refusal
from connector.domain.refusals.csr import BadCSR
from connector.domain.tokens import OneTimeToken
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Store, Transaction
from connector.usecases.revocation import token_event, withdraw

MOST_RECORDED = 1000
"""After so many refusals of one token no more is written: a token that leaked must not be good for filling the disk."""

Refused = tuple[Refusal, datetime]


@dataclass(slots=True)
class _Line:
    """Those who wait to be written down for one token."""

    lock: Lock = field(default_factory=Lock)
    refused: list[Refused] = field(default_factory=list)
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """Writes down who was refused and why."""

    _lines: dict[str, _Line] = field(default_factory=dict, init=False, repr=False)

    async def record(self, store: Store, token: OneTimeToken, refusal: Refusal, *, most: int, now: datetime) -> None:
        """Write it down, with all that wait for the same token, unless another caller does so meanwhile.

        After ``most`` refusals, a CSR among those that are written, the token is withdrawn.

        Raises:
            StorageUnavailable: it could not be written. Whoever waited for this caller to do it is not told.
        """
        if token.refusals >= MOST_RECORDED:
            return
        line = self._lines.setdefault(token.id, _Line())
        line.refused.append((refusal, now))
        line.callers += 1
        try:
            async with line.lock:
                refused, line.refused = line.refused, []
                if refused:
                    await store.transaction(lambda tx: _write(tx, token, refused, most), alone=False)
        finally:
            line.callers -= 1
            if not line.callers:
                del self._lines[token.id]


def _write(tx: Transaction, token: OneTimeToken, refused: Sequence[Refused], most: int) -> None:
    actor = f"token:{token.id}"
    tx.audit.append(
        *(
            token_event(Action.TOKEN_REFUSED, token, actor=actor, now=now, reason=refusal.code)
            for refusal, now in refused
        )
    )
    total = tx.tokens.count_refusals(token, len(refused)).refusals
    if total >= most and any(isinstance(refusal, BadCSR) for refusal, _ in refused):
        withdraw(tx, TokenFilter(token.tenant_id, id=token.id), actor="system", now=refused[-1][1])
