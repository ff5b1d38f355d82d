import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from tests.support.ca import CA, SERVER, Credential, issued_by_leaf, self_signed
from tests.support.serving import BUSY, connect, exchange, get, listener, read_all, run

from connector.serving import Listener, ServerContext

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["TLS 1.2", "TLS 1.3"])
HOUR = timedelta(hours=1)

# Whatever is refused, the client is told by an alert (RFC 8446 6.2), never by a connection that just breaks.
ALERT = "alert"


@dataclass(frozen=True)
class Site:
    """A CA, and contexts that serve a certificate of it."""

    directory: Path
    ca: CA
    public: ServerContext
    mtls: ServerContext
    optional: ServerContext

    @property
    def root(self) -> Path:
        """The root certificate's file."""
        path = self.directory / "root.pem"
        path.write_bytes(self.ca.root.pem)
        return path

    def trusting(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A client's context that trusts this CA."""
        context = ssl.create_default_context(cadata=self.ca.root.pem.decode())
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def holding(self, credential: Credential, *above: Credential, version: ssl.TLSVersion) -> ssl.SSLContext:
        """A client's context with a certificate."""
        context = self.trusting(version)
        context.load_cert_chain(credential.write(self.directory / "client.pem", *above))
        return context


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Both kinds of listener's context."""
    directory = tmp_path_factory.mktemp("tls")
    ca = CA.make()
    certificate = ca.server().write(directory / "server.pem", ca.issuing)
    contexts = (
        ServerContext(),
        ServerContext(client_ca=ca.trusted),
        ServerContext(client_ca=[ca.issuing.der], optional=True),
    )
    for context in contexts:
        context.load_cert_chain(certificate)
    return Site(directory, ca, *contexts)


def served(context: ServerContext, client: Callable[[int], object]) -> None:
    """Run the client against a listener of the context."""
    one = listener(context)
    run([one], lambda: client(one.bound.port))


@VERSIONS
@pytest.mark.parametrize("whole", [False, True], ids=["leaf only", "with its chain"])
def test_holder_is_known_by_certificate(site: Site, version: ssl.TLSVersion, *, whole: bool) -> None:
    """The application gets the DER of the certificate that the handshake proved, whether or not the chain came too."""
    client = site.ca.client()
    context = site.holding(client, *([site.ca.issuing] if whole else []), version=version)

    def prove(port: int) -> None:
        assert get(port, context)["certificate"] == sha256(client.der).hexdigest()

    served(site.mtls, prove)


def bad_certificates() -> dict[str, Callable[[CA], tuple[Credential, ...]]]:
    """Every kind of certificate that must not get in, and what the client sends with it."""
    now = datetime.now(UTC)
    same_names = CA.make()
    return {
        "expired": lambda ca: (ca.client(not_after=now - HOUR),),
        "not yet valid": lambda ca: (ca.client(not_before=now + HOUR),),
        "of another CA with the same names": lambda _: (same_names.client(), same_names.issuing),
        "of another CA, its root sent along": lambda _: (same_names.client(), same_names.issuing, same_names.root),
        "for servers": lambda ca: (ca.client(usage=SERVER),),
        "the issuing CA's own": lambda ca: (ca.issuing,),
        "the root's own": lambda ca: (ca.root,),
        "self-signed": lambda _: (self_signed(),),
        "issued by a leaf": lambda ca: _under_leaf(ca.client()),
    }


def _under_leaf(leaf: Credential) -> tuple[Credential, ...]:
    return issued_by_leaf(leaf), leaf


@VERSIONS
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in bad_certificates().items()])
@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
def test_bad_certificate_is_refused(
    site: Site, version: ssl.TLSVersion, make: Callable[[CA], tuple[Credential, ...]], *, optional: bool
) -> None:
    """A certificate that is not good for a client of this CA, now, fails the handshake with an alert, also where the
    client could have come without.
    """
    context = site.holding(*make(site.ca), version=version)

    def prove(port: int) -> None:
        with pytest.raises(ssl.SSLError, match=ALERT):
            get(port, context)

    served(site.optional if optional else site.mtls, prove)


@VERSIONS
def test_a_certificate_can_be_optional(site: Site, version: ssl.TLSVersion) -> None:
    """Where a certificate is optional, a client without one gets in, and one with a good one is known by it. The CA
    that is trusted is no root: its root, and whatever other CAs that has, is not trusted.
    """
    client, sibling = site.ca.client(), site.ca.sibling()

    def prove(port: int) -> None:
        assert get(port, site.trusting(version))["certificate"] is None
        context = site.holding(client, version=version)
        assert get(port, context)["certificate"] == sha256(client.der).hexdigest()
        for certificate, *above in ((sibling.client(), sibling.issuing), (site.ca.root,)):
            with pytest.raises(ssl.SSLError, match=ALERT):
                get(port, site.holding(certificate, *above, version=version))

    served(site.optional, prove)


@VERSIONS
def test_a_certificate_is_asked_for_only_where_it_can_be_good(site: Site, version: ssl.TLSVersion) -> None:
    """In the handshake of a context without CAs for clients there is no CertificateRequest (RFC 8446 4.3.2), so that no
    browser asks its user for a certificate; in that of the others there is.
    """
    flag = "-tls1_2" if version is TLS_1_2 else "-tls1_3"
    asked = []
    for context in (site.public, site.optional, site.mtls):
        served(
            context, lambda port: asked.append("CertificateRequest" in openssl(port, site, flag, "-msg", given="Q\n"))
        )

    assert asked == [False, True, True]


@VERSIONS
def test_no_certificate_is_refused(site: Site, version: ssl.TLSVersion) -> None:
    """Without a certificate the handshake of a listener that requires one fails with an alert."""

    def prove(port: int) -> None:
        with pytest.raises(ssl.SSLError, match=ALERT):
            get(port, site.trusting(version))

    served(site.mtls, prove)


@VERSIONS
def test_public_listener_asks_for_none(site: Site, version: ssl.TLSVersion) -> None:
    """Where no certificate is required none is asked for, so that one sent to the wrong place proves nothing."""
    context = site.holding(site.ca.client(), version=version)

    def prove(port: int) -> None:
        seen = get(port, context)
        assert (seen["extensions"], seen["certificate"]) == (["credential", "tls"], None)

    served(site.public, prove)


def test_in_the_clear_there_is_no_tls_in_the_scope() -> None:
    """A listener without TLS says nothing of certificates."""
    one = listener()

    assert run([one], lambda: get(one.bound.port))["extensions"] == ["credential"]


@pytest.mark.parametrize(
    "options",
    [
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA"],
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-GCM-SHA384"],
        ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"],
        ["-groups", "X25519:P-521"],
    ],
    ids=["TLS 1.1", "CBC", "no forward secrecy", "no authentication", "other curves"],
)
def test_old_cryptography_is_refused(site: Site, options: list[str]) -> None:
    """Nothing below TLS 1.2, no CBC (RFC 9325 4.2), nothing without forward secrecy, only the one curve."""

    def prove(port: int) -> None:
        text = openssl(port, site, *options)
        assert "Cipher is (NONE)" in text
        assert ALERT in text

    served(site.public, prove)


@pytest.mark.parametrize(
    ("options", "suite"),
    [
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (["-tls1_3", "-noservername"], "TLS_AES_256_GCM_SHA384"),
        (["-tls1_3", "-groups", "X25519:P-256"], "TLS_AES_256_GCM_SHA384"),
        (["-tls1_3", "-groups", "P-256"], "TLS_AES_256_GCM_SHA384"),
    ],
)
def test_current_cryptography_is_accepted(site: Site, options: list[str], suite: str) -> None:
    """AEAD suites with ephemeral keys, with and without a server name, at the first key share or the second."""

    def prove(port: int) -> None:
        text = openssl(port, site, *options)
        assert f"Cipher is {suite}" in text
        assert "Verification: OK" in text

    served(site.public, prove)


def openssl(port: int, site: Site, *options: str, given: str = "") -> str:
    """What openssl s_client says of a handshake."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    if "-noservername" in options:
        command = command[:4]
    command += ["-CAfile", str(site.root), *options]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr


@VERSIONS
@pytest.mark.parametrize("listener_", ["public", "mtls", "optional"])
def test_no_session_is_resumed(site: Site, version: ssl.TLSVersion, listener_: str) -> None:
    """A session, by ticket or by its id, brings nobody back in: each handshake is a whole one."""
    context = site.holding(site.ca.client(), version=version)
    sessions = []

    def prove(port: int) -> None:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                earlier = sessions[-1] if sessions else None
                with context.wrap_socket(raw, server_hostname="localhost", session=earlier) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    assert b"200 OK" in read_all(connection)
                    assert connection.session_reused is False
                    assert connection.session is None or not connection.session.has_ticket
                    sessions.append(connection.session)

    served(getattr(site, listener_), prove)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_finds_nothing_to_resume(site: Site, version: str) -> None:
    """Openssl, connecting six times with the session of the first, is given a new one each time."""

    def prove(port: int) -> None:
        text = openssl(port, site, version, "-reconnect", given="Q\n")
        assert text.count("New, TLS") == 6
        assert "Reused" not in text
        assert "TLS session ticket" not in text

    served(site.public, prove)


def test_octets_before_the_handshake_are_refused(site: Site) -> None:
    """A request sent in the clear, ahead of a handshake, reaches no application (CVE-2023-40217)."""
    seen = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(1)

    one = listener(site.mtls, app=app, handshake_timeout=1.0)

    def prove() -> None:
        hello = client_hello(site)
        received = exchange(one.bound.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + hello)
        assert not received.startswith(b"HTTP")

    run([one], prove)
    assert seen == []


def test_curl_with_a_certificate(site: Site) -> None:
    """Curl gets in with a certificate, and without one says what is missing."""
    credential = site.ca.client().write(site.directory / "curl.pem")
    one = listener(site.mtls)
    command = ["curl", "-sS", "--cacert", str(site.root), f"https://localhost:{one.bound.port}/"]

    def prove() -> None:
        good = subprocess.run([*command, "--cert", str(credential)], capture_output=True, text=True, check=False)
        assert (good.returncode, good.stderr) == (0, "")
        none = subprocess.run(command, capture_output=True, text=True, check=False)
        assert none.returncode != 0
        assert "certificate required" in none.stderr

    run([one], prove)


def client_hello(site: Site) -> bytes:
    """The first octets of a handshake."""
    outgoing = ssl.MemoryBIO()
    connection = site.trusting().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def test_stuck_handshakes_hold_up_nobody(site: Site) -> None:
    """Peers that never finish a handshake slow down no good client, and are cut when the time for it is up."""
    hello = client_hello(site)
    openings = [b"", hello[: len(hello) // 2], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", hello]
    one = listener(site.mtls, handshake_timeout=5.0)
    context = site.holding(site.ca.client(), version=TLS_1_3)

    def prove() -> None:
        with ExitStack() as stack:
            stuck = [stack.enter_context(connect(one.bound.port)) for _ in range(200)]
            started = time.monotonic()
            for index, connection in enumerate(stuck):
                connection.sendall(openings[index % len(openings)])
            slowest = max(timed(lambda: get(one.bound.port, context)) for _ in range(10))
            assert slowest < 4
            for connection in stuck:
                read_all(connection)
            assert time.monotonic() - started < 5 + BUSY

    run([one], prove)


def timed(act: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def test_renegotiation_is_refused(site: Site) -> None:
    """A client of TLS 1.2 that asks to shake hands again is not answered with another handshake."""

    def prove(port: int) -> None:
        text = openssl(port, site, "-tls1_2", given="R\n")
        assert "RENEGOTIATING" in text
        assert "no renegotiation" in text

    served(site.public, prove)


def test_a_reset_in_the_handshake_harms_nobody(site: Site) -> None:
    """A peer that resets its connection in the middle of the handshake is forgotten; the next is served."""
    hello = client_hello(site)
    one: Listener = listener(site.public)

    def prove() -> None:
        for _ in range(20):
            connection = connect(one.bound.port)
            connection.sendall(hello)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        assert get(one.bound.port, site.trusting())["path"] == "/"

    run([one], prove)
