# ruff: noqa: D102 - what the methods promise stands in connector.ports
"""The services of applications over SQL. Every statement names the tenant.

The long texts stand last in a row, and are read only where they are asked for: until then neither database looks at the
pages that hold them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector.domain.catalogue import Service, Size, Texts
from connector.domain.refusals.objects import NotUniqueName, ObjectNotFound
from connector.storage.schema import services
from connector.storage.statements import PreparedAmong, page

_TEXTS = [services.c.api_spec, services.c.event_spec, services.c.documents]
_FACTS = [column for column in services.c if column not in set(_TEXTS)]
_CHANGED = ("identifier", "updated_at", "octets", "text_octets", "facts", *(column.name for column in _TEXTS))

_MINE = services.c.tenant_id == bindparam("tenant")
_THIS = (_MINE, services.c.application_id == bindparam("application"), services.c.id == bindparam("this"))
_FIND = select(*_FACTS).where(*_THIS)
_READ_TEXTS = select(*_TEXTS).where(*_THIS)
_ADD = insert(services).inline()
_REPLACE = update(services).where(*_THIS).values({name: bindparam(f"new_{name}") for name in _CHANGED})
_REMOVE = delete(services).where(*_THIS)
_PLACE = [services.c.created_at, services.c.id]
_OF_ONE = select(*_FACTS).where(_MINE, services.c.application_id == bindparam("application"))
_OF = PreparedAmong(select(*_FACTS).where(_MINE).order_by(*_PLACE), services.c.application_id)
_TEXTS_OF = PreparedAmong(select(services.c.id, *_TEXTS).where(_MINE), services.c.application_id)
_SIZE = PreparedAmong(
    select(
        func.count(),
        func.coalesce(func.sum(services.c.octets), 0),
        func.coalesce(func.sum(services.c.text_octets), 0),
    ).where(_MINE),
    services.c.application_id,
)


class SqlCatalogue:
    """One tenant's services."""

    def __init__(self, connection: Connection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant = tenant_id

    def add(self, service: Service, texts: Texts) -> None:
        if service.tenant_id != self._tenant:
            raise ValueError("the record is another tenant's")
        try:
            self._connection.execute(_ADD, {**_row(service), **asdict(texts)})
        except IntegrityError as error:
            raise NotUniqueName from error

    def find(self, application_id: str, id: str) -> Service | None:
        row = self._connection.execute(_FIND, self._this(application_id, id)).one_or_none()
        return None if row is None else Service(*row)

    def replace(self, service: Service, texts: Texts) -> None:
        given = {**_row(service), **asdict(texts)}
        values = {f"new_{name}": given[name] for name in _CHANGED}
        try:
            done = self._connection.execute(_REPLACE, {**values, **self._this(service.application_id, service.id)})
        except IntegrityError as error:
            raise NotUniqueName from error
        if done.rowcount == 0:
            raise ObjectNotFound

    def remove(self, service: Service) -> bool:
        return self._connection.execute(_REMOVE, self._this(service.application_id, service.id)).rowcount > 0

    def of(self, application_ids: Collection[str]) -> Sequence[Service]:
        return [Service(*row) for row in _OF.all(self._connection, application_ids, tenant=self._tenant)]

    def page(self, application_id: str, *, after: tuple[datetime, str] | None, most: int) -> Sequence[Service]:
        statement = page(_OF_ONE, _PLACE, newest_first=False, after=after, most=most)
        found = self._connection.execute(statement, {"tenant": self._tenant, "application": application_id})
        return [Service(*row) for row in found]

    def texts(self, application_ids: Collection[str]) -> Mapping[str, Texts]:
        found = _TEXTS_OF.all(self._connection, application_ids, tenant=self._tenant)
        return {id_: Texts(*texts) for id_, *texts in found}

    def texts_of(self, service: Service) -> Texts:
        row = self._connection.execute(_READ_TEXTS, self._this(service.application_id, service.id)).one_or_none()
        if row is None:
            raise ObjectNotFound
        return Texts(*row)

    def size(self, application_ids: Collection[str]) -> Size:
        sizes = list(_SIZE.all(self._connection, application_ids, tenant=self._tenant))
        return Size(*(int(sum(column)) for column in zip(*sizes, strict=True))) if sizes else Size()

    def _this(self, application_id: str, id: str) -> dict[str, str]:
        return {"tenant": self._tenant, "application": application_id, "this": id}


def _row(service: Service) -> dict[str, Any]:
    return {column.name: getattr(service, column.name) for column in _FACTS}
