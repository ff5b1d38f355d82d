"""A gateway in front of a service, as `connector gateway` configures it: real programs, a real client."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import httpx2
from tests.support.gateways import ADDRESSES, Forwarded
from tests.support.ports import free_port
from tests.support.server import Identity, Server

START_SECONDS = 30.0
# The longest that a gateway may keep a client waiting for a verdict that does not come.
PATIENCE_SECONDS = 20.0
# Of every character that a secret may have.
SECRET = "0123456789abcdefABCDEF-._~+/=0123456789"  # noqa: S105 - of these tests alone


class _Echo(BaseHTTPRequestHandler):
    """The service: answers with the headers that reached it, by lower-case names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        body = json.dumps({"path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def service() -> Iterator[str]:
    """The service behind the gateway: its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Start = Callable[["Site", str], Sequence[str]]
"""Writes what the gateway needs besides its configuration into the site's directory, and returns its command."""


@dataclass
class Site:
    """A server, a gateway that asks it, and what belongs to them. ``here`` is the gateway's directory."""

    server: Server
    here: Path
    port: int
    service: str
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.here / "gateway.log").read_text(errors="replace")

    def printed(self, kind: str, *options: str) -> str:
        """What `connector gateway` prints for this site."""
        arguments = [
            *("gateway", kind, "--listen", f"127.0.0.1:{self.port}", "--service", self.service),
            *("--certificate", str(self.here / "gateway.pem"), "--key", str(self.here / "gateway.key")),
            *("--script", str(self.here / "verdict.lua")),
        ]
        return self.server.command(*arguments, *options).stdout

    def enroll(self) -> tuple[str, Identity]:
        """A new application with a certificate: its id, and the identity."""
        name = f"shop-{uuid4()}"
        application = self.server.application(name)
        return application, self.server.enroll(self.server.token(application), self.here / name)

    def client(self, identity: Identity | None) -> httpx2.Client:
        """A client of the gateway, which keeps its connection."""
        context = ssl.create_default_context(cafile=str(self.here / "gateway.pem"))
        if identity is not None:
            context.load_cert_chain(identity.chain, identity.key)
        return httpx2.Client(verify=context, timeout=60)

    def revoke(self, identity: Identity) -> None:
        """Let the holder revoke its own certificate."""
        with self.server.holder(identity) as client:
            client.revoke(self.server.mtls_connector)

    def wait(self, identity: Identity) -> None:
        """Wait until the gateway lets a good client pass."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        status: object = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            with suppress(httpx2.HTTPError), self.client(identity) as client:
                status = client.get(self.url)
                if status.status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{status} {getattr(status, 'text', None)}\n{self.log}")


def program(name: str) -> Path:
    """A program that a Python package brought."""
    return Path(sys.executable).parent / name


def own_certificate(here: Path) -> None:
    """The gateway's own certificate and key, self-signed."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"),
            *("-keyout", str(here / "gateway.key"), "-out", str(here / "gateway.pem")),
        ],
        check=True,
        capture_output=True,
    )


@contextmanager
def site(here: Path, start: Start, *options: str) -> Iterator[Site]:
    """A server, a service and the gateway in front of it, until the end of the block."""
    directory = here / "gateway"
    directory.mkdir(parents=True)
    own_certificate(directory)
    secret = here / "secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n")
    given = {"CONNECTOR_GATEWAYS__PROXIES": ADDRESSES, "CONNECTOR_GATEWAYS__SECRET_FILE": str(secret)}
    with Server(here / "server" / "data", given) as server, service() as behind:
        made = Site(server, directory, free_port(), behind)
        command = start(made, *options)
        with (directory / "gateway.log").open("wb") as log:
            made.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        try:
            made.wait(made.enroll()[1])
            yield made
        finally:
            made.process.terminate()
            try:
                made.process.wait(10)
            except subprocess.TimeoutExpired:
                made.process.kill()
                made.process.wait()


def passed(answer: httpx2.Response) -> dict[str, list[str]]:
    """The headers that reached the service."""
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    headers: dict[str, list[str]] = answer.json()["headers"]
    return headers


def check_life(site: Site, rounds: int = 3) -> None:
    """On a kept connection a good client passes, as who it is; in the request after its revocation, it does not."""
    for _ in range(rounds):
        application, identity = site.enroll()
        with site.client(identity) as client:
            for _ in range(2):
                headers = passed(client.get(f"{site.url}/orders?tenant=other&kind=Runtime"))
                assert headers["connector-subject-id"] == [application]
                assert headers["connector-subject-tenant"] == ["default"]
                assert headers["connector-subject-kind"] == ["Application"]
                assert headers["connector-subject-certificate"] == [Forwarded.of(identity).hash]
                assert headers["connector-subject-auth"] == [identity.subject.rpartition("CN=")[2]]
                assert len(headers["connector-subject-name"]) == len(headers["connector-subject-expires"]) == 1
            site.revoke(identity)
            for _ in range(2):
                assert client.get(f"{site.url}/orders").status_code == 403


def check_forgery(site: Site) -> None:
    """What a client says of itself in headers reaches nobody: not the verdict, and not the service."""
    application, identity = site.enroll()
    _, victim = site.enroll()
    forged = Forwarded.of(victim)
    claims = {name.decode(): value.decode() for name, value in forged.headers.values()}
    claims |= {f"Connector-Subject-{name}": "forged" for name in ("Id", "Tenant", "Kind", "Name", "Auth", "Expires")}
    claims |= {"Connector-Subject-Certificate": forged.hash, "Connector-Verdict": "good"}
    with site.client(identity) as client:
        answer = client.get(site.url, headers=claims)
        if answer.status_code == 200:
            headers = passed(answer)
            assert headers["connector-subject-id"] == [application]
            assert headers["connector-subject-certificate"] == [Forwarded.of(identity).hash]
            assert "forged" not in str({name: value for name, value in headers.items() if "subject" in name})
        assert answer.status_code in {200, 403}
        site.revoke(identity)
        assert client.get(site.url, headers=claims).status_code == 403


def check_underscores(site: Site) -> None:
    """A client's header with underscores for dashes does not reach the service: CGI and WSGI take both for the same."""
    _, identity = site.enroll()
    with site.client(identity) as client:
        for first, second in ("__", "_-", "-_"):
            claims = {
                f"connector{first}Subject{second}{name}": "forged"
                for name in ("Id", "Tenant", "Kind", "Name", "Auth", "Certificate", "Expires")
            }
            answer = client.get(site.url, headers=claims)
            assert answer.status_code == 200 or 400 <= answer.status_code < 500
            assert "forged" not in answer.text, answer.text
        assert client.get(site.url).status_code == 200


def check_strangers(site: Site) -> None:
    """Who shows no certificate, or one of another CA with the same names, does not pass."""
    _, identity = site.enroll()
    foreign = _self_signed(site.here, identity.subject)
    for stranger in (None, foreign):
        with site.client(stranger) as client:
            try:
                status = client.get(site.url).status_code
            except httpx2.HTTPError:  # the handshake was refused
                continue
            assert 400 <= status < 500


def check_failures(site: Site) -> None:
    """While the server hangs, or after it has been killed, nobody passes, and nobody waits for ever."""
    _, identity = site.enroll()
    process = site.server.process
    assert process is not None
    with site.client(identity) as client:
        assert client.get(site.url).status_code == 200
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                began = time.monotonic()
                assert not _passes(client, site.url)
                assert time.monotonic() - began < PATIENCE_SECONDS
        finally:
            os.kill(process.pid, signal.SIGCONT)
        site.wait(identity)
        site.server.kill()
        for _ in range(3):
            assert not _passes(client, site.url)


def _passes(client: httpx2.Client, url: str) -> bool:
    try:
        answer = client.get(url)
    except httpx2.HTTPError:
        return False
    assert answer.status_code == 200 or answer.status_code >= 400
    return answer.status_code == 200


def _self_signed(here: Path, subject: str) -> Identity:
    name = "".join(f"/{part}" for part in subject.split(","))
    chain, key = here / "foreign.pem", here / "foreign.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", name, "-days", "2"),
            *("-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    return Identity(chain, key, subject)
