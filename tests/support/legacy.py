"""The legacy REST API as its clients call it: curl over TLS, and openssl for keys and CSRs."""

import json
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

from tests.support.server import Identity, Server

INFORMATION = "/v1/applications/signingRequests/info"
CERTIFICATES = "/v1/applications/certificates"
MANAGEMENT = "/v1/applications/management/info"
RENEWALS = "/v1/applications/certificates/renewals"
REVOCATIONS = "/v1/applications/certificates/revocations"

JSON = "application/json;charset=UTF-8"
FORBIDDEN = {"code": 403, "error": "invalid token or certificate"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which says that it is JSON exactly as the original does."""
        assert self.headers["content-type"] == JSON, self
        return json.loads(self.body)


def curl(server: Server, url: str, *arguments: str, identity: Identity | None = None) -> Answer:
    """One request."""
    root = str(server.data / "ca" / "root.pem")
    shown = ["--cert", str(identity.chain), "--key", str(identity.key)] if identity is not None else []
    dump = [] if "--head" in arguments else ["--dump-header", "-"]  # which prints the headers by itself
    command = ["curl", "--silent", "--show-error", "--globoff", "--cacert", root, *dump, *shown]
    done = subprocess.run([*command, *arguments, url], check=True, capture_output=True, timeout=60)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    line, _, headers = head.decode("latin-1").partition("\r\n")
    return Answer(int(line.split()[1]), message_from_string(headers), body)


def post_csr(server: Server, url: str, csr: bytes, *arguments: str, identity: Identity | None = None) -> Answer:
    """Send a CSR's PEM as Go clients do: JSON, without a Content-Type."""
    body = json.dumps({"csr": b64encode(csr).decode()})
    return curl(server, url, "--header", "Content-Type:", "--data-raw", body, *arguments, identity=identity)


def legacy_url(server: Server, application: str) -> str:
    """The URL that an administrator hands over."""
    document = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id) { legacyConnectorURL } }"
    return str(server.administer(document, {"id": application})["legacyConnectorURL"])


def openssl_csr(directory: Path, subject: str, *options: str) -> bytes:
    """A CSR's PEM as openssl makes it, with a new key in ``key.pem``."""
    directory.mkdir(parents=True, exist_ok=True)
    pairs = "".join(f"/{pair}" for pair in subject.split(","))
    command = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", pairs, *options]
    done = subprocess.run([*command, "-keyout", str(directory / "key.pem")], check=True, capture_output=True)
    return done.stdout
