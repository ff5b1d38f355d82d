"""Issuers as they are recorded: each CA that issues, or issued, client certificates here."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class IssuerState(StrEnum):
    """prepared → signing → former → ended. One signs; all but those that ended authenticate clients."""

    PREPARED = "prepared"
    SIGNING = "signing"
    FORMER = "former"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """The record of one issuer. ``fingerprint`` is the SHA-256 of its certificate ``der``, ``root`` its root's."""

    fingerprint: bytes
    der: bytes = field(repr=False)
    root: bytes
    state: IssuerState
    recorded_at: datetime
    changed_at: datetime
