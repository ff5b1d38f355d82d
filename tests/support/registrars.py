"""Another CA, whose clients administer: registrars and other programs, with certificates of every kind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier
from tests.support.ca import CA, CLIENT, DAY, Credential
from tests.support.server import Identity

from connector.pki.distinguished_names import read_name

UTF8, PRINTABLE, BMP, T61 = _ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.BMPString, _ASN1Type.T61String

KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def named(*relative: Sequence[tuple[ObjectIdentifier, str]] | str, kind: _ASN1Type = UTF8) -> x509.Name:
    """A name of relative names, in the order of the encoding; a text is a common name, a list one of several values."""
    pairs = [[(NameOID.COMMON_NAME, each)] if isinstance(each, str) else each for each in relative]
    return x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid, value, kind) for oid, value in each])
            for each in pairs
        ]
    )


def registrar(role: str, kind: _ASN1Type = UTF8) -> x509.Name:
    """``CN=role,OU=Registrars,O=Example``."""
    return named(
        [(NameOID.ORGANIZATION_NAME, "Example")], [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Registrars")], role, kind=kind
    )


def issue(
    issuer: Credential,
    subject: x509.Name,
    *,
    names: Sequence[x509.GeneralName] = (),
    purposes: Sequence[ObjectIdentifier] = (CLIENT,),
    usage: x509.KeyUsage | None = None,
    others: Sequence[x509.ExtensionType] = (),
    ca: bool = False,
    life: tuple[timedelta, timedelta] = (-DAY, 30 * DAY),
) -> Credential:
    """A certificate of this CA. ``life`` is its validity, from now."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + life[0])
        .not_valid_after(now + life[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    for other in others:
        builder = builder.add_extension(other, critical=False)
    return Credential(builder.sign(issuer.key, SHA256()), key)


@dataclass(frozen=True, slots=True)
class Registrars:
    """The other CA, and a directory for the files of its clients."""

    ca: CA
    directory: Path

    @property
    def ca_file(self) -> Path:
        """Both its certificates."""
        path = self.directory / "registrars.pem"
        path.write_bytes(self.ca.root.pem + self.ca.issuing.pem)
        return path

    def identity(self, credential: Credential, *above: Credential) -> Identity:
        """Its files, with those above it or with the CA that issued it."""
        directory = self.directory / uuid4().hex
        directory.mkdir()
        identity = Identity(directory / "chain.pem", directory / "key.pem", "")
        identity.chain.write_bytes(credential.pem + b"".join(each.pem for each in above or (self.ca.issuing,)))
        identity.key.write_bytes(credential.key_pem)
        identity.key.chmod(0o600)
        return identity

    def client(self, subject: x509.Name, *names: x509.GeneralName) -> Identity:
        """A good client."""
        return self.identity(issue(self.ca.issuing, subject, names=names))


def settings(registrars: Registrars, *rules: Mapping[str, object], **others: str) -> dict[str, str]:
    """The settings of a server where clients of that CA administer by these rules."""
    return {
        "CONNECTOR_ADMIN_CERTIFICATES__CA_FILE": str(registrars.ca_file),
        "CONNECTOR_ADMIN_CERTIFICATES__RULES": json.dumps(rules),
        **others,
    }


def role_rule(role: str) -> dict[str, object]:
    """Who has the subject of :func:`registrar` has the role, in every tenant."""
    return {"name": role, "subject": str(read_name(registrar(role).public_bytes())), "role": role, "tenants": ["*"]}
