# ruff: noqa: D102 - what the methods promise is said in connector.ports
"""CRLs, in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, or_, select, tuple_, update

from connector.domain.crls import CRLRecord, Revocation
from connector.storage.columns import Moment
from connector.storage.schema import certificates, crls
from connector.storage.statements import Prepared

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
_REVOKED = (certificates.c.issuer == bindparam("of"), certificates.c.revoked_at.is_not(None))
_COUNT = (
    select(func.count())
    .select_from(certificates)
    .where(*_REVOKED, certificates.c.not_after >= bindparam("since", type_=Moment))
)
# One lower bound, the place: with a second one SQLite would begin each page at the first entry.
_PLACE = (certificates.c.not_after, certificates.c.serial)
_PAGE = Prepared(
    select(*(certificates.c[name] for name in ("not_after", "serial", "revoked_at", "revocation_reason")))
    .where(*_REVOKED, tuple_(*_PLACE) > tuple_(bindparam("not_after", type_=Moment), bindparam("serial")))
    .order_by(*_PLACE)
    .limit(bindparam("most"))
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

    def revocations(
        self, issuer: bytes, *, since: datetime, after: tuple[datetime, str] | None, most: int
    ) -> Sequence[Revocation]:
        not_after, serial = after or (since, "")
        rows = _PAGE.all(self._connection, of=issuer, not_after=not_after, serial=serial, most=most)
        return [Revocation(*row) for row in rows]
