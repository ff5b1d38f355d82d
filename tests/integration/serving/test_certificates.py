import asyncio
import os
import signal
import ssl
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from tests.support.ca import CA, Credential
from tests.support.serving import connect, listener, read_answer, run

from connector.exposure import Trusted
from connector.serving import Files, KeyPair, OwnCA, ServerCertificate, ServerCertificateError, ServerContext, serve
from connector.serving.certificates import Source

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NOW = datetime.now(UTC)


class Site:
    """A CA, files that hold a server certificate of it, a context, and what was reported."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = CA.make()
        self.context = ServerContext()
        self.now = NOW
        self.chain, self.key = directory / "chain.pem", directory / "key.pem"
        self.loaded: list[x509.Certificate] = []
        self.failed: list[str] = []

    def pair(self, credential: Credential) -> KeyPair:
        """The certificate with its chain, and its key."""
        return KeyPair(credential.pem + self.ca.issuing.pem, credential.key_pem)

    def write(self, pair: KeyPair) -> None:
        """Put it into the files."""
        self.chain.write_bytes(pair.chain)
        self.key.write_bytes(pair.key)
        self.key.chmod(0o600)

    def certificate(self, source: Source | None = None) -> ServerCertificate:
        """What keeps the context's certificate fresh, from the files unless another source is given."""
        return ServerCertificate(
            source or Files(self.chain, self.key, Trusted.here()),
            [self.context],
            directory=self.directory / "data" / "tls",
            clock=lambda: self.now,
            loaded=self.loaded.append,
            failed=lambda error: self.failed.append(str(error)),
        )

    def shown(self, port: int) -> bytes | None:
        """The DER of the certificate that a new connection is shown."""
        with connect(port, ssl.create_default_context(cadata=self.ca.root.pem.decode())) as connection:
            return connection.getpeercert(binary_form=True)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with a certificate in its files."""
    made = Site(tmp_path)
    made.write(made.pair(made.ca.server()))
    return made


def test_changed_files_are_served_and_connections_go_on(site: Site) -> None:
    """After the files have changed new connections get the new certificate; an open connection keeps working."""
    certificate = site.certificate()
    certificate.load()
    one = listener(site.context)

    def prove() -> None:
        trusting = ssl.create_default_context(cadata=site.ca.root.pem.decode())
        with connect(one.bound.port, trusting) as held:
            before = held.getpeercert(binary_form=True)
            second = site.ca.server()
            site.write(site.pair(second))
            certificate.refresh()
            held.sendall(GET)
            assert read_answer(held)[0].startswith(b"HTTP/1.1 200 ")
            assert site.shown(one.bound.port) == second.der != before

    run([one], prove)
    assert (len(site.loaded), site.failed) == (2, [])


def test_unchanged_files_are_left_alone(site: Site) -> None:
    """Looking again at files that have not changed loads nothing."""
    certificate = site.certificate()
    certificate.load()
    for _ in range(3):
        certificate.refresh()

    assert (len(site.loaded), site.failed) == (1, [])


def test_key_of_another_kind_takes_over(site: Site) -> None:
    """A certificate with an RSA key replaces one with an elliptic curve's whole; the old is not served beside it."""
    certificate = site.certificate()
    certificate.load()
    key = rsa.generate_private_key(65537, 2048)
    old = site.ca.server()
    builder = x509.CertificateBuilder(
        issuer_name=site.ca.issuing.certificate.subject,
        subject_name=old.certificate.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(days=1),
        not_valid_after=NOW + timedelta(days=1),
    )
    for kind in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.AuthorityKeyIdentifier):
        builder = builder.add_extension(old.certificate.extensions.get_extension_for_class(kind).value, critical=False)
    signed = builder.sign(site.ca.issuing.key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    site.write(KeyPair(signed.public_bytes(Encoding.PEM) + site.ca.issuing.pem, pem))
    certificate.refresh()
    one = listener(site.context)

    assert run([one], lambda: site.shown(one.bound.port)) == signed.public_bytes(Encoding.DER)


def bad_pairs(site: Site) -> dict[str, KeyPair]:
    """What cannot be served."""
    good = site.ca.server()
    expired = site.ca.server(not_after=NOW - timedelta(hours=1))
    encrypted = good.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    return {
        "the key of another": KeyPair(good.pem, site.ca.server().key_pem),
        "no certificate": KeyPair(b"", good.key_pem),
        "no key": KeyPair(good.pem, b""),
        "not PEM": KeyPair(b"rubbish", b"rubbish"),
        "half a file": KeyPair(good.pem[:100], good.key_pem),
        "expired": site.pair(expired),
        "not yet valid": site.pair(site.ca.server(not_before=NOW + timedelta(hours=1))),
        "encrypted": KeyPair(good.pem, encrypted),
        "too large": KeyPair(good.pem + bytes(2 * 1024 * 1024), good.key_pem),
    }


def test_failed_reload_keeps_the_former_certificate(site: Site) -> None:
    """What cannot be served is reported, once, and the former certificate is served on; then a good one again."""
    certificate = site.certificate()
    certificate.load()
    one = listener(site.context)

    def prove() -> None:
        first = site.shown(one.bound.port)
        for name, pair in bad_pairs(site).items():
            site.failed.clear()
            site.write(pair)
            certificate.refresh()
            certificate.refresh()
            assert len(site.failed) == 1, name
            assert site.failed[0].startswith("The server certificate cannot be used: "), name
            assert "PRIVATE" not in site.failed[0]
            assert site.shown(one.bound.port) == first, name
        site.failed.clear()
        site.key.unlink()
        certificate.refresh()
        assert len(site.failed) == 1
        last = site.ca.server()
        site.write(site.pair(last))
        certificate.refresh()
        assert site.shown(one.bound.port) == last.der

    run([one], prove)


def test_start_with_a_bad_certificate_fails(site: Site) -> None:
    """At the start there is no former certificate: loading raises."""
    for name, pair in bad_pairs(site).items():
        site.write(pair)
        with pytest.raises(ServerCertificateError, match="cannot be used"):
            site.certificate().load()
        assert site.loaded == [], name


def test_own_certificate_is_reissued_at_two_thirds(site: Site) -> None:
    """One that our own CA issued is replaced when two thirds of its validity have passed, and not before."""
    issued = []

    def issue() -> KeyPair:
        issued.append(site.ca.server(not_before=site.now, not_after=site.now + timedelta(days=30)))
        return site.pair(issued[-1])

    certificate = site.certificate(OwnCA(issue))
    certificate.load()
    site.now += timedelta(days=19, hours=23)
    certificate.refresh()
    assert len(issued) == 1
    site.now += timedelta(hours=2)
    certificate.refresh()
    certificate.refresh()
    assert len(issued) == 2
    assert [one.serial_number for one in site.loaded] == [one.certificate.serial_number for one in issued]


def test_ca_that_cannot_issue_is_asked_again(site: Site) -> None:
    """When issuing fails, that is reported and the former certificate stays; the next look tries again."""
    answers: list[KeyPair | Exception] = [site.pair(site.ca.server()), OSError("the key is away")]
    answers.append(site.pair(site.ca.server()))

    def issue() -> KeyPair:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    certificate = site.certificate(OwnCA(issue))
    certificate.load()
    site.now += timedelta(days=25)
    certificate.refresh()
    assert (len(site.loaded), len(site.failed)) == (1, 1)
    assert "the key is away" in site.failed[0]
    certificate.refresh()
    assert (len(site.loaded), len(site.failed)) == (2, 1)


@pytest.mark.parametrize(("name", "mode"), [("key", 0o640), ("key", 0o604), ("chain", 0o646)])
def test_file_that_others_can_get_at_is_not_served(site: Site, name: str, mode: int) -> None:
    """A key that others can read, or a chain that they can write, stops the start. While serving, the former pair
    stays in use, and the report names the command.
    """
    path = {"key": site.key, "chain": site.chain}[name]
    certificate = site.certificate()
    certificate.load()
    path.chmod(mode)
    certificate.refresh()
    assert (len(site.loaded), len(site.failed)) == (1, 1)
    assert f"Run: chmod {'600' if name == 'key' else 'o-w'} {path}" in site.failed[0]
    with pytest.raises(ServerCertificateError, match="by others"):
        site.certificate().load()
    path.chmod(0o600)
    certificate.refresh()

    assert (len(site.loaded), len(site.failed)) == (2, 1)


def test_key_does_not_stay_on_disk(site: Site) -> None:
    """The file that OpenSSL reads the key from is gone once it is read, and its directory is its owner's alone."""
    certificate = site.certificate()
    directory = site.directory / "data" / "tls"
    certificate.load()
    site.write(bad_pairs(site)["the key of another"])
    certificate.refresh()

    assert list(directory.iterdir()) == []
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_leftover_of_a_killed_start_is_replaced(site: Site) -> None:
    """A file left behind by a process that was killed while loading is no obstacle, not even a link to elsewhere."""
    directory = site.directory / "data" / "tls"
    directory.mkdir(parents=True)
    elsewhere = site.directory / "elsewhere"
    elsewhere.write_text("untouched")
    (directory / "loading.pem").symlink_to(elsewhere)
    site.certificate().load()

    assert elsewhere.read_text() == "untouched"
    assert list(directory.iterdir()) == []


def test_processes_may_load_at_the_same_moment(site: Site) -> None:
    """Workers that load into one directory at once do not take each other's file away."""
    certificate = site.certificate()
    started = []
    for _ in range(4):
        process = os.fork()
        if process == 0:
            status = 1
            try:
                for _ in range(50):
                    certificate.load()
                status = 0
            finally:
                os._exit(status)
        started.append(process)

    assert [os.waitpid(process, 0)[1] for process in started] == [0] * 4
    assert list((site.directory / "data" / "tls").iterdir()) == []


def test_key_has_no_repr() -> None:
    """A key pair shown in a log or an error shows no key."""
    assert "SECRET" not in repr(KeyPair(b"chain", b"SECRET"))


def test_kept_fresh_by_time_and_by_signal(site: Site) -> None:
    """While it is kept fresh, changed files are found by themselves, and at once on SIGHUP."""
    certificate = site.certificate()
    certificate.load()
    one = listener(site.context)

    async def main() -> None:
        stop = asyncio.Event()
        server = asyncio.create_task(serve([one], grace=1.0, ready=lambda: None, stop=stop))
        for interval, hang_up in ((0.1, False), (60.0, True)):
            fresh = asyncio.create_task(certificate.keep_fresh(interval))
            await asyncio.sleep(0.05)
            expected = site.ca.server()
            site.write(site.pair(expected))
            if hang_up:
                os.kill(os.getpid(), signal.SIGHUP)
            assert await asyncio.to_thread(wait_until_shown, site, one.bound.port, expected.der)
            fresh.cancel()
            await asyncio.wait([fresh])
        stop.set()
        await server

    uvloop.run(main())
    assert site.loaded[-1] == x509.load_pem_x509_certificates(site.chain.read_bytes())[0]


def wait_until_shown(site: Site, port: int, der: bytes) -> bool:
    """Whether new connections are shown this certificate within two seconds."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            if site.shown(port) == der:
                return True
        except TimeoutError:
            return False
        time.sleep(0.02)
    return False
