"""CRLs of a running server, before other people's verifiers."""

import json
import shutil
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx2
import pysqlite3.dbapi2 as driver
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.console import administrator, visitor
from tests.support.server import Identity, Server

REVOKE = """mutation ($serial: String!, $reason: RevocationReason!) {
    result: revokeCertificate(serial: $serial, reason: $reason) { serial }
}"""
JAVA = Path(__file__).parents[1] / "drivers" / "java" / "Revocation.java"
# What is promised; a round of the server is much shorter.
PUBLISHED_SECONDS = 60.0
DAY_MICROSECONDS = 24 * 3600 * 1_000_000


def leaf(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificates(identity.chain.read_bytes())[0]


def get(server: Server, name: str, **headers: str) -> httpx2.Response:
    return httpx2.get(
        f"{server.urls['pki']}/{name}", headers={each.replace("_", "-"): headers[each] for each in headers}
    )


def crl(server: Server, name: str = "issuing.crl") -> x509.CertificateRevocationList:
    """The CRL, once there is one."""
    deadline = time.monotonic() + PUBLISHED_SECONDS
    while (answer := get(server, name)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    assert answer.status_code == 200, answer.text
    return x509.load_der_x509_crl(answer.content)


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def enroll(server: Server, name: str, directory: Path) -> Identity:
    return server.enroll(server.token(server.application(name)), directory / name)


def revoke(server: Server, identity: Identity, reason: str = "keyCompromise") -> int:
    serial = leaf(identity).serial_number
    server.administer(REVOKE, {"serial": f"{serial:x}", "reason": reason})
    return serial


def listing(server: Server, serial: int) -> x509.CertificateRevocationList:
    """The CRL that lists the certificate; it comes within a minute."""
    deadline = time.monotonic() + PUBLISHED_SECONDS
    while (found := crl(server)).get_revoked_certificate_by_serial_number(serial) is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


class Site(NamedTuple):
    """A good and a revoked certificate, and the CRLs as files."""

    directory: Path
    good: Identity
    revoked: Identity


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Site:
    directory = tmp_path_factory.mktemp("crl")
    good, revoked = enroll(server, "crl-good", directory), enroll(server, "crl-revoked", directory)
    lists = {"issuing": listing(server, revoke(server, revoked)), "root": crl(server, "root.crl")}
    for name, found in lists.items():
        (directory / f"{name}.crl").write_bytes(found.public_bytes(Encoding.DER))
        (directory / f"{name}.crl.pem").write_bytes(found.public_bytes(Encoding.PEM))
        shutil.copy(server.data / "ca" / f"{name}.pem", directory)
    return Site(directory, good, revoked)


def said(site: Site, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=site.directory, capture_output=True, text=True, timeout=120, check=False)


def test_revocation_is_published_with_its_reason(server: Server, site: Site) -> None:
    """Within a minute after the revocation, the CRL lists the certificate with the reason that was given."""
    found = crl(server)
    entry = found.get_revoked_certificate_by_serial_number(leaf(site.revoked).serial_number)

    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert found.get_revoked_certificate_by_serial_number(leaf(site.good).serial_number) is None
    assert found.next_update_utc is not None
    assert found.next_update_utc - found.last_update_utc == timedelta(days=7)


def test_openssl_verifies_crls_and_chains_by_them(site: Site) -> None:
    """OpenSSL verifies both CRLs, accepts the good certificate with both of them, and refuses the revoked one."""
    for name, signer in (("issuing", "issuing"), ("root", "root")):
        checked = said(
            site, "openssl", "crl", "-in", f"{name}.crl.pem", "-verify", "-CAfile", f"{signer}.pem", "-noout"
        )
        assert "verify OK" in checked.stderr
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-crl_check_all",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "issuing.pem",
    ]
    command += ["-CRLfile", "issuing.crl.pem", "-CRLfile", "root.crl.pem"]

    assert said(site, *command, site.good.chain).returncode == 0
    refused = said(site, *command, site.revoked.chain)
    assert refused.returncode != 0
    assert "certificate revoked" in refused.stderr


def test_gnutls_verifies_the_crl_and_chains_by_it(site: Site) -> None:
    """GnuTLS verifies the CRL, and finds the revoked certificate in it and not the good one."""
    loaded = ["certtool", "--verify-crl", "--load-ca-certificate", "issuing.pem", "--infile", "issuing.crl.pem"]
    assert "Verified" in said(site, *loaded).stdout
    verify = ["certtool", "--verify", "--load-ca-certificate", "root.pem", "--load-crl", "issuing.crl.pem", "--infile"]

    good, revoked = said(site, *verify, site.good.chain), said(site, *verify, site.revoked.chain)
    assert good.returncode == 0
    assert revoked.returncode != 0
    assert "revoked" in revoked.stdout


def test_java_validates_chains_by_the_crls(site: Site) -> None:
    """Java's PKIX accepts the good certificate and finds the other revoked."""
    lists = ("issuing.crl", "root.crl")

    assert said(site, "java", JAVA, "root.pem", site.good.chain, *lists).stdout.strip() == "good"
    assert said(site, "java", JAVA, "root.pem", site.revoked.chain, *lists).stdout.strip() == "REVOKED"


def test_crl_has_the_names_of_http(server: Server) -> None:
    """It is served as application/pkix-crl by its own name and by that of its CA; whoever has it is told so."""
    answer = get(server, "issuing.crl")
    again = get(server, "issuing.crl", if_none_match=f'"other", {answer.headers["etag"]}')
    since = get(server, "issuing.crl", if_modified_since=answer.headers["last-modified"])
    other = get(server, "issuing.crl", if_none_match='"other"', if_modified_since=answer.headers["last-modified"])

    assert answer.headers["content-type"] == "application/pkix-crl"
    assert answer.headers["cache-control"] == "public, max-age=30, must-revalidate"
    assert (again.status_code, again.content, since.status_code, other.status_code) == (304, b"", 304, 200)
    assert again.headers["etag"] == answer.headers["etag"]
    with server.anonymous() as client:
        public = client._http.get(f"{server.urls['public']}/pki/issuing.crl")  # noqa: SLF001 - the answer as it came
    assert public.content == answer.content
    head = httpx2.head(f"{server.urls['pki']}/issuing.crl")
    assert (head.status_code, head.content) == (200, b"")
    assert httpx2.post(f"{server.urls['pki']}/issuing.crl").status_code == 405


@pytest.mark.parametrize("text", ["yesterday", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_date_that_is_none_is_ignored(server: Server, text: str) -> None:
    """An If-Modified-Since that is no date is ignored (RFC 9110 13.1.3)."""
    crl(server)

    assert get(server, "issuing.crl", if_modified_since=text).status_code == 200


def test_command_and_console_say_what_the_crl_says(server: Server, site: Site) -> None:
    """Of a good certificate the CRL says nothing, of the revoked one that it is, and why; with its number and times."""
    administrator(server, "crl-viewer", "viewer")
    good, revoked = leaf(site.good), leaf(site.revoked)
    before = number(crl(server))
    shown = [
        json.loads(server.command("certificate", "show", f"{each.serial_number:x}", "--json").stdout)
        for each in (good, revoked)
    ]
    with visitor(server, "crl-viewer") as made:
        pages = [
            made.get(f"/console/t/default/certificates/{each.fingerprint(SHA256()).hex()}").text
            for each in (good, revoked)
        ]
    after = crl(server)

    assert [each["crl"] for each in shown] == ["not listed", "listed"]
    assert shown[1]["crlReason"] == "keyCompromise"
    assert "The CRL does not list it." in pages[0]
    assert "The CRL lists it as revoked: keyCompromise." in pages[1]
    if number(after) == before:
        assert {each["crlNumber"] for each in shown} == {before}
        assert all(f"Number {before}, made at" in page for page in pages)
        made_at, ends_at = (datetime.fromisoformat(shown[0][name]) for name in ("crlMadeAt", "crlEndsAt"))
        assert (made_at, ends_at) == (after.last_update_utc, after.next_update_utc)


@pytest.mark.parametrize(
    "name", ["crl/.crl", f"crl/{'0' * 64}.crl", f"crl/{'A' * 64}.crl", "crl/zz.crl", "crl/%00.crl"]
)
def test_unknown_crl_is_not_found(server: Server, name: str) -> None:
    """A name that is no CA's is answered 404, whatever it is."""
    answer = get(server, name)

    assert answer.status_code == 404
    assert answer.json()["errors"]


def test_number_grows_over_restart_and_restore(fresh_server: Server, tmp_path: Path) -> None:
    """No restart and no restored backup brings a lower number; a revocation stays in the CRL after a restart."""
    fresh_server.start()
    first = crl(fresh_server)
    fresh_server.command("db", "backup", str(tmp_path / "backup.db"))
    serial = revoke(fresh_server, enroll(fresh_server, "shop", tmp_path), "unspecified")
    second = listing(fresh_server, serial)
    fresh_server.kill()
    fresh_server.start()
    third = listing(fresh_server, serial)
    while number(third) == number(second):
        third = listing(fresh_server, serial)
    fresh_server.stop()
    for each in fresh_server.data.glob("connector.db*"):
        each.unlink()
    shutil.copy(tmp_path / "backup.db", fresh_server.data / "connector.db")
    fresh_server.start()
    deadline = time.monotonic() + PUBLISHED_SECONDS
    while number(fourth := crl(fresh_server)) == number(first):
        assert time.monotonic() < deadline

    assert number(first) < number(second) < number(third) < number(fourth)
    entry = third.get_revoked_certificate_by_serial_number(serial)
    assert entry is not None
    assert len(entry.extensions) == 0


def test_crl_of_a_root_whose_key_was_put_away_is_served_and_reported(fresh_server: Server) -> None:
    """The root's CRL is served without the root's key. When it should have been replaced, the readiness says so; when
    it has ended, it is no longer served.
    """
    fresh_server.start()
    before = crl(fresh_server, "root.crl")
    fresh_server.stop()
    (fresh_server.data / "ca" / "root.key").unlink()
    fresh_server.start()
    assert crl(fresh_server, "root.crl") == before
    assert "warnings" not in httpx2.get(f"{fresh_server.urls['internal']}/readyz").json()

    for days, warning, status in ((300, "overdue", 200), (100, "no longer served", 503)):
        fresh_server.stop()
        make_older(fresh_server, before, days)
        fresh_server.start()
        deadline = time.monotonic() + PUBLISHED_SECONDS
        while not (told := httpx2.get(f"{fresh_server.urls['internal']}/readyz").json().get("warnings")):
            assert time.monotonic() < deadline
        assert [warning in each and "Root" in each for each in told] == [True]
        assert get(fresh_server, "root.crl").status_code == status


def make_older(server: Server, found: x509.CertificateRevocationList, days: int) -> None:
    """Let the record of this CRL be from days earlier."""
    with driver.connect(server.data / "connector.db") as connection:
        moved = "UPDATE crls SET this_update = this_update - ?, next_update = next_update - ? WHERE number = ?"
        of_root = " AND der = ?"
        given = (days * DAY_MICROSECONDS, days * DAY_MICROSECONDS, number(found), found.public_bytes(Encoding.DER))
        assert connection.execute(moved + of_root, given).rowcount == 1
    connection.close()
