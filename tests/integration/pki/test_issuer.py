"""Issuers: what they sign, how long it is valid, and the check that nothing else leaves."""

import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.csr import COMMON_NAME, POLICY, SUBJECT, PrivateKey, make_csr, send, verify
from tests.support.issuing import DAY, HOLDER, PROFILE, issue, issuer_pem, make_issuer, root_pem

from connector.pki.authority import Authority, Content, ProfileViolation
from connector.pki.csr import VerifiedRequest
from connector.pki.exact import WrongSignature, check
from connector.pki.extensions import KeyUsage, Pointers, Purpose
from connector.pki.general_names import GeneralName, NameKind
from connector.pki.issuer import Issuer, serial_number
from connector.pki.plan import Plan, Subject
from connector.pki.profile import plan_server
from connector.pki.signatures import encoded_key
from connector.pki.signer import KeySigner
from connector.web import chains

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def request_for(key: PrivateKey) -> VerifiedRequest:
    """A verified request for the key."""
    return verify(send(make_csr(key)), policy=POLICY, common_name=COMMON_NAME)


ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = make_issuer(now=NOW, key=ISSUER_KEY)
KEY = ec.generate_private_key(ec.SECP256R1())
REQUEST = request_for(KEY)


def openssl_verify(leaf: str, issuer: Issuer, directory: Path, purpose: str) -> subprocess.CompletedProcess[str]:
    """What openssl says of the leaf, at the time of the test's clock."""
    for name, text in (("leaf", leaf), ("issuing", issuer_pem(issuer)), ("root", root_pem(issuer))):
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
    issued = issue(ISSUER, REQUEST, profile=PROFILE, serial=0xABC, now=NOW)
    certificate = x509.load_der_x509_certificate(issued.der)
    public_key = KEY.public_key()
    point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    issuer_identifier = ISSUER.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    certificate.verify_directly_issued_by(ISSUER.certificate)
    assert certificate.version is x509.Version.v3
    assert certificate.serial_number == issued.plan.serial == 0xABC
    assert certificate.subject == SUBJECT.name(COMMON_NAME)
    assert certificate.public_key() == public_key
    assert certificate.not_valid_before_utc == issued.plan.not_before == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert certificate.not_valid_after_utc == issued.plan.not_after == datetime(2026, 5, 30, 12, tzinfo=UTC)
    assert {(extension.critical, extension.value) for extension in certificate.extensions} == {
        (True, x509.BasicConstraints(ca=False, path_length=None)),
        (True, x509.KeyUsage(True, *[False] * 8)),  # noqa: FBT003 - digitalSignature and none of the others
        (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        (False, x509.SubjectKeyIdentifier(sha1(point, usedforsecurity=False).digest())),
        (False, x509.AuthorityKeyIdentifier(issuer_identifier, None, None)),
    }


def test_issuer_is_named_by_its_certificate() -> None:
    """Its fingerprint is the SHA-256 of its certificate's DER."""
    assert ISSUER.fingerprint == ISSUER.certificate.fingerprint(hashes.SHA256())
    assert ISSUER.root_fingerprint == ISSUER.root.fingerprint(hashes.SHA256())


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
    issuer = make_issuer(kind, now=NOW)
    leaf = issue(issuer, request_for(key), profile=PROFILE, serial=serial_number(b"\xff" * 16, now=NOW), now=NOW).pem

    good = openssl_verify(leaf, issuer, tmp_path, "sslclient")
    assert good.returncode == 0, good.stderr
    assert openssl_verify(leaf, issuer, tmp_path, "sslserver").returncode != 0


def test_validity_stays_within_the_issuers() -> None:
    """A certificate neither begins before its issuer nor outlives it."""
    issuer = make_issuer(now=NOW, validity=10 * DAY)
    wide = replace(PROFILE, validity=90 * DAY, backdate=DAY)

    issued = issue(issuer, REQUEST, profile=wide, serial=1, now=NOW)

    assert issued.plan.not_before == issuer.certificate.not_valid_before_utc
    assert issued.plan.not_after == issuer.certificate.not_valid_after_utc


@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 1826 * DAY])
def test_issuer_outside_its_validity_issues_nothing(now: datetime) -> None:
    """Before and after its own validity an issuer refuses."""
    with pytest.raises(ProfileViolation, match="not valid now"):
        issue(ISSUER, REQUEST, profile=PROFILE, serial=1, now=now)


def test_any_time_zone_is_the_same_moment() -> None:
    """The time may come in any zone; certificates are in UTC."""
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    here = issue(ISSUER, REQUEST, profile=PROFILE, serial=1, now=NOW)

    assert issue(ISSUER, REQUEST, profile=PROFILE, serial=1, now=there).plan.not_after == here.plan.not_after


def test_validity_beyond_2049(tmp_path: Path) -> None:
    """From 2050 on the times are GeneralizedTime (RFC 5280 4.1.2.5), in the certificate as in the check."""
    issuer = make_issuer(validity=3650 * DAY, now=datetime(2049, 12, 1, tzinfo=UTC))

    issued = issue(issuer, REQUEST, profile=PROFILE, serial=1, now=datetime(2049, 12, 1, tzinfo=UTC))

    assert issued.plan.not_after == datetime(2050, 3, 1, tzinfo=UTC)
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


AUTHORITY = ISSUER.authority
PLAN = PROFILE.plan(REQUEST, HOLDER, authority=AUTHORITY, serial=77, now=NOW)


def seal(plan: Plan, key: ec.EllipticCurvePrivateKey = ISSUER_KEY) -> bytes:
    """The planned certificate, signed outside the issuer."""
    octets = plan.to_be_signed()
    return plan.signed(octets, key.sign(octets, ec.ECDSA(hashes.SHA256())))


def test_check_passes_what_was_planned() -> None:
    """The planned certificate, signed by the issuer, passes."""
    check(seal(PLAN), PLAN)


Change = Callable[[Plan], Plan]
OTHER = request_for(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda plan: replace(plan, serial=78), "serial number"),
        (lambda plan: replace(plan, not_before=plan.not_before - timedelta(seconds=1)), "validity"),
        (lambda plan: replace(plan, not_after=plan.not_after + timedelta(seconds=1)), "validity"),
        (lambda plan: replace(plan, subject=replace(plan.subject, encoded=SUBJECT.encoded("victim"))), "subject"),
        (lambda plan: replace(plan, spki=OTHER.spki), "SPKI"),
        (lambda plan: replace(plan, authority=Authority.of(ISSUER.root)), "issuer"),
        (lambda plan: replace(plan, names=(GeneralName(NameKind.DNS, "a.example"),)), "extensions"),
        (lambda plan: replace(plan, content=replace(plan.content, purposes=(Purpose.SERVER_AUTH,))), "extensions"),
        (lambda plan: replace(plan, content=replace(plan.content, purposes=())), "extensions"),
        (lambda plan: replace(plan, content=replace(plan.content, ca=True)), "extensions"),
        (
            lambda plan: replace(plan, content=replace(plan.content, pointers=Pointers(crl=("http://a.example/c",)))),
            "extensions",
        ),
    ],
)
def test_check_refuses_another_field(change: Change, fault: str) -> None:
    """A certificate that differs from its plan in any field is refused by that field's name."""
    with pytest.raises(ProfileViolation, match=f"^{fault} is not as planned"):
        check(seal(change(PLAN)), PLAN)


@pytest.mark.parametrize(
    "wanted",
    [
        Content(frozenset((KeyUsage.DIGITAL_SIGNATURE,)), (Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH)),
        Content(frozenset((KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN)), ca=True, path_length=0),
        Content(frozenset((KeyUsage.CRL_SIGN,)), ca=True, path_length=300),
        Content(
            frozenset((KeyUsage.DIGITAL_SIGNATURE,)),
            (Purpose.CLIENT_AUTH,),
            Pointers(
                ("http://a.example/1.crl", "http://b.example/1.crl"),
                ("http://a.example/ocsp", "http://[2001:db8::1]:8080/"),
                ("http://a.example/ca.crt",),
            ),
        ),
    ],
)
@pytest.mark.parametrize("has_subject", [True, False])
def test_every_part_of_a_profile_is_written_as_the_library_writes_it(wanted: Content, *, has_subject: bool) -> None:
    """What we write by hand and what the library makes of the same values are the same octets, for every part."""
    empty = Subject(b"\x30\x00", x509.Name([]))
    names = (
        GeneralName(NameKind.DNS, "a.example"),
        GeneralName(NameKind.IP, "192.0.2.1"),
        GeneralName(NameKind.IP, "2001:db8::1"),
        GeneralName(NameKind.URI, "spiffe://a.example/b"),
        GeneralName(NameKind.EMAIL, "a.b+c@a.example"),
    )
    plan = replace(PLAN, content=wanted, names=names, subject=PLAN.subject if has_subject else empty)

    check(seal(plan), plan)
    names_read = x509.load_der_x509_certificate(seal(plan)).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names_read.critical is not has_subject
    assert len(names_read.value) == len(names)


def test_check_refuses_another_signer_or_digest() -> None:
    """The signature is the issuer's own, by the issuer's algorithm."""
    with pytest.raises(WrongSignature):
        check(seal(PLAN, ec.generate_private_key(ec.SECP256R1())), PLAN)
    octets = PLAN.to_be_signed()
    with pytest.raises(WrongSignature):
        check(PLAN.signed(octets, ISSUER_KEY.sign(octets, ec.ECDSA(hashes.SHA384()))), PLAN)
    with pytest.raises(ProfileViolation, match="signature algorithm"):
        check(seal(replace(PLAN, authority=make_issuer("p384", now=NOW).authority)), PLAN)


def test_check_refuses_a_plan_outside_the_issuers_validity() -> None:
    """What was planned wrongly is refused too, though it was signed as planned."""
    for wrong in (
        replace(PLAN, not_after=AUTHORITY.last + timedelta(seconds=1)),
        replace(PLAN, not_before=AUTHORITY.first - timedelta(seconds=1)),
    ):
        with pytest.raises(ProfileViolation, match=r"^validity "):
            check(seal(wrong), wrong)


def server_plan(names: list[str], validity: timedelta = 30 * DAY) -> Plan:
    """A plan for our own server's certificate."""
    spki = encoded_key(KEY.public_key())
    return plan_server(spki, names, authority=AUTHORITY, validity=validity, serial=9, now=NOW)


def test_server_certificate(tmp_path: Path) -> None:
    """Our server's certificate holds DNS names and addresses, and openssl takes it for a server's only."""
    names = ["connector.example", "localhost", "127.0.0.1", "::1"]
    certificate = x509.load_der_x509_certificate(ISSUER.sign(server_plan(names)))
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
    certificate = x509.load_der_x509_certificate(ISSUER.sign(server_plan([name])))

    assert certificate.subject == x509.Name([])
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize("names", [[], [""], ["a b"], ["a..b"], ["-a"], ["a,b"], ["ä.example"], ["x" * 64], ["a\n"]])
def test_server_names_are_dns_names_or_addresses(names: list[str]) -> None:
    """Anything else is refused at start."""
    with pytest.raises(ValueError, match="name"):
        server_plan(names, DAY)


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
    other = make_issuer(now=NOW)
    leaf = x509.load_der_x509_certificate(issue(ISSUER, REQUEST, profile=PROFILE, serial=1, now=NOW).der)

    with pytest.raises(ValueError, match="the key is not that of"):
        Issuer(ISSUER.certificate, other.signer, ISSUER.root)
    with pytest.raises(ValueError, match="not signed by the root"):
        Issuer(ISSUER.certificate, ISSUER.signer, other.root)
    with pytest.raises(ValueError, match="not signed by the root"):
        Issuer(ISSUER.certificate, ISSUER.signer, ISSUER.certificate)
    with pytest.raises(ValueError, match="not one of a CA"):
        Issuer(leaf, KeySigner(KEY), ISSUER.root)
    with pytest.raises(ValueError, match="not one of a CA"):
        Issuer(ISSUER.certificate, ISSUER.signer, leaf)


def test_issuers_key_is_not_shown() -> None:
    """An issuer's representation holds nothing of its key."""
    assert "igner" not in repr(ISSUER)


def test_unknown_kind_of_key() -> None:
    """Only the named kinds are made."""
    with pytest.raises(ValueError, match="p256, p384, rsa3072, rsa4096"):
        KeySigner.generate("rsa1024")


def test_chain_of_the_contract() -> None:
    """Three texts of base64 on one line: the leaf, the issuing CA, and both, leaf first."""
    issued = issue(ISSUER, REQUEST, profile=PROFILE, serial=1, now=NOW)
    leaf, issuing, both = (b64decode(text, validate=True) for text in chains.encode(issued.der, [ISSUER.der]))

    assert leaf.decode() == issued.pem
    assert issuing.decode() == issuer_pem(ISSUER)
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
