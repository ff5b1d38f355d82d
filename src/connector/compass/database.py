"""A Compass database, read in one snapshot. Nothing is written to it, and nothing locks it.

What PostgreSQL could not turn into a value of Python (a time that is infinite) or what only a reader of ours may turn
into one (JSON) is read as text.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.conninfo import conninfo_to_dict

from connector.domain.compass import (
    CompassAuth,
    CompassEntity,
    CompassFormation,
    CompassLabel,
    CompassSystem,
    CompassTenant,
)
from connector.domain.directory import EntityKind
from connector.domain.refusals.objects import InvalidData
from connector.domain.refusals.storage import StorageUnavailable

BATCH = 200

# The longest value that is read, in characters. The longest that is kept is much shorter.
MAX_VALUE = 1 << 20

COLUMNS = {
    "business_tenant_mappings": "id external_name external_tenant status created_at",
    "tenant_parents": "tenant_id parent_id",
    "applications": (
        "id name description created_at updated_at deleted_at provider_name integration_system_id healthcheck_url "
        "base_url application_namespace local_tenant_id system_number status_condition"
    ),
    "runtimes": "id name description creation_timestamp application_namespace",
    "tenant_applications": "tenant_id id owner source",
    "tenant_runtimes": "tenant_id id owner source",
    "labels": "tenant_id app_id runtime_id key value",
    "system_auths": "id tenant_id app_id runtime_id integration_system_id value",
    "integration_systems": "id name description",
    "formations": "id tenant_id name",
}
"""The tables and columns that are read."""

_COLUMNS = """
    SELECT table_name::text, column_name::text
    FROM information_schema.columns WHERE table_schema = ANY(current_schemas(false))"""
_TENANTS = """
    SELECT id::text, external_tenant, external_name, status IS NULL OR status::text = 'Active', created_at::text
    FROM business_tenant_mappings ORDER BY id"""
_SYSTEMS = "SELECT id::text, name, description FROM integration_systems ORDER BY id"
_FORMATIONS = "SELECT id::text, tenant_id::text, name FROM formations ORDER BY id"
_APPLICATIONS = """
    SELECT id::text, name, description, created_at::text, updated_at::text, provider_name, integration_system_id::text,
           healthcheck_url, base_url, application_namespace, local_tenant_id, system_number,
           deleted_at IS NOT NULL OR status_condition::text = 'DELETING'
    FROM applications ORDER BY id"""
_RUNTIMES = """
    SELECT id::text, name, description, creation_timestamp::text, application_namespace FROM runtimes ORDER BY id"""
_DETAILS = ("healthCheckURL", "baseUrl", "applicationNamespace", "localTenantID", "systemNumber")

_OWNERS = "SELECT id::text, tenant_id::text, source::text FROM {} WHERE owner AND id = ANY(%s::uuid[])"
_LABELS = """
    SELECT {owner}::text, tenant_id::text, key, left(value::text, %s)
    FROM labels WHERE {owner} = ANY(%s::uuid[]) ORDER BY key, tenant_id"""
_AUTHS = """
    SELECT {owner}::text, id::text, tenant_id::text, num_nonnulls(app_id, runtime_id, integration_system_id),
           left(value::text, %s)
    FROM system_auths WHERE {owner} = ANY(%s::uuid[]) ORDER BY id"""
_STRAYS = """
    SELECT id::text,
           CASE WHEN integration_system_id IS NOT NULL
                THEN 'It is an integration system''s: request client credentials for that here.'
                ELSE 'Its owner is not there.' END
    FROM system_auths
    WHERE NOT EXISTS (SELECT FROM applications WHERE applications.id = app_id)
      AND NOT EXISTS (SELECT FROM runtimes WHERE runtimes.id = runtime_id)
    ORDER BY id"""
_COUNT = """
    SELECT (SELECT count(*) FROM business_tenant_mappings) + (SELECT count(*) FROM formations)
         + (SELECT count(*) FROM applications) + (SELECT count(*) FROM runtimes)"""

_TABLES = {EntityKind.APPLICATION: "applications", EntityKind.RUNTIME: "runtimes", None: "system_auths"}
_OWNER = {EntityKind.APPLICATION: "app_id", EntityKind.RUNTIME: "runtime_id"}

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CompassDatabase:
    """The database as it was when it was opened; see :class:`connector.ports.compass.Compass`."""

    _connection: psycopg.Connection[Row]

    def check(self) -> None:
        """Return if every column that is read is there.

        Raises:
            InvalidData: one is not: this is no Compass database, or one of another version.
        """
        found = set(self._all(_COLUMNS))
        missing = [
            f"{table}.{column}"
            for table, columns in COLUMNS.items()
            for column in columns.split()
            if (table, column) not in found
        ]
        if missing:
            raise InvalidData(
                f"The database lacks {len(missing)} columns that are read, {missing[0]} first, so it is none of the "
                "Compass version that can be read (July 2024). Check --database, or bring Compass up to date first."
            )

    def count(self) -> int:
        """The number of records that take time."""
        return int(self._all(_COUNT)[0][0])

    def tenants(self) -> Iterator[Sequence[CompassTenant]]:
        """The tenants."""
        return ([CompassTenant(*row) for row in rows] for rows in self._batches(_TENANTS))

    def systems(self) -> Sequence[CompassSystem]:
        """The integration systems."""
        return [CompassSystem(*row) for row in self._all(_SYSTEMS)]

    def formations(self) -> Iterator[Sequence[CompassFormation]]:
        """The formations."""
        return ([CompassFormation(*row) for row in rows] for rows in self._batches(_FORMATIONS))

    def entities(self, kind: EntityKind) -> Iterator[Sequence[CompassEntity]]:
        """The applications or runtimes, with all that hangs on them."""
        for rows in self._batches(_APPLICATIONS if kind is EntityKind.APPLICATION else _RUNTIMES):
            ids = [row[0] for row in rows]
            table = "tenant_applications" if kind is EntityKind.APPLICATION else "tenant_runtimes"
            column = sql.Identifier(_OWNER[kind])
            owners = self._by_first(sql.SQL(_OWNERS).format(sql.Identifier(table)), ids)
            labels = self._by_first(sql.SQL(_LABELS).format(owner=column), MAX_VALUE, ids)
            auths = self._by_first(sql.SQL(_AUTHS).format(owner=column), MAX_VALUE, ids)
            made = _application if kind is EntityKind.APPLICATION else _runtime
            yield [
                made(
                    row,
                    owners=[(holder, source) for holder, source in owners.get(row[0], ())],
                    labels=[CompassLabel(*label) for label in labels.get(row[0], ())],
                    auths=[CompassAuth(*auth) for auth in auths.get(row[0], ())],
                )
                for row in rows
            ]

    def strays(self) -> Sequence[tuple[str, str]]:
        """The system auths that no application or runtime has."""
        return [(id_, why) for id_, why in self._all(_STRAYS)]

    def relations(self) -> int:
        """The number of relations between tenants."""
        return int(self._all("SELECT count(*) FROM tenant_parents")[0][0])

    def present(self, kind: EntityKind | None, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that are there."""
        statement = sql.SQL("SELECT id::text FROM {} WHERE id = ANY(%s::uuid[])").format(sql.Identifier(_TABLES[kind]))
        return frozenset(row[0] for row in self._all(statement, list(ids)))

    def _by_first(self, statement: sql.Composed, *values: object) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for first, *rest in self._all(statement, *values):
            found.setdefault(first, []).append(tuple(rest))
        return found

    def _all(self, statement: str | sql.Composed, *values: object) -> list[Row]:
        with _explained():
            return self._connection.execute(statement, values or None).fetchall()

    def _batches(self, statement: str) -> Iterator[list[Row]]:
        """The rows, some at a time: a cursor on the server, so that they never are all in memory."""
        with _explained(), self._connection.cursor(name="batches") as cursor:
            cursor.execute(statement.encode())
            while rows := cursor.fetchmany(BATCH):
                yield rows


@contextmanager
def open_database(url: str) -> Iterator[CompassDatabase]:
    """The database in one snapshot, which lasts as long as the context.

    Raises:
        InvalidData: the URL cannot be read, or the database is none of Compass.
        StorageUnavailable: the database cannot be reached.
    """
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose text holds the URL
        raise InvalidData("--database is not a PostgreSQL URL. Write postgresql://user@host/database.") from None
    with _explained():
        connection = psycopg.connect(url, autocommit=True, application_name="connector import", connect_timeout=10)
    try:
        with _explained():
            # The snapshot lasts for as long as the import; what the server's settings would end sooner would be lost.
            connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            connection.execute("SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET timezone = 'UTC'")
            connection.autocommit = False
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        database = CompassDatabase(connection)
        database.check()
        yield database
    finally:
        connection.close()


@contextmanager
def _explained() -> Iterator[None]:
    """The messages of libpq and the server hold no password, and no value of a row: nothing is converted there."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        raise InvalidData(
            f"The Compass database cannot be read: {_first_line(error)}. Check --database and the user's rights."
        ) from None
    except psycopg.Error as error:
        raise StorageUnavailable(
            f"The Compass database cannot be read: {_first_line(error)}. What was taken before stays. Run the import "
            "again: it goes on from there."
        ) from None


def _first_line(error: psycopg.Error) -> str:
    said = str(error).strip().splitlines()
    return said[0].rstrip(".") if said else type(error).__name__


def _application(row: Row, **parts: Any) -> CompassEntity:
    id_, name, description, created_at, updated_at, provider, system, *details, is_being_deleted = row
    return CompassEntity(
        EntityKind.APPLICATION,
        id_,
        name,
        description,
        created_at,
        updated_at,
        provider,
        system,
        dict(zip(_DETAILS, details, strict=True)),
        is_being_deleted=is_being_deleted,
        **parts,
    )


def _runtime(row: Row, **parts: Any) -> CompassEntity:
    id_, name, description, created_at, namespace = row
    details = {"applicationNamespace": namespace}
    return CompassEntity(EntityKind.RUNTIME, id_, name, description, created_at, details=details, **parts)
