"""How much there is of what quotas limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.directory import EntityKind


@dataclass(frozen=True, slots=True)
class Certified:
    """How many certificates one system auth was issued since a moment, and how many of its own are good."""

    issued: int
    good: int


class Usage(Protocol):
    """Counts of what there is. Each reads no more than ``most`` entries of an index, unless it says otherwise."""

    def issued(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        """When the system auth's certificates were issued, later than ``since``: the newest first, ``most`` at most.

        Only certificates that were good at ``since`` or later are looked through; no other was issued after it.
        """

    def good(self, system_auth_id: str, *, now: datetime, most: int) -> Sequence[datetime]:
        """When the system auth's good certificates expire, superseded ones too: the last first, ``most`` at most."""

    def minted(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        """When the system auth's tokens were minted, later than ``since``: the newest first, ``most`` at most."""

    def entities(self, tenant_id: str, kind: EntityKind, *, most: int) -> int:
        """How many of that kind the tenant has; counting stops at ``most``."""

    def certificates(self, tenant_id: str, *, now: datetime, most: int) -> int:
        """How many good certificates the tenant has, superseded ones too; counting stops at ``most``."""

    def tokens(self, tenant_id: str, *, now: datetime, most: int) -> int:
        """How many tokens of the tenant can be redeemed; counting stops at ``most``.

        All tenants' unexpired tokens are read, spent ones too, so ask :meth:`unexpired_tokens` first.
        """

    def unexpired_tokens(self, *, now: datetime, most: int) -> int:
        """How many tokens of all tenants have not expired, whatever became of them; counting stops at ``most``."""

    def certified(self, tenant_id: str, owner_id: str, *, since: datetime, now: datetime) -> Mapping[str, Certified]:
        """The owner's certificates by system auth; all that were good at ``since`` or later are read."""
