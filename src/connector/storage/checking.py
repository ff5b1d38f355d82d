"""Facts about a database, and whether they are as they should be."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from connector.storage.migrations import newest, version
from connector.storage.schema import metadata, probes

COUNTED = [table for table in metadata.sorted_tables if table is not probes]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at. ``advice`` says what to do where it is not well, and is None where it is."""

    what: str
    found: str
    advice: str | None = None


def facts(connection: Connection) -> Iterator[Fact]:
    """All that is worth knowing; nothing is changed."""
    found = version(connection)
    outdated = None if found == newest() else "Run: connector db upgrade"
    yield Fact("tables", f"version {found or 'none'}, this program's is {newest()}", outdated)
    yield from _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)
    if outdated is None:
        for table in COUNTED:
            yield Fact(table.name, f"{connection.execute(select(func.count()).select_from(table)).scalar_one()} rows")


def _sqlite(connection: Connection) -> Iterator[Fact]:
    yield Fact("SQLite", connection.exec_driver_sql("SELECT sqlite_version()").scalar_one())
    restore = "The file is damaged. Stop the server, and restore the backup."
    problems = connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
    yield Fact("integrity", "; ".join(problems), None if problems == ["ok"] else restore)
    dangling = len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())
    yield Fact("references", f"{dangling} lead nowhere", restore if dangling else None)


def _postgresql(connection: Connection) -> Iterator[Fact]:
    for name, wanted in (
        ("server_version", None),
        ("server_encoding", "UTF8"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", None),
    ):
        found = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
        yield Fact(name, found, None if wanted in (None, found) else f"Set it to {wanted}.")
    used = connection.exec_driver_sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    most = connection.exec_driver_sql("SHOW max_connections").scalar_one()
    yield Fact("connections", f"{used.scalar_one()} of {most}")
