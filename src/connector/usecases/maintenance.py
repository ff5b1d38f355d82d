"""Periodic jobs that remove records. Certificates, revocations and the audit are kept for ever."""

from datetime import timedelta

from connector.ports.transaction import Transaction

BATCH = 500
"""The most records that one transaction removes, so that no other waits long for it."""


def remove_ended_tokens(tx: Transaction, *, retention: timedelta) -> int:
    """Remove a batch of the tokens that ended longer ago than ``retention``, and return their number.

    A client that presents one of them afterwards is told that it is unknown, no longer that it is spent, expired or
    withdrawn.
    """
    return tx.tokens.remove_ended(tx.now - retention, BATCH)
