# ruff: noqa: D102 - what the methods promise is said in connector.ports
"""The records of issuers, in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from connector.domain.issuers import IssuerRecord, IssuerState
from connector.domain.refusals.objects import NotUniqueName
from connector.storage.schema import issuers
from connector.storage.statements import Insert

_ALL = select(issuers).order_by(issuers.c.recorded_at, issuers.c.fingerprint)
_ADD = Insert(issuers, IssuerRecord)


class SqlIssuers:
    """The issuers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record: IssuerRecord) -> None:
        _ADD(self._connection, record, taken=NotUniqueName())

    def list(self) -> Sequence[IssuerRecord]:
        return [IssuerRecord(*row) for row in self._connection.execute(_ALL)]

    def change(self, fingerprint: bytes, state: IssuerState, *, now: datetime) -> None:
        one = update(issuers).where(issuers.c.fingerprint == fingerprint)
        self._connection.execute(one.values(state=state, changed_at=now))
