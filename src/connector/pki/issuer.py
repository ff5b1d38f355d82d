"""Issuers: CA certificates with their keys, and what they sign."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from connector.pki import chain, signatures
from connector.pki.csr import VerifiedRequest
from connector.pki.keys import RSA_EXPONENT, PublicKey
from connector.pki.profile import (
    CA_BACKDATE,
    SERVER_BACKDATE,
    CACertificate,
    ClientProfile,
    ca_builder,
    check_client,
    server_builder,
)
from connector.pki.signatures import IssuerPrivateKey, IssuerPublicKey, issuer_algorithm

# RFC 5280 4.1.2.2: positive, at most 20 octets, one bit of which is the sign. 128 bits are random, 31 tell the time.
SERIAL_OCTETS = 16
_TIME_BITS = 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=2)

_KEYS: Mapping[str, Callable[[], IssuerPrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa3072": lambda: rsa.generate_private_key(RSA_EXPONENT, 3072),
    "rsa4096": lambda: rsa.generate_private_key(RSA_EXPONENT, 4096),
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A client certificate that has passed its check. It counts as issued once it is recorded.

    ``fingerprint`` is the SHA-256 of ``der``, ``key`` that of the SPKI; both ends of the validity are inclusive.
    """

    der: bytes = field(repr=False)
    serial: int
    fingerprint: bytes
    key: bytes
    not_before: datetime
    not_after: datetime

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return chain.pem(self.der)


# No slots: what is the same for every certificate is computed once.
@dataclass(frozen=True, eq=False)
class Issuer:
    """A CA certificate with its key, under a root.

    Raises:
        ValueError: a certificate is not a CA's, the key is not the certificate's, or the root did not sign it.
    """

    certificate: x509.Certificate
    key: IssuerPrivateKey = field(repr=False)
    root: x509.Certificate

    def __post_init__(self) -> None:
        if self.key.public_key() != self._ca.public_key:
            raise ValueError("the key is not that of the issuer's certificate")
        root = CACertificate(self.root)
        try:
            self.certificate.verify_directly_issued_by(root.certificate)
        except (InvalidSignature, ValueError) as error:
            raise ValueError("the issuer's certificate is not signed by the root") from error

    def issue(self, request: VerifiedRequest, *, profile: ClientProfile, serial: int, now: datetime) -> Issued:
        """Build, sign and check a client certificate.

        Raises:
            ProfileViolation: what was signed is not what was planned, or the issuer is not valid at ``now``.
        """
        plan = profile.plan(request, ca=self._ca, serial=serial, now=now)
        der = check_client(self._sign(plan.builder()), plan)
        return Issued(
            der=der,
            serial=serial,
            fingerprint=sha256(der).digest(),
            key=sha256(request.spki).digest(),
            not_before=plan.not_before,
            not_after=plan.not_after,
        )

    def issue_server(
        self, public_key: PublicKey, names: Sequence[str], *, validity: timedelta, serial: int, now: datetime
    ) -> x509.Certificate:
        """A certificate for our own TLS server, under DNS names and IP addresses.

        Raises:
            ValueError: a name is neither a DNS name nor an IP address.
            ProfileViolation: the issuer is not valid at ``now``.
        """
        not_before, not_after = self._ca.window(now=now, backdate=SERVER_BACKDATE, validity=validity)
        builder = server_builder(self._ca, public_key, names)
        return self._sign(builder.serial_number(serial).not_valid_before(not_before).not_valid_after(not_after))

    @cached_property
    def der(self) -> bytes:
        """The issuer's certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the issuer's certificate."""
        return sha256(self.der).digest()

    @cached_property
    def pem(self) -> str:
        """The issuer's certificate as PEM."""
        return chain.pem(self.der)

    @cached_property
    def root_pem(self) -> str:
        """The trust anchor as PEM."""
        return chain.pem(self.root.public_bytes(Encoding.DER))

    @cached_property
    def root_fingerprint(self) -> bytes:
        """The SHA-256 of the root certificate, by which clients pin it."""
        return sha256(self.root.public_bytes(Encoding.DER)).digest()

    @property
    def is_slow(self) -> bool:
        """Whether its signatures take milliseconds: RSA's do, ECDSA's a twentieth of one."""
        return isinstance(self.key, rsa.RSAPrivateKey)

    def prove(self) -> None:
        """Return if the key signs now, so that it verifies under the issuer's certificate.

        Raises:
            InvalidSignature, and whatever a broken key raises: it does not.
        """
        signed = b"connector"
        signatures.verify(
            self._ca.public_key,
            algorithm=self._ca.algorithm.encoded,
            signature=signatures.sign(self.key, signed),
            signed=signed,
        )

    @cached_property
    def _ca(self) -> CACertificate:
        return CACertificate(self.certificate)

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self.key, self._ca.algorithm.digest)


def serial_number(random: bytes, *, now: datetime) -> int:
    """A serial number from 16 random octets: positive, all of their 128 bits behind the time in steps of two seconds.

    By the time, those that are made one after the other lie together in an index of millions (decision 0019). It begins
    anew in 2106.

    Raises:
        ValueError: ``random`` is not 16 octets, or all are zero, as from no working source.
    """
    number = int.from_bytes(random)
    if len(random) != SERIAL_OCTETS or number == 0:
        raise ValueError(f"a serial number takes {SERIAL_OCTETS} random octets")
    return (now - _EPOCH) // _TICK % (1 << _TIME_BITS) << 8 * SERIAL_OCTETS | number


def generate_key(kind: str) -> IssuerPrivateKey:
    """A new key for an issuer: "p256", "p384", "rsa3072" or "rsa4096".

    Raises:
        ValueError: ``kind`` is another.
    """
    if kind not in _KEYS:
        raise ValueError(f"an issuer's key is one of {', '.join(_KEYS)}")
    return _KEYS[kind]()


def make_root(
    key: IssuerPrivateKey, *, common_name: str, validity: timedelta, serial: int, now: datetime
) -> x509.Certificate:
    """A root: a trust anchor that signs nothing but issuing CAs and its CRL."""
    name = _name(common_name)
    now = now.astimezone(UTC).replace(microsecond=0)
    return (
        ca_builder(name, key.public_key(), path_length=None)
        .issuer_name(name)
        .serial_number(serial)
        .not_valid_before(now - CA_BACKDATE)
        .not_valid_after(now + validity)
        .sign(key, issuer_algorithm(key.public_key()).digest)
    )


def make_issuing(
    root_certificate: x509.Certificate,
    root_key: IssuerPrivateKey,
    public_key: IssuerPublicKey,
    *,
    common_name: str,
    validity: timedelta,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """An issuing CA under the root, with no CA below it.

    Raises:
        ValueError: the root's certificate is not a CA's.
        ProfileViolation: the root is not valid at ``now``.
    """
    root = CACertificate(root_certificate)
    not_before, not_after = root.window(now=now, backdate=CA_BACKDATE, validity=validity)
    return (
        ca_builder(_name(common_name), public_key, path_length=0)
        .issuer_name(root_certificate.subject)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.AuthorityKeyIdentifier(root.key_identifier, None, None), critical=False)
        .sign(root_key, root.algorithm.digest)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
