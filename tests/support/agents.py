"""``connector-agent`` as a process, and what it needs around it."""

import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.support.ca import CA
from tests.support.server import Server, environment

AGENT = (sys.executable, "-m", "connector.agent")
STEPPING = (sys.executable, "-m", "tests.support.stepping")
REQUEST = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { rawEncoded } }"
COUNT = "query ($auth: ID) { result: certificates(filter: {systemAuthID: $auth}) { totalCount } }"

Done = subprocess.CompletedProcess[str]


def agent(
    command: str, directory: Path, *arguments: str, env: Mapping[str, str] | None = None, given: str | None = None
) -> Done:
    """Run a command of the agent to its end."""
    return subprocess.run(
        [*AGENT, command, "-d", str(directory), *arguments],
        capture_output=True,
        text=True,
        input=given,
        env=environment({"CONNECTOR_AGENT_DIR": "", **(env or {})}),
        check=False,
        timeout=60,
    )


def stepped(directory: Path, step: int, action: str, command: str, *arguments: str) -> Done:
    """Run a command, with something done at its step of that number (:mod:`tests.support.stepping`)."""
    return subprocess.run(
        [*STEPPING, str(directory), str(step), action, command, "-d", str(directory), *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )


def pairing(server: Server, name: str) -> str:
    """A new application's pairing string."""
    return str(server.administer(REQUEST, {"id": server.application(name)})["rawEncoded"])


def altered(text: str, **fields: Any) -> str:
    """The pairing string with other fields; None takes one out."""
    content = {**json.loads(b64decode(text)), **fields}
    return b64encode(json.dumps({key: value for key, value in content.items() if value is not None}).encode()).decode()


def token(text: str) -> str:
    """The token in a pairing string."""
    return str(json.loads(b64decode(text))["token"])


def enrolled(server: Server, directory: Path, *arguments: str) -> Path:
    """A directory with an identity in it."""
    done = agent("enroll", directory, pairing(server, directory.name[-60:] + os.urandom(4).hex()), *arguments)
    assert done.returncode == 0, done.stderr
    return directory


def certificates(server: Server, directory: Path) -> int:
    """How many certificates the server issued for the identity in the directory."""
    subject = json.loads((directory / "connection.json").read_text())["subject"]
    return int(server.administer(COUNT, {"auth": subject.rpartition("CN=")[2]})["totalCount"])


def works(directory: Path) -> bool:
    """Whether the pair in use gets its answer from the server."""
    return agent("status", directory, "--patience", "0").returncode == 0


@dataclass(slots=True)
class Impostor:
    """A TLS server that is not ours, and remembers all that it was sent."""

    port: int
    anchor: Path = Path()
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/connector/graphql"

    @property
    def trusting(self) -> dict[str, str]:
        """The environment in which its CA is one that the system trusts."""
        return {"SSL_CERT_FILE": str(self.anchor)}


@contextmanager
def impostor(directory: Path, root: bytes | None = None) -> Iterator[Impostor]:
    """In between, with a certificate of a CA that looks public; it serves ``root`` (DER), or the root of its own CA."""
    ca = CA.make("Public")
    made = Impostor(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(ca.root.der if root is None else root)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            made.seen.append(body.decode())
            self._answer(b"{}")

        def _answer(self, body: bytes) -> None:
            made.seen.append(f"{self.requestline}\n{self.headers}")
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A handshake that fails is what is wanted."""

    directory.mkdir(parents=True, exist_ok=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server().write(directory / "impostor.pem", ca.issuing))
    made.anchor = directory / "public.pem"
    made.anchor.write_bytes(ca.root.pem)
    with Quiet(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@dataclass(slots=True)
class Relay:
    """A way to a port of this machine, on which connections can be cut: ``fate`` says how, by the connection's number.

    "pass" lets it through, "refuse" ends it at once, "lose" lets the request through and ends before the reply.
    """

    target: Callable[[], int]
    fate: Callable[[int], str]
    lost: Callable[[], None] = lambda: None
    count: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._carry, args=(client, self.fate(self.count)), daemon=True).start()

    def _carry(self, client: socket.socket, fate: str) -> None:
        with client, suppress(OSError):
            if fate == "refuse":
                return
            with socket.create_connection(("127.0.0.1", self.target())) as server:
                self._between(client, server, fate)

    def _between(self, client: socket.socket, server: socket.socket, fate: str) -> None:
        flights, last = 0, client
        while True:
            for source in select.select([client, server], [], [])[0]:
                octets = source.recv(65536)
                if not octets:
                    return
                if source is server and last is client:
                    flights += 1
                last = source
                # The server's first two flights are its wish for another curve, and its hello (RFC 8446 2.1).
                if fate == "lose" and flights == 3:
                    self.lost()
                    return
                (server if source is client else client).sendall(octets)
