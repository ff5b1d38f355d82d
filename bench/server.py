"""The server under load: `connector serve` in processes of its own, on free ports of the loopback interface."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from bench.connection import Address
from bench.database import Database
from bench.processes import pinned

LISTENERS = ("public", "mtls", "pki", "internal")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.002
OK = 200
AUDIENCE = "https://bench.example.com"
"""Whom identity tokens are for."""

# A few clients do here within seconds what quotas allow them within weeks. What is counted is counted all the same.
UNLIMITED = {
    f"CONNECTOR_QUOTAS__{name}": "1000000000"
    for name in (
        "CERTIFICATES_A_DAY",
        "CERTIFICATES",
        "TOKENS_A_MINUTE",
        "REQUESTS",
        "REQUESTS_A_SECOND",
        "TENANT_APPLICATIONS",
        "TENANT_CERTIFICATES",
        "TENANT_TOKENS",
        "TENANT_REQUESTS",
        "TENANT_REQUESTS_A_SECOND",
    )
}


class NotStartedError(Exception):
    """A program that the benchmark needs did not start; the message ends with what it wrote."""


@dataclass(slots=True)
class Server:
    """A server on the directory ``data``. With ``url`` its database is there, else in the directory.

    ``start_seconds`` is how long the last start took, from the exec to the first 200 of /readyz.
    """

    data: Path
    cores: Sequence[int]
    url: str | None = None
    workers: int = 1
    process: "subprocess.Popen[bytes] | None" = None
    urls: dict[str, str] = field(default_factory=dict)
    start_seconds: float = 0.0

    @property
    def pid(self) -> int:
        """The first of its processes."""
        assert self.process is not None
        return self.process.pid

    @property
    def database(self) -> Database:
        """The way around the server to its tables."""
        return Database(self.url or f"sqlite:///{self.data / 'connector.db'}")

    def start(self) -> Self:
        """Start it, and return once it is ready.

        Raises:
            NotStartedError: it ended, or took too long.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.data / "addresses.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "connector.cli", "serve", "--data-dir", str(self.data)]
        for listener in LISTENERS:
            command += [f"--{listener}", "127.0.0.1:0"]
        if self.workers > 1:
            command += ["--workers", str(self.workers)]
        started = time.perf_counter()
        with self._log.open("ab") as log, pinned(*self.cores):
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment())
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - started
        return self

    def stop(self) -> None:
        """Ask it to stop, and see to it that it does."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def context(self) -> ssl.SSLContext:
        """Trust in the server's root."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(self.data / "ca" / "root.pem"))
        return context

    def address(self, listener: str, context: ssl.SSLContext | None) -> Address:
        """Where a listener is."""
        url = urlsplit(self.urls[listener])
        assert url.hostname is not None
        assert url.port is not None
        return Address(url.hostname, url.port, context)

    def administers(self, tenant: str = "default") -> bytes:
        """The headers of the first administrator in a tenant."""
        key = (self.data / "admin.key").read_text().strip()
        return f"Authorization: Bearer {key}\r\nTenant: {tenant}\r\n".encode()

    @property
    def _log(self) -> Path:
        return self.data.parent / f"{self.data.name}.log"

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
        audiences = [{"name": AUDIENCE, "tenants": ["*"]}]
        kept |= {
            **UNLIMITED,
            "CONNECTOR_GATEWAYS__PROXIES": "127.0.0.1",
            "CONNECTOR_IDENTITY_TOKENS__AUDIENCES": json.dumps(audiences),
        }
        if self.url is not None:
            kept["CONNECTOR_DATABASE__URL"] = self.url
        return kept

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._ready():
                return
            time.sleep(POLL_SECONDS)
        raise NotStartedError(f"The server did not start:\n{self._log.read_text()[-2000:]}")

    def _ready(self) -> bool:
        try:
            self.urls = json.loads((self.data / "addresses.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        connection = HTTPConnection(urlsplit(self.urls["internal"]).netloc, timeout=START_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == OK
        except OSError:
            return False
        finally:
            connection.close()
