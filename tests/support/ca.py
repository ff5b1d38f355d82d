"""A throw-away CA of the tests' own, two levels deep, and what it issues: good certificates and bad ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The key, unencrypted PKCS #8."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, path: Path, *above: "Credential") -> Path:
        """A file of the key, the certificate and those above it: what curl, openssl and the ssl module take."""
        path.write_bytes(self.key_pem + self.pem + b"".join(one.pem for one in above))
        return path


@dataclass(frozen=True, slots=True)
class CA:
    """A root and the CA under it that issues."""

    root: Credential
    issuing: Credential

    @classmethod
    def make(cls, name: str = "Test") -> Self:
        """A new one. Two of the same name share their distinguished names, not their keys."""
        root = _sign(f"{name} root", ca=True)
        return cls(root, _sign(f"{name} issuing", issuer=root, ca=True))

    def sibling(self) -> "CA":
        """Another issuing CA under the same root."""
        return CA(self.root, _sign("Sibling", issuer=self.root, ca=True))

    @property
    def trusted(self) -> list[bytes]:
        """Both certificates, as a server loads them."""
        return [self.root.der, self.issuing.der]

    def crl(
        self,
        *revoked: int,
        number: int | None = 1,
        since: timedelta = -DAY,
        until: timedelta = DAY,
        of_root: bool = False,
        key: ec.EllipticCurvePrivateKey | None = None,
        special: Sequence[x509.ExtensionType] = (),
    ) -> bytes:
        """The issuing CA's CRL (DER) of these serial numbers, valid from and until then; the root's, without a number,
        or with critical extensions, where that is said. ``key`` signs it in place of the CA's own.
        """
        now, ca = datetime.now(UTC), self.root if of_root else self.issuing
        builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
        builder = builder.last_update(now + since).next_update(now + until)
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        for each in special:
            builder = builder.add_extension(each, critical=True)
        return builder.sign(key or ca.key, SHA256()).public_bytes(Encoding.DER)

    def server(self, name: str = "localhost", **validity: datetime) -> Credential:
        """A certificate for servers on loopback."""
        return _sign(name, issuer=self.issuing, usage=SERVER, server=True, **validity)

    def client(self, name: str = "client", *, usage: ObjectIdentifier = CLIENT, **validity: datetime) -> Credential:
        """A certificate for clients; of another extended key usage, or another validity, where that is said."""
        return _sign(name, issuer=self.issuing, usage=usage, **validity)


def self_signed(name: str = "client") -> Credential:
    """A client certificate that vouches for itself."""
    return _sign(name, usage=CLIENT)


def issued_by_leaf(leaf: Credential) -> Credential:
    """A client certificate that was signed with a key that may sign none."""
    return _sign("client", issuer=leaf, usage=CLIENT)


def _sign(
    name: str,
    *,
    issuer: Credential | None = None,
    ca: bool = False,
    usage: ObjectIdentifier | None = None,
    server: bool = False,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Credential:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or now - DAY)
        .not_valid_after(not_after or now + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_key_usage(ca=ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if server:
        addresses = [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses])
        builder = builder.add_extension(names, critical=False)
    return Credential(builder.sign(signer, SHA256()), key)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
