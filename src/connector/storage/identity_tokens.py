# ruff: noqa: D102 - what the methods promise stands in connector.ports.identity_tokens
"""The public keys of identity tokens, over SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from connector.domain.identity_tokens import TokenKey
from connector.storage.schema import token_keys

_COLUMNS = token_keys.c


class SqlTokenKeys:
    """The public keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> Sequence[TokenKey]:
        rows = self._connection.execute(select(token_keys).order_by(_COLUMNS.published_at, _COLUMNS.id))
        return [TokenKey(row.id, bytes(row.spki), row.published_at, row.removed_at) for row in rows]

    def add(self, key: TokenKey) -> None:
        if self._connection.execute(select(_COLUMNS.id).where(_COLUMNS.id == key.id)).first() is None:
            values = {"id": key.id, "spki": key.spki, "published_at": key.published_at, "removed_at": key.removed_at}
            self._connection.execute(insert(token_keys).values(values))

    def remove(self, key_id: str, *, now: datetime) -> bool:
        in_use = (_COLUMNS.id == key_id, _COLUMNS.removed_at.is_(None))
        return self._connection.execute(update(token_keys).where(*in_use).values(removed_at=now)).rowcount == 1

    def forget(self, before: datetime) -> int:
        old = (_COLUMNS.published_at < before, _COLUMNS.removed_at.is_(None))
        return self._connection.execute(delete(token_keys).where(*old)).rowcount
