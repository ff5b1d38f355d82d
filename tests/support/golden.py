"""What each client certificate of ours must be, asserted without the code that issues them."""

import re
import subprocess
from base64 import b64decode
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from tests.support.csr import COMMON_NAME, SUBJECT
from tests.support.issuing import Leaf
from tests.vectors.drafts import Applicant

from connector.pki.issuer import Issuer

_DIGESTS = {"p256": "sha256", "p384": "sha384", "rsa3072": "sha256"}


def spki_of(text: str) -> bytes:
    """The SPKI of an accepted CSR, as openssl reads it."""
    (body,) = re.findall(rb"-----BEGIN [A-Z ]+-----([^-]*)-----END", b64decode(text))
    command = ["openssl", "req", "-inform", "DER", "-pubkey", "-noout"]
    answered = subprocess.run(command, input=b64decode(body), capture_output=True, check=True, timeout=10)
    return load_pem_public_key(answered.stdout).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def assert_golden(issued: Leaf, *, spki: bytes, issuer: Issuer, kind: str = "p256", now: datetime) -> None:
    """The certificate holds the CSR's key (its SPKI), and everything else is ours; nothing is missing or added."""
    certificate = x509.load_der_x509_certificate(issued.der)
    issuer_key_identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value

    assert certificate.version is x509.Version.v3
    assert certificate.serial_number == issued.plan.serial
    assert 0 < issued.plan.serial < 1 << 159
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
