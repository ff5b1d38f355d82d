"""CSRs: from the argument that a client sends to a verified request."""

import subprocess
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from tests.support.csr import COMMON_NAME, POLICY, SUBJECT, make_csr, send, verify

from connector.domain.refusals.csr import (
    BadCSR,
    CSRExtensionRefused,
    CSRKeyRefused,
    CSRMalformed,
    CSRNotBase64,
    CSRNotPEM,
    CSRSignatureInvalid,
    CSRSubjectMismatch,
    CSRTooLarge,
)
from connector.pki import der
from connector.pki.csr import MAX_CSR_OCTETS, CSRPolicy, VerifiedRequest
from connector.pki.requested import UNGRANTED

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = make_csr(KEY)
DER = x509.load_pem_x509_csr(PEM).public_bytes(Encoding.DER)
STRICT = replace(POLICY, refuses=UNGRANTED)


def accept(text: str, policy: CSRPolicy = POLICY) -> VerifiedRequest:
    """The request, verified for the expected common name."""
    return verify(text, policy=policy, common_name=COMMON_NAME)


def pem(encoded: bytes, label: str = "CERTIFICATE REQUEST") -> bytes:
    """The octets as one PEM block."""
    return f"-----BEGIN {label}-----\n{b64encode(encoded).decode()}\n-----END {label}-----\n".encode()


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE."""
    return der.encode(der.SEQUENCE, *contents)


def identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    return der.encode(der.OBJECT_IDENTIFIER, der.object_identifier(dotted))


def signed(
    *,
    attributes: bytes = b"",
    version: bytes = b"\2\1\0",
    name: bytes | None = None,
    tail: bytes = b"",
    end: bytes = b"",
) -> str:
    """A CSR written by hand and signed with P-256 and SHA-256, in the form that is sent."""
    subject = SUBJECT.name(COMMON_NAME).public_bytes() if name is None else name
    spki = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = sequence(version, subject, spki, attributes, tail)
    signature = der.encode(der.BIT_STRING, b"\0", KEY.sign(info, ec.ECDSA(hashes.SHA256())))
    return send(pem(sequence(info, sequence(identifier("1.2.840.10045.4.3.2")), signature, end)))


def attribute(oid: str, *values: bytes) -> bytes:
    """An attribute."""
    return sequence(identifier(oid), der.encode(der.SET, *values))


def attributes(*members: bytes) -> bytes:
    """The attributes field."""
    return der.encode(der.CONTEXT_0, *members)


def extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    """An extension."""
    return sequence(identifier(oid), critical, der.encode(der.OCTET_STRING, value))


def asking(*extensions: bytes, oid: str = "1.2.840.113549.1.9.14") -> str:
    """A CSR that asks for the extensions."""
    return signed(attributes=attributes(attribute(oid, sequence(*extensions))))


CA_TRUE = extension("2.5.29.19", sequence(b"\1\1\xff"))
CA_FALSE = extension("2.5.29.19", sequence())


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        KEY,
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "Ed25519"],
)
def test_good_csr_of_every_key_type(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> None:
    """A good CSR gives the server's subject and the CSR's key, octet for octet."""
    request = accept(send(make_csr(key)))

    assert request.subject == SUBJECT.name(COMMON_NAME)
    assert request.spki == key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert request.public_key == key.public_key()


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("algorithm", ["rsa:2048", "ec:P-256"])
def test_what_openssl_makes_is_accepted(tmp_path: Path, algorithm: str, digest: str) -> None:
    """The plain openssl command line, with any SHA-2, makes an accepted CSR."""
    kind, parameter = algorithm.split(":")
    option = f"rsa_keygen_bits:{parameter}" if kind == "rsa" else f"ec_paramgen_curve:{parameter}"
    command = ["openssl", "req", "-new", "-nodes", f"-{digest}", "-newkey", kind, "-pkeyopt", option]
    made = subprocess.run(
        [
            *command,
            "-keyout",
            tmp_path / "key",
            "-subj",
            f"/O=Org/OU=OrgUnit/L=locality/ST=province/C=DE/CN={COMMON_NAME}",
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert accept(send(made.stdout))


@pytest.mark.parametrize(
    "block",
    [
        PEM.replace(b"\n", b"\r\n"),
        PEM.replace(b"\n", b"\r"),
        pem(DER),
        PEM.rstrip(),
        b"\n\n " + PEM + b"\r\n\t",
        PEM.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
    ],
    ids=["CRLF", "CR", "one line", "no last line end", "white space around", "old label"],
)
def test_forms_of_pem_that_clients_send(block: bytes) -> None:
    """Any line ends, one long line and the old label are the same CSR."""
    assert accept(send(block)) == accept(send(PEM))


def test_text_around_the_block_that_openssl_prints_is_ignored() -> None:
    """RFC 7468 section 2: what `openssl req -text` prints before the block changes nothing."""
    printed = subprocess.run(["openssl", "req", "-text"], input=PEM, capture_output=True, check=True, timeout=30)

    assert printed.stdout.startswith(b"Certificate Request:")
    assert accept(send(printed.stdout)) == accept(send(PEM))


@given(
    before=st.binary(max_size=200).filter(lambda octets: b"-----BEGIN " not in octets + b"-----"),
    after=st.binary(max_size=200).filter(lambda octets: b"-----BEGIN " not in octets),
)
def test_any_text_around_the_block_is_ignored(before: bytes, after: bytes) -> None:
    """RFC 7468 section 2: octets outside the boundaries, whatever they are, neither change nor break the reading."""
    assert accept(send(before + PEM + after)) == accept(send(PEM))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_wrapped_base64(line_end: str) -> None:
    """Line ends in the argument are ignored, as the original does."""
    text = send(PEM)

    assert accept(line_end.join(text[start : start + 64] for start in range(0, len(text), 64)) + line_end)


@pytest.mark.parametrize(
    "text",
    [
        "wrong-csr",
        "not base64!",
        " " + send(PEM),
        send(PEM).replace("L", "L ", 1),
        "QQ",
        "QQ=",
        "QQ===",
        "QQ==QQ==",
        "Q",
        "=QQ=",
        "\ufeff" + send(PEM),
        "\uff21" * 4,
        "\udc80",
        " ",
    ],
)
def test_what_is_not_strict_base64(text: str) -> None:
    """Blanks, other alphabets and wrong padding are refused, not skipped."""
    with pytest.raises(CSRNotBase64, match=r"Error while parsing base64 content\. Incorrect value provided\."):
        accept(text)


@pytest.mark.parametrize(
    ("block", "advice"),
    [
        (b"", "Send a PEM block that begins"),
        (b"\xc2\xb8)\xa0$\x91", "Send a PEM block that begins"),
        (DER, "This is bare DER"),
        (PEM + PEM, "exactly one PEM block"),
        (PEM + pem(DER, "CERTIFICATE"), "exactly one PEM block"),
        (pem(DER, "CERTIFICATE"), "label must be CERTIFICATE REQUEST"),
        (pem(DER, "certificate request"), "label must be CERTIFICATE REQUEST"),
        (pem(DER, "PRIVATE KEY"), "label must be CERTIFICATE REQUEST"),
        (b"Subject: x\n" + pem(DER, "PRIVATE KEY") + PEM, "exactly one PEM block"),
        (PEM + b"and -----BEGIN ", "exactly one PEM block"),
        (PEM.replace(b"-----BEGIN", b"-----BEGIN NEW"), "base64 alone between its two lines"),
        (PEM.replace(b"M", b"-", 1), "base64 alone between its two lines"),
        (PEM.replace(b"-----\nM", b"-----\nComment: x\n\nM"), "base64 alone between its two lines"),
        (PEM.replace(b"-----\nM", b"-----\n=M"), "is not base64"),
        (PEM.replace(b"-----", b"----"), "Send a PEM block that begins"),
    ],
)
def test_what_is_not_one_pem_block(block: bytes, advice: str) -> None:
    """Anything but one block of the right label is refused, with advice that fits."""
    with pytest.raises(CSRNotPEM, match=advice) as caught:
        accept(send(block))
    assert str(caught.value).endswith(
        "Error while signing Certificate Signing Request: Error while decoding pem block."
    )


def test_size_is_looked_at_first() -> None:
    """What is larger than any honest CSR is refused before it is decoded."""
    with pytest.raises(CSRTooLarge):
        accept("!" * (MAX_CSR_OCTETS + 1))
    with pytest.raises(CSRNotBase64):
        accept("!" * MAX_CSR_OCTETS)


@pytest.mark.parametrize(
    "octets",
    [b"\n", b"-", b"-----BEGIN CERTIFICATE REQUEST-----\n", b"-----BEGIN ", b"0\x80", b"0" * 2, b"\x30\x82"],
)
def test_repetition_takes_linear_time(octets: bytes) -> None:
    """No repetition that fits into the size makes reading slow."""
    room = MAX_CSR_OCTETS * 9 // 16
    for block in (octets * (room // len(octets)), pem(octets * (room * 3 // 4 // len(octets)))):
        begin = time.process_time()
        with pytest.raises(BadCSR):
            accept(send(block))
        assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\0",
        bytes(4096),
        DER + b"\0",
        DER[:-1],
        b"\x30\x80" + DER[4:] + b"\0\0",
        b"\x30\x84\0\0" + DER[2:],
        sequence(DER),
        b"\x3f" + DER[1:],
    ],
)
def test_what_is_not_der(encoded: bytes) -> None:
    """Truncated, trailing, indefinite or not minimal: refused."""
    with pytest.raises(CSRMalformed, match="Error while parsing CSR: "):
        accept(send(pem(encoded)))


@pytest.mark.parametrize(
    "text",
    [
        signed(version=b"\2\1\1", attributes=attributes()),
        signed(version=b"\2\2\0\0", attributes=attributes()),
        signed(attributes=attributes(), tail=der.encode(der.NULL)),
        signed(attributes=attributes(), end=der.encode(der.NULL)),
        signed(name=der.encode(der.SET), attributes=attributes()),
        signed(attributes=der.encode(0xA1)),
        signed(attributes=attributes(der.encode(der.NULL))),
        signed(attributes=attributes(attribute("1.2.3"))),
        signed(attributes=attributes(attribute("1.2.3", b"\5\0"), attribute("1.2.3", b"\5\0"))),
        signed(attributes=attributes(sequence(der.encode(der.OBJECT_IDENTIFIER, b"\x2a" * 65), b"\x31\2\5\0"))),
        signed(attributes=attributes(attribute("1.2.840.113549.1.9.7", b"\5\0"))),
        signed(attributes=attributes(attribute("1.2.840.113549.1.9.14", sequence(CA_FALSE), sequence(CA_TRUE)))),
        signed(
            attributes=attributes(
                attribute("1.2.840.113549.1.9.14", sequence(CA_FALSE)),
                attribute("1.3.6.1.4.1.311.2.1.14", sequence(CA_TRUE)),
            )
        ),
        signed(attributes=attributes(attribute("1.2.840.113549.1.9.14", der.encode(der.SET)))),
        asking(CA_FALSE, CA_TRUE),
        asking(extension("2.5.29.37", sequence())),
        asking(extension("1.2.3", b"", critical=b"\1\1\0")),
        asking(extension("1.2.3", b"", critical=b"\1\1\1")),
        asking(sequence(identifier("1.2.3"))),
        asking(b"\5\0"),
    ],
)
def test_structure_that_is_not_rfc_2986(text: str) -> None:
    """Wrong version, fields too many, duplicate or empty attributes and extensions: malformed, though well signed."""
    with pytest.raises(CSRMalformed):
        accept(text)


def test_absent_attributes_are_accepted() -> None:
    """Some clients leave the empty attributes field out."""
    assert accept(signed(attributes=attributes())) == accept(signed())


def test_proof_of_possession() -> None:
    """A signature that was changed, or is another key's, or covers something else, proves nothing."""
    other = ec.generate_private_key(ec.SECP256R1())
    info = der.elements(der.unwrap(DER, der.SEQUENCE))[0].encoded
    algorithm = sequence(identifier("1.2.840.10045.4.3.2"))
    flipped = DER[:-1] + bytes((DER[-1] ^ 1,))
    foreign = der.encode(der.BIT_STRING, b"\0", other.sign(info, ec.ECDSA(hashes.SHA256())))

    for encoded in (flipped, sequence(info, algorithm, foreign), sequence(info, algorithm, b"\3\1\0")):
        with pytest.raises(CSRSignatureInvalid, match="CSR signature invalid: it does not fit the key"):
            accept(send(pem(encoded)))


def resigned(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, oid: str, digest: hashes.HashAlgorithm) -> str:
    """The key's CSR, signed by another algorithm, whose parameters are NULL for RSA."""
    csr = x509.load_pem_x509_csr(make_csr(key)).tbs_certrequest_bytes
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm, signature = sequence(identifier(oid), b"\5\0"), key.sign(csr, padding.PKCS1v15(), digest)
    else:
        algorithm, signature = sequence(identifier(oid)), key.sign(csr, ec.ECDSA(digest))
    return send(pem(sequence(csr, algorithm, der.encode(der.BIT_STRING, b"\0", signature))))


def test_sha1_is_proof_of_an_rsa_key_if_the_policy_says_so() -> None:
    """A SHA-1 signature on an RSA CSR is accepted, since a standard client makes no other; a setting refuses it."""
    text = resigned(rsa.generate_private_key(65537, 2048), "1.2.840.113549.1.1.5", hashes.SHA1())  # noqa: S303 - the rule

    assert accept(text)
    with pytest.raises(CSRSignatureInvalid, match="algorithm is not accepted"):
        accept(text, replace(POLICY, sha1_proof=False))


def test_weak_algorithms_are_refused() -> None:
    """MD5, and SHA-1 with ECDSA, are refused, whatever the policy; so is the algorithm of another key type."""
    key = rsa.generate_private_key(65537, 2048)
    for text in (
        resigned(key, "1.2.840.113549.1.1.4", hashes.MD5()),  # noqa: S303 - the rule
        resigned(key, "1.2.840.10045.4.3.2", hashes.SHA256()),
        resigned(KEY, "1.2.840.10045.4.1", hashes.SHA1()),  # noqa: S303 - the rule
        resigned(KEY, "1.3.101.112", hashes.SHA256()),
    ):
        with pytest.raises(CSRSignatureInvalid, match="algorithm is not accepted"):
            accept(text)


def test_key_is_judged_before_the_signature() -> None:
    """A refused key is told as such, though its signature is good."""
    with pytest.raises(CSRKeyRefused, match="curve P-224"):
        accept(send(make_csr(ec.generate_private_key(ec.SECP224R1()))))


def test_subject_of_another_is_refused() -> None:
    """A CSR for another common name is refused, and so is one for none."""
    for name in (SUBJECT.name("another"), x509.Name([])):
        with pytest.raises(CSRSubjectMismatch, match="Invalid common name"):
            accept(send(make_csr(KEY, name=name)))


@pytest.mark.parametrize(
    "text",
    [
        asking(CA_TRUE),
        asking(CA_TRUE, oid="1.3.6.1.4.1.311.2.1.14"),
        asking(extension("2.5.29.15", b"\3\2\2\4")),
        asking(extension("2.5.29.15", b"\3\2\1\2")),
        asking(extension("2.5.29.37", sequence(identifier("1.3.6.1.5.5.7.3.1")))),
        asking(extension("2.5.29.30", sequence())),
        asking(extension("1.3.6.1.5.5.7.48.1.5", b"\5\0")),
        asking(extension("1.3.6.1.4.1.11129.2.4.3", b"\5\0", critical=b"\1\1\xff")),
        asking(extension("1.2.3", b"", critical=b"\1\1\xff")),
    ],
)
def test_requested_extensions_are_ignored_or_refused(text: str) -> None:
    """What no client certificate may hold is ignored by default, and refused if the policy says so."""
    assert accept(text)
    with pytest.raises(CSRExtensionRefused):
        accept(text, STRICT)


def test_harmless_extensions_pass_the_strict_policy() -> None:
    """What common tools always ask for is no reason to refuse."""
    text = send(
        make_csr(
            KEY,
            x509.BasicConstraints(ca=False, path_length=None),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName([x509.DNSName("a.example")]),
            x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()),
        )
    )

    assert accept(text, STRICT)
    assert accept(asking(extension("2.5.29.15", b"\3\2\5\xa0")), STRICT)


@pytest.mark.parametrize("oid", ["2.5.29.19", "2.5.29.15", "2.5.29.37"])
def test_malformed_value_is_refused_by_the_strict_policy(oid: str) -> None:
    """A value that cannot be read is malformed."""
    with pytest.raises(CSRMalformed):
        accept(asking(extension(oid, b"\0")), STRICT)


@given(st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever is sent, the answer is a refusal."""
    with pytest.raises(BadCSR):
        accept(text)


@given(st.binary(max_size=300))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    """Whatever stands in a PEM block, the answer is a refusal."""
    with pytest.raises(BadCSR):
        accept(send(pem(octets)))


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_changed_csr_is_refused(place: int, change: int) -> None:
    """Every octet of a CSR is signed, or is the signature, or says what they are."""
    with pytest.raises(BadCSR):
        accept(send(pem(DER[:place] + bytes((DER[place] ^ change,)) + DER[place + 1 :])))
