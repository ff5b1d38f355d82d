"""Connector's own paths for holders of certificates, behind gateways that end TLS as docs/gateways.md says."""

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.support.ca import CA
from tests.support.gateway_site import own_certificate
from tests.support.gateways import ADDRESSES, Answer, Forwarded, Gateway, enrolled, spoofs
from tests.support.ports import free_port
from tests.support.server import Identity, Server

from connector.client import Client, Refused, make_key

PAGE = Path(__file__).parents[3] / "docs" / "gateways.md"
VIEWER = b'{"query": "{ viewer { id } }"}'
JSON = (b"Content-Type", b"application/json")
DIALECTS = ["nginx", "apache", "traefik", "envoy", "rfc9440"]
SECONDS = 20.0


def settings(dialect: str, proxies: str = ADDRESSES) -> dict[str, str]:
    """Gateways at these addresses forward certificates in this way."""
    return {
        "CONNECTOR_GATEWAYS__PROXIES": proxies,
        "CONNECTOR_GATEWAYS__DIALECT": dialect,
        "CONNECTOR_LISTENERS__FORWARDED": "127.0.0.1:0",
    }


def headers_of(certificate: Forwarded) -> dict[str, tuple[bytes, bytes]]:
    """The header of each dialect, with the whole certificate."""
    name, value = certificate.headers["envoy"]
    _, escaped = certificate.headers["nginx"]
    return {**certificate.headers, "envoy": (name, value + b';Cert="' + escaped + b'"')}


def viewer(gateway: Gateway, *headers: tuple[bytes, bytes]) -> Answer:
    """The answer to who calls."""
    return gateway.ask("/director/graphql", [JSON, *headers], VIEWER, "POST")


def code(answer: Answer) -> object:
    """The code of the refusal."""
    if "errors" in answer.json:
        return answer.json["errors"][0]["extensions"]["error"]
    return answer.json["code"]


@dataclass(frozen=True, slots=True)
class Known:
    """An application that has a certificate."""

    application: str
    identity: Identity

    @property
    def header(self) -> dict[str, tuple[bytes, bytes]]:
        return headers_of(Forwarded.of(self.identity))


@pytest.fixture(scope="module", params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp(dialect) / "data", settings(dialect)) as running:
        yield running


@pytest.fixture
def gateway(server: Server) -> Iterator[Gateway]:
    with Gateway(server.urls["forwarded"]) as connection:
        yield connection


@pytest.fixture(scope="module")
def holder(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Known:
    return Known(*enrolled(server, "holder", tmp_path_factory.mktemp("holder")))


def test_holder_is_served_until_its_certificate_is_revoked(
    dialect: str, server: Server, gateway: Gateway, tmp_path: Path
) -> None:
    """Whoever the gateway names is served as over mutual TLS, and refused from its revocation on."""
    one = Known(*enrolled(server, "revoked", tmp_path))
    assert viewer(gateway, one.header[dialect]).json["data"]["viewer"]["id"] == one.application
    with server.holder(one.identity) as client:
        client.revoke(server.mtls_connector)
    assert code(viewer(gateway, one.header[dialect])) == "certificate_revoked"


def test_only_certificates_of_trusted_cas_are_read(
    dialect: str, server: Server, gateway: Gateway, holder: Known
) -> None:
    """A certificate that no CA of ours issued is refused before anything is looked up; so is our own server's."""
    subject = holder.identity.subject
    foreign = CA.make().client(subject.rpartition("CN=")[2])
    host, port = httpx2.URL(server.urls["public"]).host, httpx2.URL(server.urls["public"]).port
    own = ssl.get_server_certificate((host, port or 443))
    for der in (foreign.der, *map(ssl.PEM_cert_to_DER_cert, (own, server.root.decode()))):
        assert code(viewer(gateway, headers_of(Forwarded(der))[dialect])) == "certificate_unknown"


def test_without_a_certificate_nobody_is_served(dialect: str, gateway: Gateway, holder: Known) -> None:
    """No header, an empty one, or one of another kind of gateway: the caller has no certificate."""
    name, _ = holder.header[dialect]
    others = [pair for pair in holder.header.values() if pair[0] != name]
    for headers in ([], [(name, b"")], others):
        assert code(viewer(gateway, *headers)) == "credential_missing"


def test_no_spoof_changes_who_calls(
    dialect: str, server: Server, gateway: Gateway, holder: Known, tmp_path: Path
) -> None:
    """Whatever a client sends besides, in sixty ways and more: the gateway's certificate decides, or none does."""
    other = Known(*enrolled(server, "other", tmp_path))
    own, victim = other.header[dialect], Forwarded.of(holder.identity)
    tried = spoofs(victim, holder.identity.subject.rpartition("CN=")[2])
    assert len(tried) >= 60
    for spoof in tried:
        for headers in ([own, *spoof], [*spoof, own]):
            answer = viewer(gateway, *headers)
            found = (answer.json.get("data") or {}).get("viewer")
            if found is not None:
                assert found["id"] == other.application
            else:
                assert code(answer) == "forwarded_certificate_ambiguous"


@pytest.mark.parametrize("value", [b"?", b":AAAA:", b"a" * 20_000], ids=["sign", "short", "long"])
def test_what_is_no_certificate_is_refused(dialect: str, gateway: Gateway, holder: Known, value: bytes) -> None:
    """A header that is not exactly what the gateway makes is refused."""
    name, _ = holder.header[dialect]
    assert code(viewer(gateway, (name, value))) in {"forwarded_certificate_ambiguous", "certificate_unknown"}


def test_a_gateway_that_is_not_named_is_refused(tmp_path: Path) -> None:
    """Only the gateways that the settings name are believed: everybody else could claim any certificate."""
    with Server(tmp_path / "server" / "data", settings("nginx", proxies="192.0.2.1")) as server:
        one = Known(*enrolled(server, "one", tmp_path))
        with Gateway(server.urls["forwarded"]) as gateway:
            assert code(viewer(gateway, one.header["nginx"])) == "proxy_unknown"


@pytest.mark.parametrize("missing", ["CONNECTOR_GATEWAYS__DIALECT", "CONNECTOR_GATEWAYS__PROXIES"])
def test_a_listener_for_nobody_is_no_start(tmp_path: Path, missing: str) -> None:
    """Without the kind of gateway, or without its address or secret, the listener is refused at the start."""
    given = settings("nginx")
    del given[missing]
    ended = Server(tmp_path / "data", given).command("serve", check=False)
    assert ended.returncode != 0
    assert missing.removeprefix("CONNECTOR_").lower().replace("__", ".") in ended.stderr


@contextmanager
def behind(kind: str, here: Path) -> Iterator[tuple[Server, str, bytes]]:
    """A server behind a gateway of that kind: the server, the gateway's URL, and its certificate."""
    gate = here / "gate"
    gate.mkdir()
    own_certificate(gate)
    (gate / "both.pem").write_bytes((gate / "gateway.pem").read_bytes() + (gate / "gateway.key").read_bytes())
    dialect = {"haproxy": "rfc9440"}.get(kind, kind)
    with Server(here / "server" / "data", settings(dialect)) as server:
        port = free_port()  # not earlier: while the server starts, another run would take it
        forwarded = server.urls["forwarded"].removeprefix("http://")
        text = documented(kind)
        for written, real in {
            "/etc/connector/root.pem": str(server.data / "ca" / "root.pem"),
            "/etc/gateway/both.pem": str(gate / "both.pem"),
            "/etc/gateway/chain.pem": str(gate / "gateway.pem"),
            "/etc/gateway/key.pem": str(gate / "gateway.key"),
            "127.0.0.1:8446": forwarded,
            "8444": str(port),
        }.items():
            text = text.replace(written, real)
        with (gate / "log").open("wb") as log:
            process = subprocess.Popen(START[kind](gate, text), stdout=log, stderr=log, cwd=gate)
        try:
            wait(process, port, gate / "log")
            yield server, f"https://localhost:{port}", (gate / "gateway.pem").read_bytes()
        finally:
            process.terminate()
            process.wait(10)


def wait(gateway: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return once the gateway listens."""
    deadline = time.monotonic() + SECONDS
    while True:
        assert gateway.poll() is None, log.read_text()
        with suppress(ConnectionRefusedError), socket.create_connection(("localhost", port), SECONDS):
            return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def documented(kind: str) -> str:
    """The configuration of that kind of gateway on the page."""
    found = re.search(rf"## TLS in front of Connector.*?```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def nginx(gate: Path, text: str) -> Sequence[str]:
    frame = f"daemon off; pid {gate}/pid; error_log {gate}/error.log info;\nevents {{ }}\nhttp {{ access_log off;\n"
    (gate / "nginx.conf").write_text(f"{frame}{text}\n}}\n")
    return ["nginx", "-c", str(gate / "nginx.conf")]


def haproxy(gate: Path, text: str) -> Sequence[str]:
    (gate / "haproxy.cfg").write_text(text)
    return ["haproxy", "-f", str(gate / "haproxy.cfg")]


START = {"nginx": nginx, "haproxy": haproxy}


@pytest.mark.parametrize("kind", START)
def test_a_life_behind_a_real_gateway(kind: str, tmp_path: Path) -> None:
    """Behind nginx and HAProxy, configured as the page says, a holder reads its configuration, renews, and is refused
    from its revocation on; without a certificate nobody gets further than the gateway.
    """
    with behind(kind, tmp_path) as (server, url, root):
        application = server.application("shop")
        identity = server.enroll(server.token(application), tmp_path / "shop")
        connector = f"{url}/connector/graphql"
        with Client(root=root, identity=(identity.chain, identity.key)) as client:
            assert client.query(f"{url}/director/graphql", "{ result: viewer { id } }") == {"id": application}
            told = client.configuration(connector)
            assert told.subject == identity.subject
            renewed = client.renew(connector, make_key(), "again")
            assert renewed.chain
            client.revoke(connector)
            with pytest.raises(Refused, match="revoked"):
                client.configuration(connector)
        with Client(root=root) as stranger, pytest.raises((Refused, httpx2.HTTPError)):
            stranger.configuration(connector)
