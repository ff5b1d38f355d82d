"""Certificates that say where their CRL and the certificate of their CA are, before programs that follow them."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from tests.support.ports import free_port
from tests.support.server import Identity, Server

JAVA = Path(__file__).parents[1] / "drivers" / "java" / "Pointers.java"
PUBLISHED_SECONDS = 60.0


class Site(NamedTuple):
    """A server whose certificates have pointers, a good and a revoked certificate, and files for verifiers."""

    server: Server
    directory: Path
    good: Path
    revoked: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The certificates alone, without their chains, and the root; the revocation is published."""
    directory, port = tmp_path_factory.mktemp("pointers"), free_port()
    given = {"CONNECTOR_URLS__PKI": f"http://localhost:{port}/"}
    with Server(directory / "server" / "data", given, arguments=("--pki", f"localhost:{port}")) as server:
        shutil.copy(server.data / "ca" / "root.pem", directory)
        shutil.copy(server.data / "ca" / "issuing.pem", directory)
        good, revoked = (alone(enroll(server, name, directory), directory / f"{name}.pem") for name in ("good", "bad"))
        serial = read(revoked).serial_number
        server.command("certificate", "revoke", f"{serial:x}")
        deadline = time.monotonic() + PUBLISHED_SECONDS
        while not lists(crl_url(read(revoked)), serial):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield Site(server, directory, good, revoked)


def enroll(server: Server, name: str, directory: Path) -> Identity:
    return server.enroll(server.token(server.application(name)), directory / name)


def alone(identity: Identity, path: Path) -> Path:
    leaf = x509.load_pem_x509_certificates(identity.chain.read_bytes())[0]
    path.write_bytes(leaf.public_bytes(Encoding.PEM))
    return path


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def crl_url(certificate: x509.Certificate) -> str:
    """The one URL of its CRL distribution point."""
    (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    (name,) = point.full_name
    return str(name.value)


def issuer_url(certificate: x509.Certificate) -> str:
    """The one URL of its issuer's certificate."""
    (url,) = urls(certificate, AuthorityInformationAccessOID.CA_ISSUERS)
    return url


def urls(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    """The URLs in its authority information access, of this kind."""
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    return [str(each.access_location.value) for each in access if each.access_method == method]


def lists(url: str, serial: int) -> bool:
    answer = httpx2.get(url)
    if answer.status_code == 503:
        return False
    return x509.load_der_x509_crl(answer.content).get_revoked_certificate_by_serial_number(serial) is not None


def said(site: Site, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=site.directory, capture_output=True, text=True, timeout=120, check=False)


def test_pointers_lead_to_the_issuer_and_its_crl(site: Site) -> None:
    """From a client's certificate, and from that of its issuing CA, the pointers lead to the certificate that signed it
    (DER, application/pkix-cert) and to the CRL of the same key.
    """
    for name, signer in (("good.pem", "issuing.pem"), ("issuing.pem", "root.pem")):
        certificate, above = read(site.directory / name), read(site.directory / signer)
        issuer, crl = httpx2.get(issuer_url(certificate)), httpx2.get(crl_url(certificate))

        assert issuer.headers["content-type"] == "application/pkix-cert"
        assert issuer.content == above.public_bytes(Encoding.DER)
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(issuer.content))
        assert crl.headers["content-type"] == "application/pkix-crl"
        assert x509.load_der_x509_crl(crl.content).is_signature_valid(above.public_key())  # type: ignore[arg-type]


def test_root_has_no_pointers(site: Site) -> None:
    """A root, which is trusted as it is, points nowhere."""
    kinds = {type(each.value) for each in read(site.directory / "root.pem").extensions}

    assert not kinds & {x509.CRLDistributionPoints, x509.AuthorityInformationAccess}


def test_openssl_downloads_the_crls(site: Site) -> None:
    """OpenSSL downloads the CRLs: a client's certificate and the issuing CA's pass, and the revoked one
    does not.
    """
    command = ["openssl", "verify", "-x509_strict", "-crl_download", "-crl_check", "-CAfile", "root.pem"]

    good, revoked = (said(site, *command, "-untrusted", "issuing.pem", path) for path in (site.good, site.revoked))
    assert good.returncode == 0, good.stderr
    assert said(site, *command, "issuing.pem").returncode == 0
    assert revoked.returncode != 0
    assert "certificate revoked" in revoked.stderr


def test_gnutls_reads_the_pointers_and_verifies_by_what_is_there(site: Site) -> None:
    """GnuTLS shows the same URLs, verifies the CRL from there, and finds the revoked certificate in it."""
    shown = said(site, "certtool", "--certificate-info", "--infile", site.revoked).stdout
    assert f"URI: {crl_url(read(site.revoked))}" in shown
    assert f"Access Location URI: {issuer_url(read(site.revoked))}" in shown
    for name, url in (("fetched.crl", crl_url(read(site.good))), ("fetched.crt", issuer_url(read(site.good)))):
        assert said(site, "curl", "--fail", "--silent", "--output", name, url).returncode == 0
    crl, issuer = (
        said(site, "openssl", "crl", "-in", "fetched.crl"),
        said(site, "openssl", "x509", "-in", "fetched.crt"),
    )
    (site.directory / "fetched.crl.pem").write_text(crl.stdout)
    verify = ["certtool", "--verify", "--load-ca-certificate", "root.pem", "--load-crl", "fetched.crl.pem", "--infile"]
    for path in (site.good, site.revoked):
        path.with_suffix(".chain").write_text(path.read_text() + issuer.stdout)

    good, revoked = (said(site, *verify, path.with_suffix(".chain")) for path in (site.good, site.revoked))
    assert good.returncode == 0, good.stdout
    assert revoked.returncode != 0
    assert "revoked" in revoked.stdout


def test_java_builds_the_chain_and_fetches_the_crls_by_the_pointers(site: Site) -> None:
    """Java's PKIX, given the client's certificate and the root, fetches the issuing CA's certificate and all CRLs: the
    good certificate passes, the other is revoked.
    """
    command = ["java", "-Dcom.sun.security.enableCRLDP=true", "-Dcom.sun.security.enableAIAcaIssuers=true", JAVA]

    assert said(site, *command, "root.pem", site.good).stdout.strip() == "good"
    assert said(site, *command, "root.pem", site.revoked).stdout.strip() == "REVOKED"


def test_java_asks_the_responder_that_the_certificate_names(site: Site) -> None:
    """Java's PKIX with OCSP alone, and no CRL to fall back on, gets its answers at the URL in the certificate."""
    command = ["java", "-Dcom.sun.security.enableAIAcaIssuers=true", JAVA]

    assert said(site, *command, "root.pem", site.good, "ocsp").stdout.strip() == "good"
    assert said(site, *command, "root.pem", site.revoked, "ocsp").stdout.strip() == "REVOKED"


def test_openssl_asks_the_responder_that_the_certificate_names(site: Site) -> None:
    """OpenSSL reads the responder's URL out of the certificate and verifies its answers; an issuing CA names none."""
    (shown,) = urls(read(site.good), AuthorityInformationAccessOID.OCSP)
    assert said(site, "openssl", "x509", "-in", site.good, "-noout", "-ocsp_uri").stdout.strip() == shown
    assert urls(read(site.directory / "issuing.pem"), AuthorityInformationAccessOID.OCSP) == []
    command = ["openssl", "ocsp", "-url", shown, "-issuer", "issuing.pem", "-CAfile", "root.pem"]

    for path, status in ((site.good, "good"), (site.revoked, "revoked")):
        answer = said(site, *command, "-verify_other", "issuing.pem", "-cert", path)
        assert "Response verify OK" in answer.stderr
        assert f"{path}: {status}" in answer.stdout


@pytest.mark.parametrize("name", ["", "0" * 64, "A" * 64, "zz", "%00", "../crl"])
def test_unknown_ca_is_not_found(site: Site, name: str) -> None:
    """A name that is no CA's is answered 404, whatever it is."""
    assert httpx2.get(f"{site.server.urls['pki']}/ca/{name}.crt").status_code == 404


def test_renewed_certificates_have_pointers_and_keep_the_issuers(site: Site, tmp_path: Path) -> None:
    """A certificate of the same issuer has the same pointers, whoever it is for; no two issuers share them."""
    other = read(alone(enroll(site.server, "another", tmp_path), tmp_path / "another.pem"))
    issuing = read(site.directory / "issuing.pem")

    assert (crl_url(other), issuer_url(other)) == (crl_url(read(site.good)), issuer_url(read(site.good)))
    assert crl_url(other) != crl_url(issuing)
    assert issuer_url(other) != issuer_url(issuing)
