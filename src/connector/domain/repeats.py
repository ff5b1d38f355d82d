"""Events that repeat within a minute: the first is recorded at once, and then how many more there were."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from connector.domain.audit import Event

MOST_KINDS = 10_000
MOST_OF_ONE = 3


@dataclass(slots=True)
class Repeats:
    """Counts the events of one process that differ in nothing but their time and their request.

    Whoever calls :meth:`take` at the end of each minute records what it returns. In a minute, ``most_of_one`` kinds of
    each system auth are counted apart; its other events are counted by their action alone. However many tokens and
    certificates its holder tries, and in however many ways, the audit grows by a few rows a minute. A count has an
    address only if all that it counts came from there.
    """

    most: int = MOST_KINDS
    most_of_one: int = MOST_OF_ONE
    _counted: dict[Hashable, Event] = field(default_factory=dict, init=False, repr=False)
    _kinds: Counter[str | None] = field(default_factory=Counter, init=False, repr=False)

    def note(self, event: Event) -> Event | None:
        """The event to record now; None where it is counted, to be recorded at the end of the minute."""
        key = _key(event)
        if key not in self._counted and self._kinds[event.system_auth_id] >= self.most_of_one:
            event = replace(event, actor=f"system_auth:{event.system_auth_id}", token_id=None, serial=None, reason=None)
            key = _key(event)
        known = self._counted.get(key)
        if known is not None:
            self._counted[key] = replace(_sum(known, event), at=max(known.at, event.at))
            return None
        if len(self._counted) < self.most:
            self._counted[key] = replace(event, times=0, request_id=None)
            self._kinds[event.system_auth_id] += 1
        return event

    def take(self) -> Sequence[Event]:
        """The counted events, with the number in ``times``; the next minute begins."""
        counted = [event for event in self._counted.values() if event.times]
        self._counted.clear()
        self._kinds.clear()
        return counted

    def put_back(self, events: Sequence[Event]) -> None:
        """Count events again that were taken and could not be recorded."""
        for event in events:
            known = self._counted.get(_key(event), replace(event, times=0))
            self._counted[_key(event)] = _sum(known, event)
            self._kinds[event.system_auth_id] += known.times == 0


def _sum(known: Event, event: Event) -> Event:
    is_from_there = known.times == 0 or event.address == known.address
    return replace(known, times=known.times + event.times, address=event.address if is_from_there else None)


def _key(event: Event) -> Hashable:
    return (
        event.action,
        event.actor,
        event.tenant_id,
        event.owner_id,
        event.system_auth_id,
        event.token_id,
        event.serial,
        event.reason,
    )
