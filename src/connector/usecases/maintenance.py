"""Periodic jobs that remove records. Certificates, revocations and the audit are kept for ever."""

from datetime import timedelta

from connector.ports.transaction import Transaction

BATCH = 500
"""The most records that one transaction removes, so that no other waits long for it."""

ENDED_FOR = timedelta(days=1)
"""How long an access token is kept after its end."""


def remove_ended_tokens(tx: Transaction, *, retention: timedelta) -> int:
    """Remove a batch of the tokens that ended longer ago than ``retention``, and return their number.

    A client that presents one of them afterwards learns that it is unknown, no longer that it is spent, expired or
    withdrawn.
    """
    return tx.tokens.remove_ended(tx.now - retention, BATCH)


def remove_ended_access_tokens(tx: Transaction) -> int:
    """Remove a batch of the access tokens that expired more than a day ago, and return their number.

    Until then a client learns that its token has expired; afterwards, that it is unknown.
    """
    return tx.clients.remove_ended(tx.now - ENDED_FOR, BATCH)
