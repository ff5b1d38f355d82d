# ruff: noqa: D102 - what the methods promise is said in connector.ports
"""CRLs, in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from connector.domain.crls import CRLRecord, Entries, Place
from connector.storage import crl_entries
from connector.storage.columns import Moment
from connector.storage.schema import certificates, crls

_RECORD = tuple(crls.c[name] for name in CRLRecord.__slots__)
_ALL = select(*_RECORD).where(crls.c.number > 0).order_by(crls.c.scope)
_OCTETS = select(crls.c.der).where(crls.c.scope == bindparam("of"), crls.c.number == bindparam("numbered"))
_KNOWN = select(crls.c.scope).where(crls.c.scope == bindparam("of"))
_ONE = update(crls).where(crls.c.scope == bindparam("of"), crls.c.number == bindparam("numbered"))
_CLAIM = _ONE.where(
    # A claim from the future is of a clock that was wrong.
    or_(
        crls.c.claimed_at.is_(None),
        crls.c.claimed_at < bindparam("before", type_=Moment),
        crls.c.claimed_at > bindparam("now", type_=Moment),
    )
).values(claimed_at=bindparam("now"))
_COUNT = (
    select(func.count())
    .select_from(certificates)
    .where(*crl_entries.REVOKED, certificates.c.not_after >= bindparam("since", type_=Moment))
)


class SqlCRLs:
    """The CRLs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Sequence[CRLRecord]:
        return [CRLRecord(*row) for row in self._connection.execute(_ALL)]

    def octets(self, scope: bytes, number: int) -> bytes | None:
        return self._connection.execute(_OCTETS, {"of": scope, "numbered": number}).scalar_one_or_none()

    def claim(self, record: CRLRecord, *, now: datetime, before: datetime) -> bool:
        if record.number == 0 and self._connection.execute(_KNOWN, {"of": record.scope}).first() is None:
            self._connection.execute(insert(crls).values(**asdict(record)))
        given = {"of": record.scope, "numbered": record.number, "now": now, "before": before}
        return self._connection.execute(_CLAIM, given).rowcount == 1

    def publish(self, record: CRLRecord, octets: bytes, *, after: int) -> bool:
        statement = _ONE.values(**asdict(record), der=octets, claimed_at=None)
        return self._connection.execute(statement, {"of": record.scope, "numbered": after}).rowcount == 1

    def count(self, issuers: Collection[bytes], *, since: datetime) -> int:
        found = (self._connection.execute(_COUNT, {"of": issuer, "since": since}) for issuer in issuers)
        return sum(each.scalar_one() for each in found)

    def entries(self, issuer: bytes, *, since: datetime, until: datetime, after: Place | None, most: int) -> Entries:
        return crl_entries.page(self._connection, issuer, since=since, until=until, after=after, most=most)
