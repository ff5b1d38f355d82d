"""Throw-away issuers, and certificates that they sign outside the server."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from secrets import token_bytes

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.csr import COMMON_NAME, POLICY
from tests.vectors.keys import rsa_private

from connector.domain.certificates import TrustAnchor
from connector.domain.directory import EntityKind, Identity
from connector.domain.issuers import IssuerRecord, IssuerState
from connector.pki.csr import VerifiedRequest
from connector.pki.issuer import SERIAL_OCTETS, Issuer, make_issuing, make_root, serial_number
from connector.pki.plan import Plan
from connector.pki.profile import CLIENT, NewCA, Profile
from connector.pki.signer import KeySigner
from connector.usecases.issuers import Issuers, Recorded
from connector.web.chains import pem

PROFILE = Profile(CLIENT, POLICY)
HOLDER = Identity(
    tenant_id="11111111-0000-4000-8000-000000000000",
    owner_id="22222222-0000-4000-8000-000000000000",
    kind=EntityKind.APPLICATION,
    system_auth_id=COMMON_NAME,
)
DAY = timedelta(days=1)

IssuerKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(kind: str) -> IssuerKey:
    """A key for an issuer. Those of RSA are always the same."""
    if kind == "rsa3072":
        return rsa_private(3072)
    return ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())


def make_issuer(
    kind: str = "p256",
    *,
    now: datetime,
    validity: timedelta = 1825 * DAY,
    key: IssuerKey | None = None,
    common_name: str = "Issuing",
    under: tuple[x509.Certificate, KeySigner] | None = None,
) -> Issuer:
    """An issuer with a key of the kind, or that key, under a root of its own, or that one."""
    root, root_signer = under or make_root_of(kind, now=now)
    signer = KeySigner(key or new_key(kind))
    certificate = make_issuing(root, root_signer, signer, NewCA(common_name, validity, fresh_serial(now), now))
    return Issuer(certificate, signer, root)


def make_root_of(kind: str = "p256", *, now: datetime) -> tuple[x509.Certificate, KeySigner]:
    """A root with its signer."""
    signer = KeySigner(new_key(kind) if kind != "rsa3072" else new_key("p256"))
    return make_root(signer, NewCA("Root", 3650 * DAY, fresh_serial(now), now)), signer


def fresh_serial(now: datetime) -> int:
    """A serial number as the server draws it."""
    return serial_number(token_bytes(SERIAL_OCTETS), now=now)


@dataclass(frozen=True)
class Leaf:
    """An issued certificate and its plan."""

    plan: Plan
    der: bytes = field(repr=False)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """As the library reads it."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self) -> str:
        """As a file."""
        return pem(self.der)

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256."""
        return sha256(self.der).digest()


def issue(
    issuer: Issuer,
    request: VerifiedRequest,
    *,
    now: datetime,
    profile: Profile = PROFILE,
    serial: int | None = None,
    holder: Identity = HOLDER,
) -> Leaf:
    """A certificate of the profile."""
    number = fresh_serial(now) if serial is None else serial
    plan = profile.plan(request, holder, authority=issuer.authority, serial=number, now=now)
    return Leaf(plan, issuer.sign(plan))


def root_pem(issuer: Issuer) -> str:
    """The trust anchor as a file."""
    return issuer.root.public_bytes(Encoding.PEM).decode()


def issuer_pem(issuer: Issuer) -> str:
    """The issuer's certificate as a file."""
    return issuer.certificate.public_bytes(Encoding.PEM).decode()


def only(issuer: Issuer, *former: Issuer, now: datetime) -> Issuers:
    """That issuer signs; the others did."""
    records = [
        IssuerRecord(each.fingerprint, each.der, each.root_fingerprint, state, now, now)
        for each, state in ((issuer, IssuerState.SIGNING), *((each, IssuerState.FORMER) for each in former))
    ]
    roots = {
        each.root_fingerprint: TrustAnchor(each.root_fingerprint, each.root_der, now) for each in (issuer, *former)
    }
    return Issuers([issuer], Recorded(tuple(records), tuple(roots.values())))
