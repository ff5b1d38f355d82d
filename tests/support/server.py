"""A real server in a process of its own, and the two parties that use it."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.ports import free_port

from connector.client import Client, Configuration, make_csr, make_key
from connector.settings.sections import Limits

START_SECONDS = 90.0
STOP_SECONDS = 20.0
COMMAND_SECONDS = 100.0
# All tests come from one address, many of them with wrong credentials or none.
UNTHROTTLED = {"CONNECTOR_LIMITS__ATTEMPTS": "0", "CONNECTOR_LIMITS__CONNECTIONS_PER_ADDRESS": "0"}
DEFAULT_LIMITS = {name: str(Limits.model_fields[name.rpartition("__")[2].lower()].default) for name in UNTHROTTLED}
COMMAND = (sys.executable, "-m", "connector.cli")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any setting of Connector, and then ``extra``."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")},
        **(extra or {}),
    }


def children(process: int) -> list[int]:
    """The ids of the process's children, oldest first; those that have ended but not been waited for are none."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in listed if Path(f"/proc/{child}/exe").exists()]


@dataclass(slots=True)
class Server:
    """``connector serve`` on free ports, in the directory ``data``; with ``keeps_ports`` at each start the same."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    keeps_ports: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    urls: dict[str, str] = field(default_factory=dict)

    def start(self) -> Self:
        """Start it, and return once it listens."""
        (self.data / "addresses.json").unlink(missing_ok=True)
        command = [*self.wrapper, *COMMAND, "serve", "--data-dir", str(self.data)]
        for listener in ("public", "mtls", "pki", "internal"):
            port = 0
            if self.keeps_ports:
                port = self.urls[listener].rpartition(":")[2] if self.urls else free_port()
            command += [f"--{listener}", f"localhost:{port}"]
        command += self.arguments
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment({**UNTHROTTLED, **self.settings})
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            if (self.data / "addresses.json").exists():
                self.urls = json.loads((self.data / "addresses.json").read_text())
                return self
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    @property
    def log(self) -> Path:
        """What it printed, over all its starts."""
        return self.data.parent.parent / f"{self.data.parent.name}.log"

    @property
    def root(self) -> bytes:
        """The root certificate's PEM."""
        return (self.data / "ca" / "root.pem").read_bytes()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def workers(self) -> list[int]:
        """The ids of its worker processes that run, oldest first."""
        assert self.process is not None
        return children(self.process.pid)

    @property
    def public_connector(self) -> str:
        return f"{self.urls['public']}/connector/graphql"

    @property
    def public_director(self) -> str:
        return f"{self.urls['public']}/director/graphql"

    @property
    def mtls_connector(self) -> str:
        return f"{self.urls['mtls']}/connector/graphql"

    @property
    def mtls_director(self) -> str:
        return f"{self.urls['mtls']}/director/graphql"

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command on this server's data directory."""
        return subprocess.run(
            [*COMMAND, *arguments, "--data-dir", str(self.data)],
            capture_output=True,
            text=True,
            env=environment(self.settings),
            check=check,
            timeout=COMMAND_SECONDS,
        )

    def anonymous(self) -> Client:
        """A client without a credential."""
        return Client(root=self.root)

    def bearer(self, token: str) -> Client:
        """A client with a one-time token."""
        return Client(root=self.root, token=token)

    def holder(self, identity: "Identity") -> Client:
        """A client with a certificate."""
        return Client(root=self.root, identity=(identity.chain, identity.key))

    def administer(self, document: str, variables: Mapping[str, Any] | None = None, tenant: str = "default") -> Any:
        """Call the Director as administrator; the document's root field is aliased to result."""
        key = (self.data / "admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}", "Tenant": tenant}
        with self.anonymous() as client:
            return client.query(self.public_director, document, variables, headers)

    def application(self, name: str) -> str:
        """Register an application: its id."""
        document = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id } }"
        return str(self.administer(document, {"name": name})["id"])

    def token(self, application: str) -> str:
        """A one-time token for the application."""
        document = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { token } }"
        return str(self.administer(document, {"id": application})["token"])

    def enroll(self, token: str, directory: Path) -> "Identity":
        """From a token to a certificate."""
        with self.bearer(token) as client:
            told = client.configuration(self.public_connector)
        with self.bearer(told.token) as client:
            return obtain(client, self.public_connector, told, directory)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate's chain and its key, in files."""

    chain: Path
    key: Path
    subject: str


def obtain(client: Client, url: str, told: Configuration, directory: Path) -> Identity:
    """Make a key and have its CSR signed."""
    directory.mkdir(parents=True, exist_ok=True)
    key = make_key()
    identity = Identity(directory / "chain.pem", directory / "key.pem", told.subject)
    identity.chain.write_bytes(client.sign(url, make_csr(key, told.subject)))
    identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return identity


def post(client: httpx2.Client, url: str, query: str, **headers: str) -> httpx2.Response:
    """A raw GraphQL request."""
    return client.post(url, json={"query": query, "variables": None}, headers=headers)


def encoded(csr: bytes) -> str:
    """The CSR's PEM as the csr argument takes it."""
    return b64encode(csr).decode()
