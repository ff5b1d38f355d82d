"""The entries of CRLs, written by the database.

To hand a million rows to Python takes longer than all the rest of a CRL, and holds the interpreter's lock meanwhile. So
the database writes each entry, as the hexadecimal digits of its DER, and hands over a page as one text. It writes only
entries of the usual form. A page with any other is read row by row, and encoded by :func:`connector.pki.crl.entries`.
"""

from binascii import unhexlify
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
)

from connector.domain.certificates import RevocationReason
from connector.domain.crls import BEGINNING, Entries, Place, Revocation
from connector.pki.crl import USUAL_SERIAL_OCTETS, entries, usual_entry
from connector.storage.columns import Moment
from connector.storage.schema import certificates
from connector.storage.statements import Prepared

# RFC 5280 5.1.2.6: later times are written otherwise. No entry is later than its CRL.
_END_OF_UTC_TIME = datetime(2050, 1, 1, tzinfo=UTC)

REVOKED = (certificates.c.issuer == bindparam("of"), certificates.c.revoked_at.is_not(None))
"""The certificates of one issuer that are revoked."""

# One lower bound, the place: with a second one SQLite would begin each page at the first entry.
_PLACE = (certificates.c.not_after, certificates.c.serial)


def _page(*columns: ColumnElement[Any]) -> Select[Any]:
    place = tuple_(bindparam("not_after", type_=Moment), bindparam("serial"))
    found = select(*columns).where(*REVOKED, tuple_(*_PLACE) > place)
    return found.order_by(*_PLACE).limit(bindparam("most"))


def _constant(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'", Text)


# The serial number has the usual length, also as an INTEGER. That it has no other characters than hexadecimal digits,
# `unhexlify` says.
_IS_USUAL = and_(
    func.length(certificates.c.serial) == 2 * USUAL_SERIAL_OCTETS,
    certificates.c.serial >= _constant("1"),
    certificates.c.serial < _constant("8"),
    certificates.c.revoked_at >= BEGINNING,
)


def _entry(digits: ColumnElement[str]) -> ColumnElement[str]:
    """An entry in hexadecimal; NULL where it is not of the usual form. ``digits`` is the time, in hexadecimal too."""
    written = []
    for reason in RevocationReason:
        parts = usual_entry(reason)
        has_reason = certificates.c.revocation_reason == reason
        if parts == usual_entry(None):
            has_reason = or_(has_reason, certificates.c.revocation_reason.is_(None))
        before_serial, before_time, after_time = (_constant(part.hex()) for part in parts)
        written.append((has_reason, func.concat(before_serial, certificates.c.serial, before_time, digits, after_time)))
    return case((_IS_USUAL, case(*written)))


def _written(entry: ColumnElement[str], joined: str) -> Prepared:
    """A page as one text, how many entries are in it, and how many should be."""
    each = _page(entry.label("entry")).subquery()
    together = getattr(func, joined)(each.c.entry, _constant(""))
    return Prepared(select(together, func.count(each.c.entry), func.count()))


def _in_sqlite() -> Prepared:
    revoked_at = func.min(certificates.c.revoked_at, bindparam("until", type_=Moment), type_=Moment)
    second = type_coerce(revoked_at, BigInteger) // literal_column("1000000", BigInteger)
    digits = func.strftime(_constant("%Y%m%d%H%M%S"), second, _constant("unixepoch"))
    return _written(_entry(func.hex(func.substr(digits, 3))), "group_concat")


def _in_postgresql() -> Prepared:
    revoked_at = func.least(certificates.c.revoked_at, bindparam("until", type_=Moment), type_=Moment)
    second = type_coerce(revoked_at, BigInteger) // literal_column("1000000", BigInteger)
    moment = func.timezone(_constant("UTC"), func.to_timestamp(second))
    digits = func.convert_to(func.to_char(moment, _constant("YYMMDDHH24MISS")), _constant("UTF8"))
    return _written(_entry(func.encode(digits, _constant("hex"))), "string_agg")


_WRITTEN: Mapping[str, Prepared] = {"sqlite": _in_sqlite(), "postgresql": _in_postgresql()}
_ROWS = Prepared(_page(*_PLACE, certificates.c.revoked_at, certificates.c.revocation_reason))
_LAST = Prepared(_page(*_PLACE).offset(bindparam("before")))


def page(
    connection: Connection, issuer: bytes, *, since: datetime, until: datetime, after: Place | None, most: int
) -> Entries:
    """What :meth:`connector.ports.crls.CRLs.entries` promises. All statements see one view."""
    not_after, serial = after or (since, "")
    begin = {"of": issuer, "not_after": not_after, "serial": serial}
    found = _LAST.first(connection, **begin, most=1, before=most - 1)
    last = None if found is None else (found[0], found[1])
    if until < _END_OF_UTC_TIME:
        written = _WRITTEN[connection.dialect.name].first(connection, **begin, most=most, until=until)
        text, usual, number = written or ("", 0, 0)
        if usual == number:
            return Entries(unhexlify(text or ""), number, last)
    listed = [Revocation(*row) for row in _ROWS.all(connection, **begin, most=most)]
    return Entries(entries(listed, until=until), len(listed), last)
