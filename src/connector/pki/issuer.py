"""Issuers: CA certificates with the signers of their keys, and what they sign."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from connector.pki import exact, signatures
from connector.pki.authority import Authority
from connector.pki.extensions import NO_POINTERS, Pointers
from connector.pki.plan import Plan
from connector.pki.profile import NewCA, plan_issuing, plan_root
from connector.pki.signer import Signer

# RFC 5280 4.1.2.2: positive, at most 20 octets, one bit of which is the sign. 128 bits are random, 31 tell the time.
SERIAL_OCTETS = 16
_TIME_BITS = 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=2)


# No slots: the parts common to every certificate are computed once.
@dataclass(frozen=True, eq=False)
class Issuer:
    """A CA certificate under a root, with the signer that holds its key.

    Raises:
        ValueError: a certificate is not a CA's, the key is not the certificate's, or the root did not sign it.
    """

    certificate: x509.Certificate
    signer: Signer = field(repr=False)
    root: x509.Certificate

    def __post_init__(self) -> None:
        if self.signer.public_key != self.authority.public_key:
            raise ValueError("the key is not that of the issuer's certificate")
        Authority.of(self.root)
        try:
            self.certificate.verify_directly_issued_by(self.root)
        except (InvalidSignature, ValueError) as error:
            raise ValueError("the issuer's certificate is not signed by the root") from error

    def sign(self, plan: Plan) -> bytes:
        """The planned certificate's DER, signed, and checked against the plan.

        Raises:
            SignerError: the signer gives no signature.
            WrongSignature: what it gives is not the signature of the issuer's key.
            ProfileViolation: what was signed is not what was planned.
        """
        return _sign(plan, self.signer)

    @cached_property
    def authority(self) -> Authority:
        """The issuer as its certificates see it."""
        return Authority.of(self.certificate)

    @cached_property
    def der(self) -> bytes:
        """The issuer's certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the issuer's certificate."""
        return sha256(self.der).digest()

    @cached_property
    def root_der(self) -> bytes:
        """The trust anchor."""
        return self.root.public_bytes(Encoding.DER)

    @cached_property
    def root_fingerprint(self) -> bytes:
        """The SHA-256 of the root certificate, by which clients pin it."""
        return sha256(self.root_der).digest()

    @property
    def is_slow(self) -> bool:
        """Whether its signatures take a millisecond or more."""
        return self.signer.is_slow

    def prove(self) -> None:
        """Return if the signer signs now, so that it verifies under the issuer's certificate.

        Raises:
            SignerError: it does not sign.
            WrongSignature: what it gives does not verify.
        """
        signed, algorithm = b"connector", self.authority.algorithm
        signature = self.signer.sign(signed, algorithm)
        try:
            signatures.verify(
                self.authority.public_key, algorithm=algorithm.encoded, signature=signature, signed=signed
            )
        except InvalidSignature as error:
            raise exact.WrongSignature("the signer has another key, or is broken") from error


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


def make_root(signer: Signer, new: NewCA) -> x509.Certificate:
    """A root, signed by its own key."""
    return x509.load_der_x509_certificate(_sign(plan_root(signer.public_key, new), signer))


def make_issuing(
    root: x509.Certificate,
    root_signer: Signer,
    signer: Signer,
    new: NewCA,
    *,
    pointers: Pointers = NO_POINTERS,
) -> x509.Certificate:
    """An issuing CA's certificate, under the root, for the key of ``signer``.

    Raises:
        ValueError: the root's certificate is not a CA's.
        ProfileViolation: the root is not valid then.
    """
    plan = plan_issuing(signer.public_key, new, authority=Authority.of(root), pointers=pointers)
    return x509.load_der_x509_certificate(_sign(plan, root_signer))


def _sign(plan: Plan, signer: Signer) -> bytes:
    """The octets are written once; a signer gets those, and the check looks at what they became."""
    to_be_signed = plan.to_be_signed()
    encoded = plan.signed(to_be_signed, signer.sign(to_be_signed, plan.authority.algorithm))
    exact.check(encoded, plan)
    return encoded
