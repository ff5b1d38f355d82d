"""A full inventory, put there in bulk: what a server has that has been used for years.

A quarter as many applications as certificates, each with a system auth, two spent tokens, and four certificates of
which three are superseded; an audit event for each token and each certificate. Ids, serial numbers, fingerprints and
digests are random, so that every index is as wide as it is in earnest.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
)

from bench.database import Database
from connector.domain.audit import Action
from connector.domain.directory import EntityKind
from connector.domain.tokens import TokenType
from connector.storage import schema
from connector.storage.columns import Moment

CERTIFICATES_EACH = 4
TOKENS_EACH = 2
DER_OCTETS = 1000
BATCH = 25_000  # applications in a transaction
DAY = timedelta(days=1)
UUID_OCTETS = 16

_QUICKENING = ("PRAGMA cache_size = -500000", "PRAGMA synchronous = OFF")  # of this connection alone
# What a database does with so much that is new, done now and not while something is measured.
_SETTLING_SQLITE = ("PRAGMA wal_checkpoint(TRUNCATE)",)
_SETTLING_POSTGRESQL = ("VACUUM ANALYZE", "CHECKPOINT")


def fill(database: Database, certificates: int, say: Callable[[str], None]) -> None:
    """Put so many certificates there, and what belongs to them."""
    tenant, owners = database.tenant(), max(1, certificates // CERTIFICATES_EACH)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        sqlite = connection.dialect.name == "sqlite"
        for statement in _QUICKENING if sqlite else ():
            connection.exec_driver_sql(statement)
        for start in range(0, owners, BATCH):
            count = min(BATCH, owners - start)
            connection.exec_driver_sql("BEGIN")
            _Batch(connection, tenant, datetime.now(UTC)).put(start, count)
            connection.exec_driver_sql("COMMIT")
            say(f"filling the inventory: {(start + count) * CERTIFICATES_EACH} of {certificates} certificates")
        for statement in _SETTLING_SQLITE if sqlite else _SETTLING_POSTGRESQL:
            connection.exec_driver_sql(statement)
    os.sync()  # gigabytes that were not flushed on purpose: the first flush of the server would wait for all of them


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some applications and all that is theirs, by statements that make their own rows."""

    connection: Connection
    tenant: str
    now: datetime

    def put(self, start: int, count: int) -> None:
        numbers = _numbers("number", start + 1, start + count)
        entities, auths, tokens, certificates = schema.entities, schema.system_auths, schema.tokens, schema.certificates
        # SQLite keeps the order of insertion in rowid; a mark in the name finds this batch's rows in any database.
        mark = f"filled-{start}-"
        self._insert(
            entities,
            numbers,
            id=self._uuid(),
            name=literal(mark, String) + cast(numbers.c.number, String),
            kind=EntityKind.APPLICATION,
            labels={},
        )
        mine = (
            select(entities.c.id)
            .where(entities.c.tenant_id == self.tenant, entities.c.name.between(mark, mark + "~"))
            .subquery()
        )
        self._insert(auths, mine, id=self._uuid(), owner_id=mine.c.id, owner_kind=EntityKind.APPLICATION)
        owned = select(auths.c.id, auths.c.owner_id).join(mine, auths.c.owner_id == mine.c.id).subquery()
        each = _numbers("token", 1, TOKENS_EACH)
        self._insert(tokens, owned.join(each, literal(value=True)), **self._token(owned))
        each = _numbers("certificate", 1, CERTIFICATES_EACH)
        self._insert(certificates, owned.join(each, literal(value=True)), **self._certificate(owned, each))
        self._record(owned)

    def _token(self, owned: Any) -> dict[str, Any]:
        return {
            "id": self._uuid(),
            "digest": self._octets(2),
            "type": TokenType.APPLICATION,
            "system_auth_id": owned.c.id,
            "owner_id": owned.c.owner_id,
            "minted_by": "key:bench",
            "minted_at": self.now - DAY,
            "expires_at": self.now,
            "spent_at": self.now - DAY,
            "refusals": 0,
        }

    def _certificate(self, owned: Any, each: Any) -> dict[str, Any]:
        # SQLite joins octets to a text, unless it is told.
        same = literal(token_bytes(DER_OCTETS - 2 * UUID_OCTETS), LargeBinary)
        der = cast(self._octets(2).concat(same), LargeBinary)
        superseded = case((each.c.certificate < CERTIFICATES_EACH, literal(self.now, Moment())), else_=null())
        return {
            "serial": self._hexadecimal(),
            "fingerprint": self._octets(2),
            "issuer": bytes(schema.DIGEST_OCTETS),
            "key": self._octets(2),
            "system_auth_id": owned.c.id,
            "owner_id": owned.c.owner_id,
            "owner_kind": EntityKind.APPLICATION,
            "not_before": self.now - DAY,
            "not_after": self.now + 90 * DAY,
            "issued_at": self.now - DAY,
            "der": der,
            "superseded_at": superseded,
        }

    def _record(self, owned: Any) -> None:
        certificates, tokens = schema.certificates, schema.tokens
        for table, action, column, name in (
            (tokens, Action.TOKEN_SPENT, tokens.c.id, "token_id"),
            (certificates, Action.CERTIFICATE_ISSUED, certificates.c.serial, "serial"),
        ):
            self._insert(
                schema.audit_events,
                table.join(owned, table.c.system_auth_id == owned.c.id),
                at=self.now,
                action=action,
                actor="key:bench",
                owner_id=table.c.owner_id,
                system_auth_id=table.c.system_auth_id,
                **{name: column},
            )

    def _insert(self, table: Table, source: Any, **values: Any) -> None:
        given = {**{name: value for name, value in self._shared().items() if name in table.c}, **values}
        columns = [_value(table.c[name], value) for name, value in given.items()]
        self.connection.execute(insert(table).from_select(list(given), select(*columns).select_from(source)))

    def _shared(self) -> dict[str, Any]:
        return {"tenant_id": self.tenant, "created_at": self.now}

    @property
    def _is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    def _octets(self, times: int) -> ColumnElement[bytes]:
        """So many times sixteen random octets, others in each row."""
        if self._is_sqlite:
            return func.randomblob(times * UUID_OCTETS, type_=LargeBinary)
        octets: ColumnElement[bytes] = func.uuid_send(func.gen_random_uuid(), type_=LargeBinary)
        for _ in range(times - 1):
            octets = octets.concat(func.uuid_send(func.gen_random_uuid(), type_=LargeBinary))
        return octets

    def _hexadecimal(self) -> ColumnElement[str]:
        if self._is_sqlite:
            return func.lower(func.hex(func.randomblob(UUID_OCTETS)), type_=String)
        return func.replace(cast(func.gen_random_uuid(), String), "-", "", type_=String)

    def _uuid(self) -> ColumnElement[str]:
        """An id as it is written elsewhere, as long and as random."""
        if not self._is_sqlite:
            return cast(func.gen_random_uuid(), String)
        parts = [func.lower(func.hex(func.randomblob(octets)), type_=String) for octets in (4, 2, 2, 2, 6)]
        text: ColumnElement[str] = parts[0]
        for part in parts[1:]:
            text = text.concat("-").concat(part)
        return text


def _value(column: Column[Any], value: Any) -> ColumnElement[Any]:
    made = value if isinstance(value, ColumnElement) else literal(value, column.type)
    return made.label(column.name)


def _numbers(name: str, first: int, last: int) -> Any:
    """The numbers from first to last, as a table of one column."""
    numbers = select(literal(first, Integer).label(name)).cte(f"{name}s", recursive=True)
    return numbers.union_all(select((numbers.c[name] + 1).label(name)).where(numbers.c[name] < last))
