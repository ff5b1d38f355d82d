"""What has to be done from time to time, by whichever process comes to it: records that nobody needs are removed.

Certificates, revocations and the audit are kept for ever.
"""

from datetime import datetime, timedelta

from connector.ports.transaction import Transaction

BATCH = 500
"""So many records are removed in one transaction, so that nobody waits long for it."""


def remove_ended_tokens(tx: Transaction, *, retention: timedelta, now: datetime) -> int:
    """Remove a batch of the tokens that ended longer ago than ``retention``; how many it were.

    Who presents one of them afterwards is told that it is unknown, no longer that it is spent, expired or withdrawn.
    """
    return tx.tokens.remove_ended(now - retention, BATCH)
