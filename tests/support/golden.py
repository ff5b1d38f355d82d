"""An issuer, and what each client certificate of ours must be: asserted without the code that issues them."""

import re
import subprocess
from base64 import b64decode
from datetime import datetime, timedelta
from secrets import token_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from tests.support.csr import COMMON_NAME, SUBJECT
from tests.vectors.drafts import Applicant

from connector.pki.csr import VerifiedRequest
from connector.pki.issuer import SERIAL_OCTETS, Issued, Issuer, generate_key, make_issuing, make_root, serial_number
from connector.pki.profile import ClientProfile

PROFILE = ClientProfile()
_DIGESTS = {"p256": "sha256", "p384": "sha384", "rsa3072": "sha256"}


def make_issuer(kind: str, *, now: datetime) -> Issuer:
    """An issuer with a key of the kind, under a root with another of it."""
    root_key, key = generate_key(kind), generate_key(kind)
    root = make_root(root_key, common_name="Root", validity=timedelta(days=3650), serial=fresh_serial(now), now=now)
    certificate = make_issuing(
        root,
        root_key,
        key.public_key(),
        common_name="Issuing",
        validity=timedelta(days=1825),
        serial=fresh_serial(now),
        now=now,
    )
    return Issuer(certificate, key, root)


def fresh_serial(now: datetime) -> int:
    """A serial number as the server draws it."""
    return serial_number(token_bytes(SERIAL_OCTETS), now=now)


def issue(issuer: Issuer, request: VerifiedRequest, *, now: datetime) -> Issued:
    """A certificate of the default profile."""
    return issuer.issue(request, profile=PROFILE, serial=fresh_serial(now), now=now)


def spki_of(text: str) -> bytes:
    """The SPKI of an accepted CSR, as openssl reads it."""
    (body,) = re.findall(rb"-----BEGIN [A-Z ]+-----([^-]*)-----END", b64decode(text))
    command = ["openssl", "req", "-inform", "DER", "-pubkey", "-noout"]
    answered = subprocess.run(command, input=b64decode(body), capture_output=True, check=True, timeout=10)
    return load_pem_public_key(answered.stdout).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def assert_golden(issued: Issued, *, spki: bytes, issuer: Issuer, kind: str = "p256", now: datetime) -> None:
    """The certificate holds the CSR's key (its SPKI), and everything else is ours; nothing is missing or added."""
    certificate = x509.load_der_x509_certificate(issued.der)
    issuer_key_identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value

    assert certificate.version is x509.Version.v3
    assert certificate.serial_number == issued.serial
    assert 0 < issued.serial < 1 << 159
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == _DIGESTS[kind]
    certificate.verify_directly_issued_by(issuer.certificate)
    assert certificate.subject.public_bytes() == Applicant(SUBJECT, COMMON_NAME).name
    assert certificate.not_valid_before_utc == now.replace(microsecond=0) - timedelta(minutes=1)
    assert certificate.not_valid_after_utc == now.replace(microsecond=0) + timedelta(days=90)
    assert certificate.not_valid_after_utc <= issuer.certificate.not_valid_after_utc
    assert certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki
    assert spki in certificate.tbs_certificate_bytes
    assert {extension.oid: (extension.critical, extension.value) for extension in certificate.extensions} == {
        ExtensionOID.BASIC_CONSTRAINTS: (True, x509.BasicConstraints(ca=False, path_length=None)),
        ExtensionOID.KEY_USAGE: (True, _digital_signature()),
        ExtensionOID.EXTENDED_KEY_USAGE: (False, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: (
            False,
            x509.SubjectKeyIdentifier.from_public_key(load_der_public_key(spki)),  # type: ignore[arg-type]
        ),
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: (
            False,
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_identifier),
        ),
    }


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
