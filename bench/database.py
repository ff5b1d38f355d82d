"""The way around the server to its tables: what a phase needs is put there in bulk, and is not measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import token_bytes
from typing import Any, NamedTuple

import pysqlite3.dbapi2 as driver
from sqlalchemy import URL, Engine, NullPool, create_engine, insert, make_url, select

from connector.domain import tokens
from connector.domain.clients import SECRET_OCTETS as CLIENT_SECRET_OCTETS
from connector.domain.clients import make_client
from connector.domain.directory import EntityKind, Identity, SystemAuth
from connector.domain.issuers import IssuerState
from connector.domain.origins import Origin
from connector.storage import schema
from connector.storage.moments import make_id

LIFETIME = timedelta(hours=1)
TENANT = "default"
DER_OCTETS = 700


class Prepared(NamedTuple):
    """A secret that can be used at once, of a token or of a client, and its system auth."""

    secret: str
    system_auth_id: str


class Certified(NamedTuple):
    """What stands for a certificate's DER, and its serial number."""

    der: bytes
    serial: int


class Database:
    """The tables of one server, by the URL of its database: sqlite:///FILE or postgresql://…"""

    def __init__(self, url: str) -> None:
        self._engine = _engine(make_url(url))

    @property
    def engine(self) -> Engine:
        """For statements in bulk."""
        return self._engine

    def tenant(self) -> str:
        """The id of the tenant that the first start made."""
        with self._engine.connect() as connection:
            found = select(schema.tenants.c.id).where(schema.tenants.c.external_id == TENANT)
            return str(connection.execute(found).scalar_one())

    def register(self, count: int) -> list[str]:
        """Register so many applications: their ids."""
        tenant, now = self.tenant(), datetime.now(UTC)
        rows = [_registered(tenant, now) for _ in range(count)]
        with self._engine.begin() as connection:
            connection.execute(insert(schema.entities), rows)
        return [row["id"] for row in rows]

    def hand_over(self, count: int) -> list[Prepared]:
        """Register so many applications, each with a system auth and a token that has not been spent."""
        tenant, now = self.tenant(), datetime.now(UTC)
        made = [_handed_over(tenant, now) for _ in range(count)]
        with self._engine.begin() as connection:
            for place, table in enumerate((schema.entities, schema.system_auths, schema.tokens)):
                connection.execute(insert(table), [rows[place] for _, rows in made])
        return [prepared for prepared, _ in made]

    def certify(self, count: int) -> list[Certified]:
        """Register so many applications, each with a certificate of the issuer that signs now.

        What stands for its DER are octets that no other certificate has; nothing that looks certificates up reads them.
        """
        tenant, now = self.tenant(), datetime.now(UTC)
        made = [_certified(tenant, now) for _ in range(count)]
        signs = select(schema.issuers.c.fingerprint).where(schema.issuers.c.state == IssuerState.SIGNING)
        with self._engine.begin() as connection:
            issuer = connection.execute(signs).scalar_one()
            connection.execute(insert(schema.entities), [entity for entity, _ in made])
            connection.execute(insert(schema.certificates), [{**row, "issuer": issuer} for _, row in made])
        return [Certified(row["der"], int(row["serial"], 16)) for _, row in made]

    def let_in(self, count: int) -> list[Prepared]:
        """Register so many OAuth 2.0 clients, each with an integration system: their secrets and ids."""
        tenant, now = self.tenant(), datetime.now(UTC)
        owners = [_registered(tenant, now) | {"kind": EntityKind.INTEGRATION_SYSTEM} for _ in range(count)]
        auths = [SystemAuth(str(make_id()), tenant, each["id"], each["kind"], now) for each in owners]
        made = [make_client(token_bytes(CLIENT_SECRET_OCTETS), auth, created_by="key:bench", now=now) for auth in auths]
        with self._engine.begin() as connection:
            connection.execute(insert(schema.entities), owners)
            connection.execute(insert(schema.system_auths), [asdict(auth) for auth in auths])
            connection.execute(insert(schema.clients), [asdict(client) for _, client in made])
        return [Prepared(secret.text, client.id) for secret, client in made]


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return create_engine(url.set(drivername="sqlite+pysqlite"), module=driver, poolclass=NullPool)
    return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)


def _registered(tenant: str, now: datetime) -> dict[str, Any]:
    entity = str(make_id())
    return {
        "id": entity,
        "tenant_id": tenant,
        "kind": EntityKind.APPLICATION,
        "name": f"bench-{entity}",
        "created_at": now,
        "labels": {},
    }


def _certified(tenant: str, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    entity, der = _registered(tenant, now), token_bytes(DER_OCTETS)
    return entity, {
        "serial": f"{int.from_bytes(token_bytes(16)):x}",
        "fingerprint": sha256(der).digest(),
        "key": token_bytes(schema.DIGEST_OCTETS),
        "system_auth_id": str(make_id()),
        "owner_id": entity["id"],
        "owner_kind": entity["kind"],
        "tenant_id": tenant,
        "not_before": now,
        "not_after": now + timedelta(days=90),
        "issued_at": now,
        "der": der,
    }


def _handed_over(tenant: str, now: datetime) -> tuple[Prepared, Sequence[Mapping[str, Any]]]:
    entity = _registered(tenant, now)
    auth = {
        "id": str(make_id()),
        "tenant_id": tenant,
        "owner_id": entity["id"],
        "owner_kind": EntityKind.APPLICATION,
        "created_at": now,
    }
    minted = tokens.mint(
        token_bytes(tokens.SECRET_OCTETS),
        Origin(make_id(), now, "key:bench"),
        Identity(tenant, entity["id"], EntityKind.APPLICATION, auth["id"]),
        lifetime=LIFETIME,
    )
    return Prepared(minted.secret.text, auth["id"]), (entity, auth, asdict(minted.token))
