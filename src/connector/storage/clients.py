# ruff: noqa: D102 - what the methods promise stands in connector.ports.clients
"""Clients by OAuth 2.0 client credentials, and their access tokens, over SQL."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select

from connector.domain.clients import Access, AccessToken, Client
from connector.domain.directory import SystemAuth, Tenant
from connector.domain.refusals.clients import ClientUnknown
from connector.domain.refusals.objects import ObjectNotFound
from connector.storage.schema import access_tokens, clients, system_auths, tenants
from connector.storage.statements import Insert, Prepared, PreparedAmong

_CLIENT, _AUTH, _TOKEN = (len(fields(each)) for each in (Client, SystemAuth, AccessToken))

_FIND = Prepared(
    select(clients, system_auths)
    .join(system_auths, system_auths.c.id == clients.c.id)
    .where(clients.c.id == bindparam("id"))
)
_AMONG = PreparedAmong(
    select(clients.c.id)
    .join(system_auths, system_auths.c.id == clients.c.id)
    .where(system_auths.c.tenant_id == bindparam("tenant")),
    clients.c.id,
)
_ACCESS = Prepared(
    select(access_tokens, system_auths, tenants)
    .join(system_auths, system_auths.c.id == access_tokens.c.client_id)
    .join(tenants, tenants.c.id == system_auths.c.tenant_id)
    .where(access_tokens.c.digest == bindparam("digest"))
)
_OLDEST = (
    select(access_tokens.c.digest)
    .where(access_tokens.c.client_id == bindparam("client"))
    .order_by(access_tokens.c.issued_at.desc(), access_tokens.c.digest)
    .limit(bindparam("chunk"))
    .offset(bindparam("most"))
)
_REMOVE_OLDEST = delete(access_tokens).where(access_tokens.c.digest.in_(_OLDEST))
_REMOVE_TOKEN = delete(access_tokens).where(access_tokens.c.digest == bindparam("this"))
_ENDED = (
    select(access_tokens.c.digest)
    .where(access_tokens.c.expires_at < bindparam("before", type_=access_tokens.c.expires_at.type))
    .order_by(access_tokens.c.expires_at)
    .limit(bindparam("most"))
)
_REMOVE_ENDED = delete(access_tokens).where(access_tokens.c.digest.in_(_ENDED))
_CHUNK = 500

_ADD = Insert(clients, Client)
_ADD_TOKEN = Insert(access_tokens, AccessToken)


class SqlClients:
    """The clients."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, client: Client) -> None:
        _ADD(self._connection, client, taken=ObjectNotFound())

    def find(self, id: str) -> tuple[Client, SystemAuth] | None:
        row = _FIND.first(self._connection, id=id)
        return None if row is None else (Client(*row[:_CLIENT]), SystemAuth(*row[_CLIENT:]))

    def among(self, tenant_id: str, ids: Collection[str]) -> frozenset[str]:
        return frozenset(id_ for (id_,) in _AMONG.all(self._connection, ids, tenant=tenant_id))

    def add_token(self, token: AccessToken, *, most: int) -> None:
        _ADD_TOKEN(self._connection, token, taken=ClientUnknown())
        self._connection.execute(_REMOVE_OLDEST, {"client": token.client_id, "most": most, "chunk": _CHUNK})

    def access(self, digest: bytes) -> Access | None:
        row = _ACCESS.first(self._connection, digest=digest)
        if row is None:
            return None
        auth = _TOKEN + _AUTH
        return Access(AccessToken(*row[:_TOKEN]), SystemAuth(*row[_TOKEN:auth]), Tenant(*row[auth:]))

    def remove_token(self, digest: bytes) -> None:
        self._connection.execute(_REMOVE_TOKEN, {"this": digest})

    def remove_ended(self, before: datetime, most: int) -> int:
        return self._connection.execute(_REMOVE_ENDED, {"before": before, "most": most}).rowcount
