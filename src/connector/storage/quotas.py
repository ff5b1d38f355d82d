# ruff: noqa: D102 - what the methods promise stands in connector.ports.quotas
"""How much there is of what quotas limit, over SQL: each count reads one index, and stops at its limit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, case, func, literal_column, select

from connector.domain.directory import EntityKind
from connector.ports.quotas import Certified
from connector.storage.columns import Moment
from connector.storage.schema import certificates, entities, tokens
from connector.storage.statements import unindexed

_MOST: BindParameter[int] = bindparam("most")
_SINCE = bindparam("since", type_=Moment)
_NOW = bindparam("now", type_=Moment)
_ONE: ColumnElement[int] = literal_column("1")

_OF_CERTIFICATE = certificates.c.system_auth_id == bindparam("system_auth_id")
_ISSUED = (
    select(certificates.c.issued_at)
    .where(_OF_CERTIFICATE, certificates.c.not_after >= _SINCE, certificates.c.issued_at > _SINCE)
    .order_by(certificates.c.issued_at.desc())
    .limit(_MOST)
)
_GOOD = (
    select(certificates.c.not_after)
    .where(_OF_CERTIFICATE, certificates.c.not_after >= _NOW, certificates.c.revoked_at.is_(None))
    .order_by(certificates.c.not_after.desc())
    .limit(_MOST)
)
_MINTED = (
    select(tokens.c.minted_at)
    .where(tokens.c.system_auth_id == bindparam("system_auth_id"), tokens.c.minted_at > _SINCE)
    .order_by(tokens.c.minted_at.desc())
    .limit(_MOST)
)


def _number(entries: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(entries.limit(_MOST).subquery())


_TENANT: BindParameter[str] = bindparam("tenant_id")
_ENTITIES = _number(
    select(_ONE.label("one")).where(entities.c.tenant_id == _TENANT, entities.c.kind == bindparam("kind"))
)
_CERTIFICATES = _number(
    select(_ONE.label("one")).where(
        certificates.c.tenant_id == _TENANT, certificates.c.not_after >= _NOW, certificates.c.revoked_at.is_(None)
    )
)
_UNEXPIRED = _number(select(_ONE.label("one")).where(tokens.c.expires_at > _NOW))
_UNSPENT = _number(
    select(_ONE.label("one")).where(
        unindexed(tokens.c.tenant_id) == _TENANT,
        tokens.c.expires_at > _NOW,
        tokens.c.spent_at.is_(None),
        tokens.c.withdrawn_at.is_(None),
    )
)
_IS_GOOD = certificates.c.revoked_at.is_(None) & (certificates.c.not_after >= _NOW)
_CERTIFIED = (
    select(
        certificates.c.system_auth_id,
        func.coalesce(func.sum(case((certificates.c.issued_at > _SINCE, 1), else_=0)), 0),
        func.coalesce(func.sum(case((_IS_GOOD, 1), else_=0)), 0),
    )
    .where(
        unindexed(certificates.c.tenant_id) == _TENANT,
        certificates.c.owner_id == bindparam("owner_id"),
        certificates.c.not_after >= _SINCE,
    )
    .group_by(certificates.c.system_auth_id)
)


class SqlUsage:
    """Counts of what there is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def issued(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        return self._moments(_ISSUED, system_auth_id=system_auth_id, since=since, most=most)

    def good(self, system_auth_id: str, *, now: datetime, most: int) -> Sequence[datetime]:
        return self._moments(_GOOD, system_auth_id=system_auth_id, now=now, most=most)

    def minted(self, system_auth_id: str, *, since: datetime, most: int) -> Sequence[datetime]:
        return self._moments(_MINTED, system_auth_id=system_auth_id, since=since, most=most)

    def entities(self, tenant_id: str, kind: EntityKind, *, most: int) -> int:
        return self._count(_ENTITIES, tenant_id=tenant_id, kind=kind, most=most)

    def certificates(self, tenant_id: str, *, now: datetime, most: int) -> int:
        return self._count(_CERTIFICATES, tenant_id=tenant_id, now=now, most=most)

    def tokens(self, tenant_id: str, *, now: datetime, most: int) -> int:
        # No index holds the open tokens of one tenant: each mint and each redemption would pay for it.
        return self._count(_UNSPENT, tenant_id=tenant_id, now=now, most=most)

    def unexpired_tokens(self, *, now: datetime, most: int) -> int:
        return self._count(_UNEXPIRED, now=now, most=most)

    def certified(self, tenant_id: str, owner_id: str, *, since: datetime, now: datetime) -> Mapping[str, Certified]:
        values = {"tenant_id": tenant_id, "owner_id": owner_id, "since": since, "now": now}
        return {row[0]: Certified(int(row[1]), int(row[2])) for row in self._connection.execute(_CERTIFIED, values)}

    def _moments(self, statement: Select[Any], **values: object) -> Sequence[datetime]:
        return list(self._connection.execute(statement, values).scalars())

    def _count(self, statement: Select[Any], **values: object) -> int:
        return int(self._connection.execute(statement, values).scalar_one())
