# ruff: noqa: D102 - what the methods promise stands in connector.ports.sightings
"""When the holders of certificates were last seen, over SQL."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from connector.storage.schema import sightings
from connector.storage.statements import chunks

_ADD = insert(sightings)
_MOVE = (
    update(sightings)
    .where(sightings.c.fingerprint == bindparam("this"))
    .values(seen_at=bindparam("new", required=True))
)


class SqlSightings:
    """The newest moment at which each certificate was seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def see(self, seen: Mapping[bytes, datetime]) -> None:
        known = self.find(seen)
        later = [{"this": each, "new": at} for each, at in seen.items() if each in known and known[each] < at]
        added = [{"fingerprint": each, "seen_at": at} for each, at in seen.items() if each not in known]
        if later:
            self._connection.execute(_MOVE, later)
        if added:
            self._connection.execute(_ADD, added)

    def find(self, fingerprints: Collection[bytes]) -> Mapping[bytes, datetime]:
        found: dict[bytes, datetime] = {}
        for some in chunks(fingerprints):
            rows = self._connection.execute(select(sightings).where(sightings.c.fingerprint.in_(some)))
            found |= {bytes(row.fingerprint): row.seen_at for row in rows}
        return found
