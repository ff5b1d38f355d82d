# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""API keys over SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, update

from connector.domain.principals import ApiKey
from connector.domain.refusals.objects import NotUniqueName
from connector.storage.schema import api_keys
from connector.storage.statements import Insert, Prepared, page

_FIND = Prepared(select(api_keys).where(api_keys.c.digest == bindparam("digest")))
_ANY = select(api_keys.c.id).limit(1)

_REVOKE = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("this"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_ADD = Insert(api_keys, ApiKey)


class SqlApiKeys:
    """API keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, key: ApiKey) -> None:
        _ADD(self._connection, key, taken=NotUniqueName())

    def find(self, digest: bytes) -> ApiKey | None:
        row = _FIND.first(self._connection, digest=digest)
        return None if row is None else ApiKey(*row)

    def list(
        self,
        *,
        within: frozenset[str] | None = None,
        after: tuple[datetime, str] | None = None,
        most: int | None = None,
    ) -> Sequence[ApiKey]:
        order = [api_keys.c.created_at, api_keys.c.id]
        statement = page(_within(within), order, newest_first=True, after=after, most=most)
        return [ApiKey(*row) for row in self._connection.execute(statement)]

    def count(self, *, within: frozenset[str] | None = None) -> int:
        return self._connection.execute(select(func.count()).select_from(_within(within).subquery())).scalar_one()

    def revoke(self, id: str, *, within: frozenset[str] | None, now: datetime) -> ApiKey | None:
        statement = _REVOKE if within is None else _REVOKE.where(api_keys.c.tenant.in_(sorted(within)))
        self._connection.execute(statement, {"this": id, "now": now})
        row = self._connection.execute(_within(within).where(api_keys.c.id == id)).one_or_none()
        return None if row is None else ApiKey(*row)

    def any(self) -> bool:
        return self._connection.execute(_ANY).first() is not None


def _within(external_ids: frozenset[str] | None) -> Select[Any]:
    statement = select(api_keys)
    return statement if external_ids is None else statement.where(api_keys.c.tenant.in_(sorted(external_ids)))
