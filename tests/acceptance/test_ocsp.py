"""OCSP answers of a running server, before other people's verifiers."""

import re
import subprocess
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from tests.support.ocsp import MALFORMED, UNKNOWN, by_library
from tests.support.server import Identity, Server

REVOKE = """mutation ($serial: String!, $reason: RevocationReason!) {
    result: revokeCertificate(serial: $serial, reason: $reason) { serial }
}"""
JAVA = Path(__file__).parents[1] / "drivers" / "java" / "Status.java"
LINTER = Path(sys.executable).with_name("lint_ocsp_response")
MINUTE = timedelta(minutes=1)
Status = ocsp.OCSPResponseStatus


class Site(NamedTuple):
    """A good and a revoked certificate, and the CA's, as files; and where to ask."""

    directory: Path
    good: Identity
    revoked: Identity
    issuer: x509.Certificate
    url: str

    def serial(self, identity: Identity) -> int:
        """The serial number of its certificate."""
        return x509.load_pem_x509_certificates(identity.chain.read_bytes())[0].serial_number

    def ask(self, serial: int, nonce: bytes | None = None) -> ocsp.OCSPResponse:
        """The answer about a certificate of ours, by POST."""
        return read(self.post(by_library(self.issuer, serial, nonce=nonce)))

    def post(self, octets: bytes) -> httpx2.Response:
        """The answer to these octets."""
        return httpx2.post(self.url, content=octets, headers={"content-type": "application/ocsp-request"})


def read(answer: httpx2.Response) -> ocsp.OCSPResponse:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/ocsp-response"
    return ocsp.load_der_ocsp_response(answer.content)


def revoke(server: Server, site: Site, identity: Identity) -> None:
    server.administer(REVOKE, {"serial": f"{site.serial(identity):x}", "reason": "keyCompromise"})


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Site:
    directory = tmp_path_factory.mktemp("ocsp")
    root, issuing = ((server.data / "ca" / f"{name}.pem").read_bytes() for name in ("root", "issuing"))
    (directory / "root.pem").write_bytes(root)
    (directory / "issuing.pem").write_bytes(issuing)
    (directory / "bundle.pem").write_bytes(root + issuing)
    good, revoked = (
        server.enroll(server.token(server.application(name)), directory / name) for name in ("ocsp-good", "ocsp-bad")
    )
    for identity, name in ((good, "good"), (revoked, "revoked")):
        chain = x509.load_pem_x509_certificates(identity.chain.read_bytes())
        (directory / f"{name}.pem").write_bytes(chain[0].public_bytes(Encoding.PEM))
    made = Site(directory, good, revoked, x509.load_pem_x509_certificate(issuing), f"{server.urls['pki']}/ocsp")
    revoke(server, made, revoked)
    return made


def said(site: Site, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=site.directory, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize("nonce", [[], ["-no_nonce"]])
def test_openssl_verifies_the_answers(site: Site, digest: str, nonce: list[str]) -> None:
    """OpenSSL names issuers by SHA-1 and SHA-256, with a nonce and without, verifies the delegated responder, and finds
    one certificate good, one revoked with its reason, and one that was never planned unknown.
    """
    asked = ["openssl", "ocsp", "-issuer", "issuing.pem", "-CAfile", "root.pem", "-url", site.url, *nonce, digest]
    asked += ["-verify_other", "issuing.pem"]
    good, revoked = (said(site, *asked, "-cert", f"{name}.pem") for name in ("good", "revoked"))
    unknown = said(site, *asked, "-serial", "0x7777")

    for answer in (good, revoked, unknown):
        assert "Response verify OK" in answer
        assert "WARNING" not in answer, answer
    assert "good.pem: good" in good
    assert re.search(r"revoked.pem: revoked\n.*\n.*\n\s*Reason: keyCompromise", revoked), revoked
    assert "0x7777: unknown" in unknown


@pytest.mark.parametrize("nonce", [[], ["--nonce"]])
def test_gnutls_verifies_the_answers(site: Site, nonce: list[str]) -> None:
    """GnuTLS verifies the signature under the issuer's certificate, and reads the same statuses."""
    asked = ["ocsptool", f"--ask={site.url}", "--load-issuer=issuing.pem", "--load-trust=bundle.pem", *nonce]
    good, revoked = (said(site, *asked, f"--load-cert={name}.pem") for name in ("good", "revoked"))

    assert "Verifying OCSP Response: Success" in good
    assert "Certificate Status: good" in good
    assert "Verifying OCSP Response: Success" in revoked
    assert "Certificate Status: revoked" in revoked


@pytest.mark.parametrize("flag", ["-Djdk.security.certpath.ocspNonce=true", "-Dcom.sun.security.ocsp.useget=false"])
def test_java_validates_chains_by_the_answers(site: Site, flag: str) -> None:
    """Java's PKIX accepts the good certificate and finds the other revoked, with a nonce, by GET and by POST."""
    asked = ["java", flag, JAVA, "root.pem"]

    assert said(site, *asked, site.good.chain, site.url).strip() == "good"
    assert said(site, *asked, site.revoked.chain, site.url).strip() == "REVOKED"


def test_pkilint_finds_nothing(site: Site) -> None:
    """The linter has nothing to say against a good, a revoked and an unknown one's answer."""
    for name, serial in (("good", site.serial(site.good)), ("bad", site.serial(site.revoked)), ("unknown", 0x7777)):
        octets = site.post(by_library(site.issuer, serial, nonce=b"n" * 32)).content
        (site.directory / f"{name}.der").write_bytes(octets)
        assert said(site, LINTER, "lint", f"{name}.der").strip() in ("", "[]"), name


def test_revocation_is_seen_by_the_next_request(server: Server, site: Site, tmp_path: Path) -> None:
    """An answer that is given after a revocation says so, whichever way it is asked for."""
    identity = server.enroll(server.token(server.application("ocsp-soon")), tmp_path / "soon")
    serial = site.serial(identity)
    assert site.ask(serial).certificate_status is ocsp.OCSPCertStatus.GOOD

    revoke(server, site, identity)

    answer = site.ask(serial)
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise
    assert answer.revocation_time_utc is not None
    assert abs(answer.revocation_time_utc - datetime.now(UTC)) < MINUTE


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=lambda each: each.name)  # noqa: S303 - as clients do
def test_get_is_answered_as_post_is(site: Site, algorithm: hashes.HashAlgorithm) -> None:
    """With GET the request is in the path, its + and / and = escaped or not."""
    of = site.serial(site.good)
    requests = (by_library(site.issuer, of, algorithm=algorithm, nonce=token_bytes(20 + n % 3)) for n in range(10_000))
    text = next(text for each in requests if {"+", "/", "="} <= set(text := b64encode(each).decode()))

    for path in (text, quote(text, safe=""), quote(text, safe="+"), quote(text, safe="/=")):
        found = ocsp.load_der_ocsp_response(raw_get(site, f"/ocsp/{path}"))
        assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert len(found.extensions) == 1


def raw_get(site: Site, path: str) -> bytes:
    """The answer to a GET of exactly this path: clients in Python normalize it."""
    host = urlsplit(site.url).netloc
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--path-as-is", f"http://{host}{path}"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_get_has_the_headers_of_caches(site: Site) -> None:
    """Caches may keep an answer for a few seconds; none that answers a nonce, is about an unknown one, or refuses."""
    base = site.url
    serial = site.serial(site.good)
    lasting = httpx2.get(f"{base}/{quote(b64encode(by_library(site.issuer, serial)), safe='')}")
    found = read(lasting)
    assert lasting.headers["cache-control"] == "max-age=5, public, no-transform, must-revalidate"
    assert parsedate_to_datetime(lasting.headers["last-modified"]) == found.this_update_utc
    assert parsedate_to_datetime(lasting.headers["expires"]) == found.next_update_utc
    assert found.next_update_utc == found.this_update_utc + 5 * MINUTE
    assert lasting.headers["etag"].strip('"').isalnum()

    head = httpx2.head(f"{base}/{quote(b64encode(by_library(site.issuer, serial)), safe='')}")
    assert (head.status_code, head.content) == (200, b"")
    others = [by_library(site.issuer, serial, nonce=b"n"), by_library(site.issuer, 0x7777), b"", UNKNOWN["MD5"]]
    for octets in others:
        answer = httpx2.get(f"{base}/{quote(b64encode(octets), safe='')}")
        assert answer.headers["cache-control"] == "no-store"
    assert site.post(by_library(site.issuer, serial)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/ocsp", "/ocsp/", "/ocsp/%%%", "/ocsp/MA", "/ocsp/MAA=%20", "/ocsp/%ff", "/ocsp/M/../A"]
)
def test_get_of_no_request_is_malformed(site: Site, path: str) -> None:
    """What is no base64 of a request is answered malformedRequest."""
    assert ocsp.load_der_ocsp_response(raw_get(site, path)).response_status is Status.MALFORMED_REQUEST


def test_hostile_requests_are_refused_in_the_words_of_ocsp(site: Site) -> None:
    """None is answered by an HTTP error or an internal error, and about none is said that anything is good."""
    for name, octets in MALFORMED.items():
        assert read(site.post(octets)).response_status is Status.MALFORMED_REQUEST, name
    for name, octets in UNKNOWN.items():
        assert read(site.post(octets)).response_status is Status.UNAUTHORIZED, name
    root = x509.load_pem_x509_certificate((site.directory / "root.pem").read_bytes())
    assert read(site.post(by_library(root, site.issuer.serial_number))).response_status is Status.UNAUTHORIZED
    assert httpx2.put(site.url).status_code == 405
    assert httpx2.post(f"{site.url}/MAA").status_code == 405


def test_request_of_a_megabyte_is_not_read(site: Site) -> None:
    """It is refused by its announced length; others are served meanwhile."""
    begun = time.monotonic()
    try:
        refused = read(site.post(bytes(1 << 20)))
    except httpx2.TransportError:
        pass  # the connection was closed while the body was still being sent
    else:
        assert refused.response_status is Status.MALFORMED_REQUEST
    assert site.ask(site.serial(site.good)).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert time.monotonic() - begun < 30


def test_nonce_is_repeated_up_to_128_octets(site: Site) -> None:
    """RFC 9654 2.1: 1 to 128 octets are repeated, no more and no fewer accepted."""
    serial = site.serial(site.good)
    for length in (1, 16, 32, 128):
        (held,) = site.ask(serial, bytes(range(length))).extensions
        assert held.value == x509.OCSPNonce(bytes(range(length)))
    for length in (0, 129):
        octets = by_library(site.issuer, serial, nonce=bytes(length))
        assert read(site.post(octets)).response_status is Status.MALFORMED_REQUEST


def test_public_listener_has_no_responder(server: Server, site: Site) -> None:
    """Only the pki listener answers OCSP."""
    with server.anonymous() as client:
        answer = client._http.get(f"{server.urls['public']}/ocsp")  # noqa: SLF001 - the answer as it came
    assert answer.status_code == 404
