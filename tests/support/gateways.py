"""What gateways send, and a client that sends any octets as headers."""

import json
import socket
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.server import Identity, Server

ADDRESSES = "127.0.0.1,::1"

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A client certificate, as each kind of gateway forwards it."""

    der: bytes

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """The identity's own certificate."""
        return cls(x509.load_pem_x509_certificate(identity.chain.read_bytes()).public_bytes(Encoding.DER))

    @property
    def serial(self) -> str:
        """Its serial number in hexadecimal."""
        return f"{x509.load_der_x509_certificate(self.der).serial_number:x}"

    @property
    def hash(self) -> str:
        """Its SHA-256."""
        return sha256(self.der).hexdigest()

    @property
    def pem(self) -> bytes:
        """It in PEM, with the line break at the end."""
        return x509.load_der_x509_certificate(self.der).public_bytes(Encoding.PEM)

    @property
    def xfcc(self) -> bytes:
        """It as Envoy writes it."""
        return f"By=spiffe://example.org/gateway;Hash={self.hash}".encode()

    @property
    def headers(self) -> dict[str, tuple[bytes, bytes]]:
        """The header of each dialect."""
        base64 = b64encode(self.der)
        return {
            "nginx": (b"X-SSL-Client-Cert", quote(self.pem, safe="").encode()),
            "envoy": (b"X-Forwarded-Client-Cert", self.xfcc),
            "caddy": (b"X-Client-Certificate-SHA256", self.hash.encode()),
            "traefik": (b"X-Forwarded-Tls-Client-Cert", base64),
            "haproxy": (b"X-SSL-Client-SHA256", self.hash.upper().encode()),
            "apache": (b"X-SSL-Client-Cert", self.pem.strip().replace(b"\n", b" ")),
            "rfc9440": (b"Client-Cert", b":" + base64 + b":"),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its headers by lower-case names, its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Gateway:
    """One connection to a listener, kept open, on which any header can be sent."""

    def __init__(self, url: str) -> None:
        self._at = httpx2.URL(url)
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection((self._at.host, self._at.port), timeout=20)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def _began(self, octets: bytes) -> bytes:
        """The first line of the answer; empty if the server had closed the connection, because it was idle."""
        with suppress(ConnectionError):
            self._socket.sendall(octets)
            return self._file.readline()
        return b""

    def _began_anew(self, octets: bytes) -> bytes:
        """The same on a new connection."""
        self.__exit__()
        self._connect()
        return self._began(octets)

    def ask(self, path: str, headers: Headers = (), body: bytes = b"", method: str = "GET") -> Answer:
        """One request with exactly these headers, and Host and Content-Length."""
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost", b"Content-Length: %d" % len(body)]
        lines += [name + b": " + value for name, value in headers]
        octets = b"\r\n".join([*lines, b"", b""]) + body
        status = int((self._began(octets) or self._began_anew(octets)).split()[1])
        found: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in found, name
            found[name.lower()] = value.strip()
        return Answer(status, found, self._file.read(int(found.get("content-length", "0"))))


def enrolled(server: Server, name: str, directory: Path) -> tuple[str, Identity]:
    """A new application with a certificate: its id, and the identity."""
    application = server.application(name)
    return application, server.enroll(server.token(application), directory / name)


def spoofs(victim: Forwarded, system_auth_id: str) -> list[Headers]:
    """Sixty ways in which a client may try to pass for the victim, by headers that a gateway passes on."""
    values = {**dict(victim.headers.values()), b"Certificate-Data": victim.xfcc, b"Client-Certificate-Hash": b""}
    claims = [
        (b"Client-Id-From-Certificate", system_auth_id.encode()),
        (b"Client-Id-From-Token", system_auth_id.encode()),
        (b"Client-Certificate-Hash", victim.hash.encode()),
        (b"Subject-From-Certificate", b"CN=" + system_auth_id.encode()),
        (b"X-SSL-Client-S-DN", b"CN=" + system_auth_id.encode()),
        (b"X-SSL-Client-Verify", b"SUCCESS"),
        (b"X-SSL-Cert", victim.hash.encode()),
        (b"SSL-Client-Cert", victim.hash.encode()),
        (b"X-Client-Cert", victim.hash.encode()),
        (b"X-Forwarded-Client-Cert", victim.xfcc + b"," + victim.xfcc),
        (b"X-Forwarded-Client-Cert", b'Subject="CN=a";Hash=' + victim.hash.encode()),
        (b"Forwarded", b"for=127.0.0.1;Hash=" + victim.hash.encode()),
        (b"Connector-Verdict", b"good"),
        (b"Connector-Subject-Id", system_auth_id.encode()),
        (b"X-Original-URI", b"/verdict/haproxy?tenant=default"),
    ]
    named = [(name, value) for name, value in [*values.items(), *claims] if value]
    found: list[Headers] = [[pair] for pair in named]
    found += [[(name.replace(b"-", b"_"), value)] for name, value in named if b"-" in name]
    found += [[(b"Connection", b"keep-alive, " + name)] for name in values]
    found += [[pair, pair] for pair in named[:6]]
    found += [[(name, value), (b"Connection", b"keep-alive, " + name)] for name, value in named[:6]]
    return found


def unclear(name: bytes, good: bytes, bad: bytes) -> list[Headers]:
    """Ways to send a good value so that two programs could read two different ones; ``bad`` is a value of nobody."""
    found: list[Headers] = [
        [(name, good), (name, good)],
        [(name, good), (name, bad)],
        [(name, bad), (name, good)],
        [(name, b""), (name, good)],
        [(name, good), (name, b"")],
        [(name.lower(), good), (name.upper(), good)],
        [(name, good + b";" + b"x" * 17_000)],
        [(name, good), (b"Connection", name)],
        [(name, good), (b"Connection", b"keep-alive, " + name.lower())],
        [(b"Connection", name.upper() + b", keep-alive"), (name, good)],
    ]
    for spelling in {name.replace(b"-", b"_"), name.replace(b"-", b"_", 1)} - {name}:
        found += [[(spelling, good)], [(spelling, good), (name, bad)], [(name, good), (spelling, good)]]
    return found
