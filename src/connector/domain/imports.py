"""The records taken over from another installation, and the CA whose certificates came with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector.domain.directory import EntityKind


class Kind(StrEnum):
    """The kinds of what an import looks at."""

    ISSUER = "issuer"
    REVOCATION = "revocation"
    TENANT = "tenant"
    INTEGRATION_SYSTEM = "integration system"
    PERMISSION = "permission"
    FORMATION = "formation"
    RUNTIME = "runtime"
    APPLICATION = "application"
    LABEL = "label"
    ASSIGNMENT = "assignment"
    SYSTEM_AUTH = "system auth"
    TOKEN = "token"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True)
class Taken:
    """The note that a record was taken over. It outlives the record: a record that was removed here is not taken again.

    ``id`` is the record's id in the other installation; ``tenant_id`` is its tenant's here.
    """

    kind: Kind
    id: str
    tenant_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class AdoptedIssuer:
    """A CA of another installation. Its certificates authenticate their holders until ``ended_at``; it signs nothing.

    ``fingerprint`` is the SHA-256 of its certificate ``der``; it and its key are valid until ``not_after``.
    """

    fingerprint: bytes
    der: bytes = field(repr=False)
    not_after: datetime
    adopted_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AdoptedHolder:
    """A system auth that was taken over, and how far its move to our own CA is.

    ``is_seen`` says whether a certificate of the adopted CA came in; ``old_until`` is the end of the last such that was
    not revoked; ``renewed_at`` is when our own CA issued the newest certificate that was not revoked.
    """

    id: str
    owner_id: str
    owner: str
    kind: EntityKind
    tenant: str
    is_seen: bool = False
    old_until: datetime | None = None
    renewed_at: datetime | None = None

    def state(self, *, now: datetime) -> "HolderState":
        """How far it is at ``now``."""
        if self.renewed_at is not None:
            return HolderState.RENEWED
        if self.old_until is not None and self.old_until >= now:
            return HolderState.ON_THE_OLD_CA
        return HolderState.ENDED if self.is_seen else HolderState.UNSEEN


class HolderState(StrEnum):
    """unseen → on the old CA → renewed; or ended, where the old certificate was revoked or expired before that."""

    UNSEEN = "unseen"
    ON_THE_OLD_CA = "on the old CA"
    RENEWED = "renewed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many holders are in each state, and until when the last known certificate of the old CA is needed."""

    unseen: int
    on_the_old_ca: int
    renewed: int
    ended: int
    needed_until: datetime | None

    @property
    def seen(self) -> int:
        """The number of those whose old certificate came in."""
        return self.on_the_old_ca + self.renewed + self.ended


class Outcome(StrEnum):
    """The outcome for a record. A changed one was taken as well. One that is gone was taken once, and removed there."""

    TAKEN = "taken"
    KNOWN = "known"
    CHANGED = "changed"
    LEFT = "left"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about one record. Names are as they are in the other installation."""

    outcome: Outcome
    kind: Kind
    id: str
    name: str
    why: str


MOST_NOTES = 20_000
"""So many notes are kept of one import; the others are counted."""


@dataclass(slots=True)
class Report:
    """The outcome of an import: the numbers by kind and outcome, and notes about every difference.

    ``warnings`` are about the settings.
    """

    counts: Counter[tuple[Kind, Outcome]] = field(default_factory=Counter)
    notes: list[Note] = field(default_factory=list)
    omitted: int = 0
    warnings: Sequence[str] = ()

    def count(self, kind: Kind, outcome: Outcome, number: int = 1) -> None:
        """Count records."""
        self.counts[kind, outcome] += number

    def note(self, outcome: Outcome, kind: Kind, id: str, name: str, why: str) -> None:
        """Count a record, and note the remark about it."""
        self.count(kind, outcome)
        self._keep([Note(outcome, kind, id, name, why)])

    def absorb(self, other: "Report") -> None:
        """Take over what another report says."""
        self.counts.update(other.counts)
        self.omitted += other.omitted
        self._keep(other.notes)

    def _keep(self, notes: Sequence[Note]) -> None:
        room = max(0, MOST_NOTES - len(self.notes))
        self.notes += notes[:room]
        self.omitted += len(notes[room:])
