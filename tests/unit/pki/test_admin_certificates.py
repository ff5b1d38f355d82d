"""Certificates of other CAs as they are read: names, alternative names, purposes; and files of CA certificates."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.ca import CA, SERVER, Credential
from tests.support.registrars import BMP, KEY_USAGES, PRINTABLE, T61, issue, named, registrar

from connector.domain.admin_certificates import AlternativeKind, AlternativeName
from connector.domain.distinguished_names import ATTRIBUTES, DistinguishedName, NameAttribute
from connector.domain.refusals.admin_certificates import AdminCertificateRefused
from connector.pki import der
from connector.pki.admin_certificates import (
    UnusableAuthorityError,
    have_one_key,
    is_signed_by,
    read_authorities,
    read_certificate,
)
from connector.pki.distinguished_names import parse_name, read_name

CA_OF_REGISTRARS = CA.make("Registrars")
TEXT = "CN=operator,OU=Registrars,O=Example"
UNIT = NameOID.ORGANIZATIONAL_UNIT_NAME


def encoded(name: x509.Name) -> DistinguishedName:
    return read_name(name.public_bytes())


def client(subject: x509.Name | None = None, **particulars: object) -> bytes:
    return issue(CA_OF_REGISTRARS.issuing, subject or registrar("operator"), **particulars).der  # type: ignore[arg-type]


def usage(*set_: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in set_ for name in KEY_USAGES})


def test_a_subject_is_the_same_in_either_string_type() -> None:
    """A UTF8String and a PrintableString with the same characters are the same value (RFC 5280 section 7.1)."""
    assert encoded(registrar("operator")) == encoded(registrar("operator", PRINTABLE)) == parse_name(TEXT)


@pytest.mark.parametrize(
    "other",
    [
        named("operator", [(UNIT, "Registrars")], [(NameOID.ORGANIZATION_NAME, "Example")]),
        registrar("Operator"),
        registrar("operator "),
        registrar("operator", BMP),
        registrar("operator", T61),
        registrar("operator\0"),
        registrar("operаtor"),  # noqa: RUF001 - a Cyrillic letter is what it is about
        named([(NameOID.ORGANIZATION_NAME, "Example")], "operator"),
        named([(NameOID.ORGANIZATION_NAME, "Example"), (UNIT, "Registrars")], "operator"),
        named([(NameOID.ORGANIZATION_NAME, "Example")], [(UNIT, "Registrars")], "operator", "operator"),
        named([(NameOID.ORGANIZATION_NAME, "Example")], [(UNIT, "Registrars")], "CN=operator,OU=Registrars"),
        named("CN=operator,OU=Registrars,O=Example"),
        x509.Name([]),
    ],
)
def test_any_other_subject_is_another(other: x509.Name) -> None:
    """Another order, case, space, string type or letter, more or fewer attributes, or the separators inside a value:
    none is the subject of the rule.
    """
    assert encoded(other) != parse_name(TEXT)


def test_the_attributes_of_one_relative_name_have_no_order() -> None:
    """A relative name of several values is a set; it is not two relative names."""
    both = [(NameOID.COMMON_NAME, "a"), (UNIT, "b")]

    assert encoded(named(both)) == encoded(named(both[::-1])) == parse_name("CN=a+OU=b") == parse_name("OU=b+CN=a")
    assert encoded(named(both)) != parse_name("CN=a,OU=b")


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
_oids = st.sampled_from([oid for name, oid in ATTRIBUTES.items() if name not in ("C", "DC", "emailAddress")])
_relatives = st.lists(st.builds(NameAttribute, _oids, _texts), min_size=1, max_size=3, unique_by=lambda each: each.oid)
_names = st.lists(_relatives.map(lambda each: tuple(sorted(each))), min_size=1, max_size=5)


@given(_names)
def test_a_name_is_the_one_that_its_text_says(relative: list[tuple[NameAttribute, ...]]) -> None:
    """What is shown of a name can be put into a rule, matches that name alone, and holds printable characters only."""
    name = DistinguishedName(tuple(relative))

    assert str(name).isprintable()
    assert parse_name(str(name)) == name


@given(_names)
def test_a_name_is_read_as_the_library_encodes_it(relative: list[tuple[NameAttribute, ...]]) -> None:
    """The library that has no part in reading encodes the name, and the same is read."""
    name = DistinguishedName(tuple(relative))
    library = named(*[[(ObjectIdentifier(a.oid), a.text) for a in each] for each in relative])

    assert encoded(library) == name


@given(_names, st.data())
def test_octets_that_are_no_name_are_refused(relative: list[tuple[NameAttribute, ...]], data: st.DataObject) -> None:
    """A name with a changed octet is another name or no name; whatever it is, it never ends in another error."""
    library = named(*[[(ObjectIdentifier(a.oid), a.text) for a in each] for each in relative]).public_bytes()
    at = data.draw(st.integers(0, len(library) - 1))
    changed = library[:at] + bytes([library[at] ^ data.draw(st.integers(1, 255))]) + library[at + 1 :]

    try:
        found = read_name(changed)
    except der.DERError:
        return
    assert found != read_name(library) or sorted(changed) == sorted(library) or _is_string_type(library[at])


def _is_string_type(octet: int) -> bool:
    return octet in (der.UTF8_STRING, der.PRINTABLE_STRING, der.IA5_STRING)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registrar",
        "CN=",
        "CN=a, O=b",
        "CN = a",
        "cn=a",
        "XY=a",
        "CN=a,",
        ",CN=a",
        "CN=a+",
        "CN=#0c0161",
        "CN=a\0",
        "/CN=a",
    ],
)
def test_what_is_no_rfc_4514_text_is_refused(text: str) -> None:
    """A text that is no distinguished name, or another notation of one, says how to get one."""
    with pytest.raises(ValueError, match="openssl x509"):
        parse_name(text)


def test_identifiers_are_read_back() -> None:
    """The dotted form of an object identifier is the one that it was made from."""
    for dotted in (
        "0.9.2342.19200300.100.1.25",
        "1.2.840.113549.1.9.1",
        "2.5.4.3",
        "2.999.1",
        "2.100.3",
        "1.39",
        "0.0",
    ):
        assert der.dotted(der.object_identifier(dotted)) == dotted


def test_what_a_certificate_says() -> None:
    """Fingerprint, subject, alternative names of three kinds and the validity are those of the certificate."""
    made = issue(
        CA_OF_REGISTRARS.issuing,
        registrar("operator"),
        names=[
            x509.DNSName("registrar.example.com"),
            x509.UniformResourceIdentifier("spiffe://example.org/registrar"),
            x509.RFC822Name("registrar@example.com"),
            x509.DirectoryName(registrar("administrator")),
            x509.RegisteredID(ObjectIdentifier("1.2.3")),
        ],
    )

    found = read_certificate(made.der)

    assert found.fingerprint.hex() == made.certificate.fingerprint(made.certificate.signature_hash_algorithm).hex()  # type: ignore[arg-type]
    assert str(found.subject) == TEXT
    assert found.names == {
        AlternativeName(AlternativeKind.DNS, "registrar.example.com"),
        AlternativeName(AlternativeKind.URI, "spiffe://example.org/registrar"),
        AlternativeName(AlternativeKind.EMAIL, "registrar@example.com"),
    }
    assert found.not_after == made.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("particulars", "says"),
    [
        ({"purposes": [SERVER]}, "clientAuth"),
        ({"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, "clientAuth"),
        ({"purposes": []}, "clientAuth"),
        ({"usage": usage("key_agreement")}, "digitalSignature"),
        ({"ca": True, "usage": usage("digital_signature", "key_cert_sign")}, "of a CA"),
        ({"names": [x509.DNSName("registrar.example.com\0.evil.example")]}, "cannot be read"),
        ({"names": [x509.DNSName("registrar\n")]}, "cannot be read"),
        ({"names": [x509.DNSName(f"host-{number}.example.com") for number in range(101)]}, "cannot be read"),
        ({"names": [x509.UniformResourceIdentifier("https://example.com/" + "a" * 16_400)]}, "16 KiB"),
        ({"subject": named("a" * 60, "b" * 60, "c" * 60, "d" * 60, "e" * 60)}, "300 characters"),
    ],
)
def test_a_certificate_that_is_not_a_clients_is_refused(particulars: dict[str, object], says: str) -> None:
    """Without the purpose clientAuth, the usage digitalSignature, a subject of moderate length or readable names, and
    for a CA, nobody looks at the rules.
    """
    with pytest.raises(AdminCertificateRefused, match=says):
        read_certificate(client(**particulars))


def test_a_name_of_a_kind_that_the_library_does_not_know_is_refused() -> None:
    """An x400Address among the alternative names is a refusal, and no error of ours."""
    value = der.encode(der.SEQUENCE, der.encode(0xA3, der.encode(der.SEQUENCE)))
    held = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), value)
    with pytest.raises(AdminCertificateRefused, match="cannot be read"):
        read_certificate(client(others=[held]))


def test_octets_that_are_no_certificate_are_refused() -> None:
    """Whatever is wrong with a certificate, it is a refusal, and no other error."""
    good = client()
    for changed in (b"", b"\x30\x00", good[:-1], good + b"\0"):
        with pytest.raises(AdminCertificateRefused):
            read_certificate(changed)


RICH = issue(
    CA_OF_REGISTRARS.issuing,
    registrar("operator"),
    names=[x509.DNSName("a.example.com"), x509.UniformResourceIdentifier("urn:a"), x509.RFC822Name("a@example.com")],
    usage=usage("digital_signature"),
).der


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=500)
@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_certificate_is_read_or_refused(damage: list[tuple[int, int]]) -> None:
    """Whatever octets are changed, there is a refusal or a certificate, whose text is printable, and no other error."""
    octets = bytearray(RICH)
    for place, octet in damage:
        octets[place] = octet
    try:
        found = read_certificate(bytes(octets))
    except AdminCertificateRefused:
        return
    assert str(found.subject).isprintable()
    assert all(name.value.isprintable() for name in found.names)
    is_signed_by(CA_OF_REGISTRARS.issuing.der, bytes(octets))


def test_who_signed_is_found_out_by_the_signature() -> None:
    """A certificate is signed by the CA whose key signed it, not by one that has copied that CA's name."""
    copied = CA.make("Registrars")
    one = client()

    assert is_signed_by(CA_OF_REGISTRARS.issuing.der, one)
    assert not is_signed_by(copied.issuing.der, one)
    assert not is_signed_by(CA_OF_REGISTRARS.root.der, one)
    assert have_one_key(one, one)
    assert not have_one_key(CA_OF_REGISTRARS.issuing.der, copied.issuing.der)


def test_a_file_of_ca_certificates_is_read() -> None:
    """All certificates of the file are taken, in its order, with whatever text stands between them."""
    ca = CA_OF_REGISTRARS

    found = read_authorities(b"# ours since 2026\n" + ca.issuing.pem + b"\nroot:\n" + ca.root.pem)

    assert found == (ca.issuing.der, ca.root.der)


def bare_ca(*, critical: bool = True, usage_: x509.KeyUsage | None = None, identifier: bool = True) -> bytes:
    """The certificate of a CA that lacks something."""
    made: Credential = CA_OF_REGISTRARS.root
    builder = (
        x509.CertificateBuilder()
        .subject_name(named("CA"))
        .issuer_name(named("CA"))
        .public_key(made.key.public_key())
        .serial_number(1)
        .not_valid_before(made.certificate.not_valid_before_utc)
        .not_valid_after(made.certificate.not_valid_after_utc + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=critical)
    )
    if usage_ is not None:
        builder = builder.add_extension(usage_, critical=True)
    if identifier:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(made.key.public_key()), critical=False
        )
    return builder.sign(made.key, made.certificate.signature_hash_algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


GOOD = CA_OF_REGISTRARS.issuing
SIGNS = usage("key_cert_sign")


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (GOOD.pem + GOOD.key_pem, "private key"),
        (b"", "1 to 100 certificates"),
        (b"text", "1 to 100 certificates"),
        (GOOD.der, "1 to 100 certificates"),
        (GOOD.pem * 101, "1 to 100 certificates"),
        (GOOD.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), "1 to 100 certificates"),
        (GOOD.pem + b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "1 to 100 certificates"),
        (GOOD.pem[:200] + GOOD.pem[210:], "cannot be read"),
        (GOOD.pem + issue(GOOD, registrar("operator")).pem, "Certificate 2 in it is not one of a CA"),
        (bare_ca(critical=False, usage_=SIGNS), "Certificate 1 in it is not one of a CA"),
        (bare_ca(), "Certificate 1 in it is not one of a CA"),
        (bare_ca(usage_=usage("crl_sign")), "Certificate 1 in it is not one of a CA"),
        (bare_ca(usage_=SIGNS, identifier=False), "Certificate 1 in it is not one of a CA"),
    ],
)
def test_a_file_that_holds_no_ca_certificates_is_refused(octets: bytes, says: str) -> None:
    """A private key, a client's certificate, other PEM, or a CA that OpenSSL would not take: each is named."""
    with pytest.raises(UnusableAuthorityError, match=says):
        read_authorities(octets)
