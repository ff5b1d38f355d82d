"""Where documents are kept: a budget in octets, for all schemas of a process together."""

from collections import OrderedDict
from dataclasses import dataclass, field

from connector.web.graphql.judge import Judged

LARGEST = 4
"""One document may take a quarter of the budget."""


@dataclass(slots=True)
class Shelf:
    """Documents that were found good, those used last, within a budget of what they take of the memory."""

    octets: int
    _kept: OrderedDict[tuple[int, str], Judged] = field(default_factory=OrderedDict)
    _taken: int = 0

    @property
    def taken(self) -> int:
        """How many octets are taken."""
        return self._taken

    def find(self, schema: int, key: str) -> Judged | None:
        """The document of this text for this schema, if it is kept."""
        found = self._kept.get((schema, key))
        if found is not None:
            self._kept.move_to_end((schema, key))
        return found

    def keep(self, schema: int, judged: Judged) -> None:
        """Keep the document; those that were not used for longest make room."""
        if judged.octets > self.octets // LARGEST:
            return
        former = self._kept.pop((schema, judged.key), None)
        self._taken += judged.octets - (former.octets if former is not None else 0)
        self._kept[schema, judged.key] = judged
        while self._taken > self.octets:
            self._taken -= self._kept.popitem(last=False)[1].octets
