"""When the holders of certificates were last seen, in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.support.memory.directory import Tables


@dataclass(slots=True)
class MemorySightings:
    """The newest moment at which each certificate was seen."""

    tables: Tables

    def see(self, seen: Mapping[bytes, datetime]) -> None:
        for fingerprint, at in seen.items():
            self.tables.sightings[fingerprint] = max(at, self.tables.sightings.get(fingerprint, at))

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, datetime]:
        return {each: self.tables.sightings[each] for each in fingerprints if each in self.tables.sightings}
