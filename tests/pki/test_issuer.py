"""Issuers: what they sign, how long it is valid, and the check that nothing else leaves."""

import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1, sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.csr import COMMON_NAME, POLICY, SUBJECT, PrivateKey, make_csr, send

from connector.pki import chain
from connector.pki.csr import VerifiedRequest, verify
from connector.pki.issuer import Issuer, generate_key, make_issuing, make_root, serial_number
from connector.pki.profile import CACertificate, ClientPlan, ClientProfile, ProfileViolation, check_client

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROFILE = ClientProfile()
DAY = timedelta(days=1)


def make_issuer(kind: str = "p256", *, validity: timedelta = 1825 * DAY, now: datetime = NOW) -> Issuer:
    """An issuer under a root of its own."""
    root_key, key = generate_key("p256"), generate_key(kind)
    root = make_root(root_key, common_name="Root", validity=3650 * DAY, serial=1, now=now)
    certificate = make_issuing(
        root, root_key, key.public_key(), common_name="Issuing", validity=validity, serial=2, now=now
    )
    return Issuer(certificate, key, root)


def request_for(key: PrivateKey) -> VerifiedRequest:
    """A verified request for the key."""
    return verify(send(make_csr(key)), policy=POLICY, common_name=COMMON_NAME)


ISSUER = make_issuer()
KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = request_for(KEY)


def openssl_verify(leaf: str, issuer: Issuer, directory: Path, purpose: str) -> subprocess.CompletedProcess[str]:
    """What openssl says of the leaf, at the time of the test's clock."""
    for name, text in (("leaf", leaf), ("issuing", issuer.pem), ("root", issuer.root_pem)):
        (directory / name).write_text(text)
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", purpose]
    return subprocess.run(
        [*command, "-CAfile", directory / "root", "-untrusted", directory / "issuing", directory / "leaf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_client_certificate_is_the_profile() -> None:
    """Subject, key, validity and exactly five extensions, with their criticality."""
    issued = ISSUER.issue(REQUEST, profile=PROFILE, serial=0xABC, now=NOW)
    certificate = x509.load_der_x509_certificate(issued.der)
    public_key = KEY.public_key()
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    issuer_identifier = ISSUER.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    certificate.verify_directly_issued_by(ISSUER.certificate)
    assert certificate.version is x509.Version.v3
    assert certificate.serial_number == issued.serial == 0xABC
    assert certificate.subject == SUBJECT.name(COMMON_NAME)
    assert certificate.public_key() == public_key
    assert certificate.not_valid_before_utc == issued.not_before == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert certificate.not_valid_after_utc == issued.not_after == datetime(2026, 5, 30, 12, tzinfo=UTC)
    assert {(extension.critical, extension.value) for extension in certificate.extensions} == {
        (True, x509.BasicConstraints(ca=False, path_length=None)),
        (True, x509.KeyUsage(True, *[False] * 8)),  # noqa: FBT003 - digitalSignature and none of the others
        (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        (False, x509.SubjectKeyIdentifier(sha1(point, usedforsecurity=False).digest())),
        (False, x509.AuthorityKeyIdentifier(issuer_identifier, None, None)),
    }


def test_issued_names_the_certificate_and_the_key() -> None:
    """The fingerprint is the SHA-256 of the DER, the key's that of the SPKI; the PEM is the DER's."""
    issued = ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=NOW)

    assert issued.fingerprint == sha256(issued.der).digest()
    assert issued.key == sha256(REQUEST.spki).digest()
    assert issued.pem.encode() == x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)
    assert ISSUER.fingerprint == ISSUER.certificate.fingerprint(hashes.SHA256())


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa3072"])
@pytest.mark.parametrize(
    "key",
    [
        KEY,
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-256", "P-521", "RSA", "Ed25519"],
)
def test_openssl_takes_it_for_a_client_and_nothing_else(kind: str, key: PrivateKey, tmp_path: Path) -> None:
    """Under every kind of issuer, and for every kind of key, openssl verifies a client, and refuses a server."""
    issuer = make_issuer(kind)
    leaf = issuer.issue(request_for(key), profile=PROFILE, serial=serial_number(b"\xff" * 16, now=NOW), now=NOW).pem

    good = openssl_verify(leaf, issuer, tmp_path, "sslclient")
    assert good.returncode == 0, good.stderr
    assert openssl_verify(leaf, issuer, tmp_path, "sslserver").returncode != 0


def test_validity_stays_within_the_issuers() -> None:
    """A certificate neither begins before its issuer nor outlives it."""
    issuer = make_issuer(validity=10 * DAY)
    wide = ClientProfile(validity=90 * DAY, backdate=DAY)

    issued = issuer.issue(REQUEST, profile=wide, serial=1, now=NOW)

    assert issued.not_before == issuer.certificate.not_valid_before_utc
    assert issued.not_after == issuer.certificate.not_valid_after_utc


@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 1826 * DAY])
def test_issuer_outside_its_validity_issues_nothing(now: datetime) -> None:
    """Before and after its own validity an issuer refuses."""
    with pytest.raises(ProfileViolation, match="not valid now"):
        ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=now)


def test_any_time_zone_is_the_same_moment() -> None:
    """The time may come in any zone; certificates are in UTC."""
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    here = ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=NOW)

    assert ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=there).not_after == here.not_after


def test_validity_beyond_2049(tmp_path: Path) -> None:
    """From 2050 on the times are GeneralizedTime (RFC 5280 4.1.2.5), in the certificate as in the check."""
    issuer = make_issuer(validity=3650 * DAY, now=datetime(2049, 12, 1, tzinfo=UTC))

    issued = issuer.issue(REQUEST, profile=PROFILE, serial=1, now=datetime(2049, 12, 1, tzinfo=UTC))

    assert issued.not_after == datetime(2050, 3, 1, tzinfo=UTC)
    (tmp_path / "leaf").write_text(issued.pem)
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", tmp_path / "leaf"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert shown.count("UTCTIME") == 1
    assert shown.count("GENERALIZEDTIME") == 1


@given(st.binary(min_size=16, max_size=16).filter(any), st.datetimes(timezones=st.just(UTC)))
def test_serial_number_is_positive_and_fits(octets: bytes, now: datetime) -> None:
    """A serial number is positive, and its DER holds at most 20 octets; nothing of the randomness is lost."""
    number = serial_number(octets, now=now)

    assert 0 < number < 1 << 159
    assert number.to_bytes(20)[4:] == octets


@given(st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=16, max_size=16).filter(any))
def test_serial_numbers_stand_in_the_order_of_their_times(earlier: bytes, later: bytes) -> None:
    """Of two that are made more than two seconds apart the later one is greater, as a number and as it is stored."""
    first, second = serial_number(earlier, now=NOW), serial_number(later, now=NOW + timedelta(seconds=2))

    assert first < second
    assert f"{first:x}" < f"{second:x}"


@pytest.mark.parametrize("octets", [b"", b"\1" * 15, b"\1" * 17, bytes(16)])
def test_serial_number_takes_16_random_octets(octets: bytes) -> None:
    """Less, more, or none at all is a fault of the source."""
    with pytest.raises(ValueError, match="16 random octets"):
        serial_number(octets, now=NOW)


def plan() -> tuple[CACertificate, ClientPlan]:
    """A plan under the issuer."""
    ca = CACertificate(ISSUER.certificate)
    return ca, PROFILE.plan(REQUEST, ca=ca, serial=77, now=NOW)


def test_check_passes_what_was_planned() -> None:
    """The planned certificate, signed by the issuer, passes."""
    ca, planned = plan()

    check_client(planned.builder().sign(ISSUER.key, ca.algorithm.digest), planned)


Change = Callable[[ClientPlan], ClientPlan]
OTHER = request_for(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda planned: replace(planned, serial=78), "serial number"),
        (lambda planned: replace(planned, not_before=planned.not_before - timedelta(seconds=1)), "validity"),
        (lambda planned: replace(planned, not_after=planned.not_after + timedelta(seconds=1)), "validity"),
        (lambda planned: replace(planned, request=replace(REQUEST, subject=SUBJECT.name("victim"))), "subject"),
        (lambda planned: replace(planned, request=replace(OTHER, spki=REQUEST.spki)), "SPKI"),
        (lambda planned: replace(planned, request=OTHER), "SPKI"),
        (lambda planned: replace(planned, ca=CACertificate(ISSUER.root)), "issuer"),
    ],
)
def test_check_refuses_another_field(change: Change, fault: str) -> None:
    """A certificate that differs from its plan in any field is refused by that field's name."""
    ca, planned = plan()

    with pytest.raises(ProfileViolation, match=f"^{fault} is not as planned"):
        check_client(change(planned).builder().sign(ISSUER.key, ca.algorithm.digest), planned)


@pytest.mark.parametrize(
    "extension",
    [
        x509.SubjectAlternativeName([x509.DNSName("a.example")]),
        x509.OCSPNoCheck(),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""),
    ],
)
def test_check_refuses_one_more_extension(extension: x509.ExtensionType) -> None:
    """Nothing is added to the profile."""
    ca, planned = plan()
    certificate = planned.builder().add_extension(extension, critical=False).sign(ISSUER.key, ca.algorithm.digest)

    with pytest.raises(ProfileViolation, match="extensions"):
        check_client(certificate, planned)


@pytest.mark.parametrize(
    ("usages", "critical"),
    [((ExtendedKeyUsageOID.SERVER_AUTH,), False), ((ExtendedKeyUsageOID.CLIENT_AUTH,), True), ((), False)],
)
def test_check_refuses_other_purposes(usages: tuple[x509.ObjectIdentifier, ...], *, critical: bool) -> None:
    """Another purpose, the purpose as critical, or none: nobody else's tool would notice the last."""
    ca, planned = plan()
    builder = (
        ca.builder()
        .subject_name(REQUEST.subject)
        .public_key(REQUEST.public_key)
        .serial_number(planned.serial)
        .not_valid_before(planned.not_before)
        .not_valid_after(planned.not_after)
    )
    good = planned.builder().sign(ISSUER.key, ca.algorithm.digest)
    for extension in good.extensions:
        if not isinstance(extension.value, x509.ExtendedKeyUsage):
            builder = builder.add_extension(extension.value, critical=extension.critical)
        elif usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)

    with pytest.raises(ProfileViolation, match="extensions"):
        check_client(builder.sign(ISSUER.key, ca.algorithm.digest), planned)


def test_check_refuses_another_signer_or_digest() -> None:
    """The signature is the issuer's own, by the issuer's algorithm."""
    ca, planned = plan()
    stranger = ec.generate_private_key(ec.SECP256R1())

    with pytest.raises(ProfileViolation, match="signature is not the issuer's"):
        check_client(planned.builder().sign(stranger, ca.algorithm.digest), planned)
    with pytest.raises(ProfileViolation, match="signature algorithm"):
        check_client(planned.builder().sign(ISSUER.key, hashes.SHA384()), planned)


def test_check_refuses_a_plan_outside_the_issuers_validity() -> None:
    """What was planned wrongly is refused too, though it was signed as planned."""
    ca, planned = plan()
    last = ca.certificate.not_valid_after_utc
    for wrong in (
        replace(planned, not_after=last + timedelta(seconds=1)),
        replace(planned, not_before=ca.certificate.not_valid_before_utc - timedelta(seconds=1)),
    ):
        with pytest.raises(ProfileViolation, match=r"^validity "):
            check_client(wrong.builder().sign(ISSUER.key, ca.algorithm.digest), wrong)


def test_server_certificate(tmp_path: Path) -> None:
    """Our server's certificate holds DNS names and addresses, and openssl takes it for a server's only."""
    names = ["connector.example", "localhost", "127.0.0.1", "::1"]
    certificate = ISSUER.issue_server(KEY.public_key(), names, validity=30 * DAY, serial=9, now=NOW)
    leaf = certificate.public_bytes(Encoding.PEM).decode()
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)

    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "connector.example"
    assert alternative.value.get_values_for_type(x509.DNSName) == names[:2]
    assert [str(address) for address in alternative.value.get_values_for_type(x509.IPAddress)] == names[2:]
    assert openssl_verify(leaf, ISSUER, tmp_path, "sslserver").returncode == 0
    assert openssl_verify(leaf, ISSUER, tmp_path, "sslclient").returncode != 0


def test_server_name_too_long_for_a_common_name() -> None:
    """Then the subject is empty and the alternative names are critical (RFC 5280 4.1.2.6)."""
    name = "a" * 60 + ".example.org"
    certificate = ISSUER.issue_server(KEY.public_key(), [name], validity=30 * DAY, serial=9, now=NOW)

    assert certificate.subject == x509.Name([])
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize("names", [[], [""], ["a b"], ["a..b"], ["-a"], ["a,b"], ["ä.example"], ["x" * 64], ["a\n"]])
def test_server_names_are_dns_names_or_addresses(names: list[str]) -> None:
    """Anything else is refused at start."""
    with pytest.raises(ValueError, match="name"):
        ISSUER.issue_server(KEY.public_key(), names, validity=DAY, serial=9, now=NOW)


def test_ca_certificates() -> None:
    """Root and issuing CA: critical CA:TRUE, keyCertSign and cRLSign; below the issuing one there is no CA."""
    for certificate, path_length in ((ISSUER.root, None), (ISSUER.certificate, 0)):
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=path_length)
        assert usage.critical
        assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)
    assert ISSUER.certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_issuer_checks_its_parts() -> None:
    """A key, a certificate or a root that does not belong to the others is refused."""
    other = make_issuer()
    leaf = x509.load_der_x509_certificate(ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=NOW).der)

    with pytest.raises(ValueError, match="the key is not that of"):
        Issuer(ISSUER.certificate, other.key, ISSUER.root)
    with pytest.raises(ValueError, match="not signed by the root"):
        Issuer(ISSUER.certificate, ISSUER.key, other.root)
    with pytest.raises(ValueError, match="not signed by the root"):
        Issuer(ISSUER.certificate, ISSUER.key, ISSUER.certificate)
    with pytest.raises(ValueError, match="not one of a CA"):
        Issuer(leaf, KEY, ISSUER.root)
    with pytest.raises(ValueError, match="not one of a CA"):
        Issuer(ISSUER.certificate, ISSUER.key, leaf)


def test_issuers_key_is_not_shown() -> None:
    """An issuer's representation holds nothing of its key."""
    assert "key" not in repr(ISSUER)


def test_unknown_kind_of_key() -> None:
    """Only the named kinds are made."""
    with pytest.raises(ValueError, match="p256, p384, rsa3072, rsa4096"):
        generate_key("rsa1024")


def test_chain_of_the_contract() -> None:
    """Three texts of base64 on one line: the leaf, the issuing CA, and both, leaf first."""
    issued = ISSUER.issue(REQUEST, profile=PROFILE, serial=1, now=NOW)
    leaf, issuing, both = (b64decode(text, validate=True) for text in chain.encode(issued.der, ISSUER.pem))

    assert leaf.decode() == issued.pem
    assert issuing.decode() == ISSUER.pem
    assert x509.load_pem_x509_certificates(both) == [x509.load_der_x509_certificate(issued.der), ISSUER.certificate]


def test_processes_forked_from_one_never_sign_with_the_same_nonce() -> None:
    """What workers draw at random is each one's own, though all begin as copies of one process: two ECDSA signatures
    with one nonce would give the issuer's key away (RFC 6979 1). Nor do they draw the same serial number or id.
    """
    script = (
        "import os\n"
        "from secrets import token_bytes\n"
        "from uuid import uuid4\n"
        "from cryptography.hazmat.primitives.asymmetric import ec, utils\n"
        "from cryptography.hazmat.primitives.hashes import SHA256\n"
        "key = ec.generate_private_key(ec.SECP256R1())\n"
        "key.sign(b'before', ec.ECDSA(SHA256()))\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        drawn = [utils.decode_dss_signature(key.sign(b'', ec.ECDSA(SHA256())))[0] for _ in range(50)]\n"
        "        drawn += [ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value]\n"
        "        os.write(1, ' '.join([*map(str, drawn), token_bytes(20).hex(), uuid4().hex, '']).encode())\n"
        "        os._exit(0)\n"
        "for _ in range(4): os.wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    drawn = done.stdout.split()
    assert len(drawn) == 4 * 53
    assert len(set(drawn)) == len(drawn)
