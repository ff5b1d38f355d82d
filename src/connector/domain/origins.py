"""Where a new record comes from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Origin:
    """A new record's id, when it is made, and by whom."""

    id: UUID
    at: datetime
    by: str
