"""Profiles: what the first version issued, SPIFFE ids, and what a profile may ask for."""

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from hypothesis import given
from hypothesis import strategies as st
from spiffe import SpiffeId, X509Svid
from tests.support.csr import COMMON_NAME, POLICY, PrivateKey, make_csr, send, verify
from tests.support.issuing import HOLDER, PROFILE, issue, issuer_pem, make_issuer, root_pem

from connector.domain.directory import EntityKind
from connector.domain.refusals.csr import BadCSR, CSRExtensionRefused, CSRKeyRefused
from connector.pki import der, exact, keys
from connector.pki.authority import Authority, ProfileViolation
from connector.pki.csr import CSRPolicy, VerifiedRequest
from connector.pki.extensions import Pointers
from connector.pki.general_names import GeneralName, NameKind, NamePattern
from connector.pki.keys import KeyKind
from connector.pki.names import SubjectPolicy
from connector.pki.plan import Plan
from connector.pki.profile import CLIENT, NewCA, Profile, plan_issuing, plan_root, plan_server, with_spiffe_id
from connector.pki.requested import UNGRANTED, Requested
from connector.pki.spiffe import check_trust_domain

RECORDED = json.loads((Path(__file__).parents[2] / "vectors" / "recorded" / "4828e57.json").read_text("utf-8"))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
SPIFFE_PROFILE = with_spiffe_id(PROFILE, "example.org")
SPIFFE_ID = f"spiffe://example.org/tenant/{HOLDER.tenant_id}/application/{HOLDER.owner_id}"


def authority_of(record: dict[str, Any]) -> Authority:
    """The issuer of a recorded certificate."""
    encoded = bytes.fromhex(RECORDED["authorities"][record["authority"]]["issuing"])
    return Authority.of(x509.load_der_x509_certificate(encoded))


def without_order(to_be_signed: bytes) -> set[bytes]:
    """A TBSCertificate's fields and extensions, each by its octets."""
    read = _fields(to_be_signed)
    return {*read[:-1], *_fields(_content(read[-1]))}


def _fields(sequence: bytes) -> list[bytes]:
    return [element.encoded for element in der.elements(der.unwrap(sequence, der.SEQUENCE))]


def _content(tagged: bytes) -> bytes:
    return der.unwrap(tagged, der.CONTEXT_3)


@pytest.mark.parametrize("record", RECORDED["clients"], ids=lambda record: record["common_name"][-4:])
def test_client_profile_is_to_the_octet_what_it_was(record: dict[str, Any]) -> None:
    """From the same inputs the client profile makes the octets that the version before profiles signed."""
    subject = SubjectPolicy(*record["subject"])
    spki = bytes.fromhex(record["spki"])
    profile = Profile(
        CLIENT,
        CSRPolicy(subject),
        validity=timedelta(seconds=record["validity"]),
        backdate=timedelta(seconds=record["backdate"]),
    )
    plan = profile.plan(
        VerifiedRequest(subject.name(record["common_name"]), keys.accept(spki), spki),
        replace(HOLDER, system_auth_id=record["common_name"]),
        authority=authority_of(record),
        serial=int(record["serial"], 16),
        now=datetime.fromisoformat(record["now"]),
    )

    assert plan.to_be_signed().hex() == record["tbs"]


@pytest.mark.parametrize("record", RECORDED["servers"], ids=lambda record: record["names"][0])
def test_server_certificates_hold_what_they_did(record: dict[str, Any]) -> None:
    """Our own server's certificates hold the same fields and extensions as before, octet for octet, in any order."""
    plan = plan_server(
        bytes.fromhex(record["spki"]),
        record["names"],
        authority=authority_of(record),
        validity=timedelta(days=record["days"]),
        serial=int(record["serial"], 16),
        now=datetime.fromisoformat(record["now"]),
    )

    assert without_order(plan.to_be_signed()) == without_order(bytes.fromhex(record["tbs"]))


@pytest.mark.parametrize("record", RECORDED["authorities"], ids=lambda record: record["root_name"])
def test_ca_certificates_hold_what_they_did(record: dict[str, Any]) -> None:
    """Roots and issuing CAs hold the same fields and extensions as before, octet for octet, in any order."""
    now = datetime.fromisoformat(record["now"])

    def new(which: str) -> NewCA:
        validity, serial = timedelta(days=record[f"{which}_days"]), int(record[f"{which}_serial"], 16)
        return NewCA(record[f"{which}_name"], validity, serial, now)

    root = plan_root(public_key(record["root_key"]), new("root"))
    authority = Authority.of(x509.load_der_x509_certificate(bytes.fromhex(record["root"])))
    issuing = plan_issuing(public_key(record["issuing_key"]), new("issuing"), authority=authority)

    assert without_order(root.to_be_signed()) == without_order(bytes.fromhex(record["root_tbs"]))
    assert without_order(issuing.to_be_signed()) == without_order(bytes.fromhex(record["issuing_tbs"]))


def public_key(spki: str) -> Any:
    """The key in hexadecimal."""
    return load_der_public_key(bytes.fromhex(spki))


def request_for(key: PrivateKey = KEY, policy: CSRPolicy = POLICY, *extensions: x509.ExtensionType) -> VerifiedRequest:
    """A verified request for the key."""
    return verify(send(make_csr(key, *extensions)), policy=policy, common_name=COMMON_NAME)


@pytest.mark.parametrize("kind", [EntityKind.APPLICATION, EntityKind.RUNTIME])
@pytest.mark.parametrize("key", [KEY, rsa.generate_private_key(65537, 2048)], ids=["P-256", "RSA"])
def test_spiffe_id_is_read_by_others(kind: EntityKind, key: PrivateKey, tmp_path: Path) -> None:
    """With a SPIFFE id a certificate is an X.509 SVID for py-spiffe, and openssl and GnuTLS verify its chain."""
    now = datetime.now(UTC)
    issuer = make_issuer(now=now)
    leaf = issue(issuer, request_for(key), now=now, profile=SPIFFE_PROFILE, holder=replace(HOLDER, kind=kind))
    expected = SPIFFE_ID.replace("/application/", f"/{kind.value.lower()}/")
    for name, text in (("leaf", leaf.pem), ("issuing", issuer_pem(issuer)), ("root", root_pem(issuer))):
        (tmp_path / name).write_text(text)

    svid = X509Svid.parse_raw(leaf.der + issuer.der, private_key_der(key))
    assert str(svid.spiffe_id) == expected
    assert svid.spiffe_id == SpiffeId(expected)
    names = leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    assert names.value == x509.SubjectAlternativeName([x509.UniformResourceIdentifier(expected)])
    openssl = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "root", "-untrusted", "issuing"]
    verdict = subprocess.run([*openssl, "leaf"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30)
    assert verdict.stdout == "leaf: OK\n"
    assert shutil.which("certtool"), "certtool is missing: apt-get install gnutls-bin"
    certtool = ["certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate", "root"]
    checked = subprocess.run(
        [*certtool, "--verify-purpose", "1.3.6.1.5.5.7.3.2"],
        input=leaf.pem + issuer_pem(issuer),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "Chain verification output: Verified." in checked.stdout


def private_key_der(key: PrivateKey) -> bytes:
    """The key as py-spiffe takes it."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_spiffe_profile_is_the_client_profile_and_one_name() -> None:
    """A SPIFFE id is all that the second profile adds: everything else is as the client profile has it."""
    plain, named = (plan_of(profile) for profile in (PROFILE, SPIFFE_PROFILE))

    assert replace(named, names=()) == plain
    assert without_order(plain.to_be_signed()) < without_order(named.to_be_signed())
    assert len(without_order(named.to_be_signed()) - without_order(plain.to_be_signed())) == 1


def plan_of(profile: Profile) -> Plan:
    """A plan under a CA that was recorded."""
    return profile.plan(
        REQUEST, HOLDER, authority=AUTHORITY, serial=7, now=datetime.fromisoformat(RECORDED["authorities"][0]["now"])
    )


REQUEST = request_for()
AUTHORITY = authority_of(RECORDED["clients"][0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Example.org",
        "example.org:8443",
        "example.org/path",
        "spiffe://example.org",
        "user@example.org",
        "exämple.org",
        "example.org\n",
        "example org",
        "example.org?query",
        "a" * 256,
    ],
)
def test_what_is_no_trust_domain_is_refused(text: str) -> None:
    """A trust domain with a port, a capital letter, a path or anything else that SPIFFE does not allow is refused."""
    with pytest.raises(ValueError, match="SPIFFE trust domain"):
        check_trust_domain(text)


@given(st.text(alphabet="abcxyz0189.-_", min_size=1, max_size=255))
def test_every_trust_domain_that_we_take_is_one_for_others(text: str) -> None:
    """Py-spiffe reads the id under any trust domain that we accept."""
    assert SpiffeId(f"spiffe://{check_trust_domain(text)}/tenant/a/application/b").trust_domain.name == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (NameKind.DNS, "a..example"),
        (NameKind.DNS, "-a.example"),
        (NameKind.DNS, "a_b.example"),
        (NameKind.DNS, "*.*.example"),
        (NameKind.DNS, "bücher.example"),
        (NameKind.EMAIL, "a"),
        (NameKind.EMAIL, "a@"),
        (NameKind.EMAIL, "a@b@c.example"),
        (NameKind.EMAIL, "a b@c.example"),
        (NameKind.EMAIL, "a@-c.example"),
        (NameKind.IP, "192.0.2.256"),
        (NameKind.IP, "fe80::1%eth0"),
        (NameKind.IP, "192.0.2.0/24"),
        (NameKind.URI, "a.example/b"),
        (NameKind.URI, "http://a.example/b c"),
        (NameKind.URI, "http://a.example/\x00"),
        (NameKind.URI, "http://"),
        (NameKind.URI, "http://a.example/" + "b" * 2048),
    ],
)
def test_what_is_no_name_of_its_kind_is_refused(kind: NameKind, value: str) -> None:
    """A name is checked when it is made, so that no plan holds one that two readers could read in two ways."""
    with pytest.raises(ValueError, match="not a name of the kind"):
        GeneralName(kind, value)


@pytest.mark.parametrize(
    "template", ["spiffe://a/{name}", "spiffe://a/{tenant!r}", "spiffe://a/{owner:>9}", "spiffe://a/{owner.x}"]
)
def test_pattern_asks_for_nothing_but_the_holders_ids(template: str) -> None:
    """A pattern cannot reach into anything else (an attribute, a format)."""
    with pytest.raises(ValueError, match="pattern may hold"):
        NamePattern(NameKind.URI, template)


def test_holder_whose_ids_make_no_name_gets_no_certificate() -> None:
    """Ids that would end the name early, or hide another in it, are refused when the plan is made."""
    with pytest.raises(ValueError, match="not a name"):
        SPIFFE_PROFILE.plan(
            REQUEST, replace(HOLDER, owner_id="a b"), authority=AUTHORITY, serial=7, now=NOW + timedelta(days=3)
        )


def test_pointers_are_urls() -> None:
    """What a certificate's reader is to follow is a URL."""
    with pytest.raises(ValueError, match="not a name of the kind URI"):
        Pointers(crl=("a.example/crl",))


def test_pointers_stand_where_readers_look_for_them() -> None:
    """A profile's CRL, OCSP responder and issuer's certificate are where RFC 5280 wants them."""
    issuer = make_issuer(now=NOW)
    pointers = Pointers(("http://a.example/crl",), ("http://a.example/ocsp",), ("http://a.example/ca.crt",))
    leaf = issue(issuer, REQUEST, now=NOW, profile=replace(PROFILE, pointers=pointers)).certificate

    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert [name.value for point in points.value for name in point.full_name or []] == ["http://a.example/crl"]
    assert {(each.access_method.dotted_string[-2:], each.access_location.value) for each in access.value} == {
        (".1", "http://a.example/ocsp"),
        (".2", "http://a.example/ca.crt"),
    }


def test_pointers_are_those_of_the_ca_that_signs() -> None:
    """Where a pointer names the CA, certificates have the id of the one that signed: the SHA-256 over its name and key.
    The check refuses a certificate with another CA's.
    """
    pointers = Pointers(("http://a.example/crl/{ca}.crl",), (), ("http://a.example/ca/{ca}.crt",))
    profile = replace(PROFILE, pointers=pointers)
    one, other = make_issuer(now=NOW), make_issuer("rsa3072", now=NOW, common_name="Another")

    for issuer in (one, other):
        subject, key = issuer.certificate.subject.public_bytes(), issuer.certificate.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        id_ = sha256(subject + spki).hexdigest()
        leaf = issue(issuer, REQUEST, now=NOW, profile=profile).certificate
        (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        (access,) = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        assert point.full_name == [x509.UniformResourceIdentifier(f"http://a.example/crl/{id_}.crl")]
        assert access.access_location.value == f"http://a.example/ca/{id_}.crt"

    planned = issue(one, REQUEST, now=NOW, profile=profile).plan
    wrong = replace(planned, content=replace(planned.content, pointers=pointers.of(other.authority.id)))
    with pytest.raises(ProfileViolation, match=r"^extensions is not as planned"):
        exact.check(one.sign(wrong), planned)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (KeyKind.RSA, rsa.generate_private_key(65537, 2048)),
        (KeyKind.P256, KEY),
        (KeyKind.P384, ec.generate_private_key(ec.SECP384R1())),
        (KeyKind.P521, ec.generate_private_key(ec.SECP521R1())),
        (KeyKind.ED25519, ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_profile_names_the_kinds_of_keys_that_it_certifies(kind: KeyKind, key: PrivateKey) -> None:
    """A key of a kind that the profile does not name is refused; alone, its own kind is enough."""
    assert request_for(key, replace(POLICY, keys=frozenset((kind,)))).spki
    with pytest.raises(CSRKeyRefused, match=f"{kind.value} is not certified here"):
        request_for(key, replace(POLICY, keys=frozenset(KeyKind) - {kind}))


NAMES = x509.SubjectAlternativeName([x509.DNSName("a.example")])
ASKED = {
    Requested.CA: x509.BasicConstraints(ca=True, path_length=None),
    Requested.PURPOSES: x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]),
    Requested.NAMES: NAMES,
    Requested.OTHERS: x509.OCSPNoCheck(),
}


@pytest.mark.parametrize("kind", Requested)
def test_profile_names_what_may_not_be_asked_for(kind: Requested) -> None:
    """A CSR that asks for what the profile refuses is refused, and let pass where it refuses everything else."""
    with pytest.raises(CSRExtensionRefused):
        request_for(KEY, replace(POLICY, refuses=frozenset((kind,))), ASKED[kind])
    request_for(KEY, replace(POLICY, refuses=frozenset(Requested) - {kind}), ASKED[kind])


def test_names_are_ignored_unless_the_profile_refuses_them() -> None:
    """Common tools add names to every CSR: what is refused by setting leaves those alone."""
    request_for(KEY, replace(POLICY, refuses=UNGRANTED), NAMES)
    with pytest.raises(BadCSR, match="subjectAltName"):
        request_for(KEY, replace(POLICY, refuses=UNGRANTED | {Requested.NAMES}), NAMES)
