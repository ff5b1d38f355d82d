"""Who administers by a certificate: never whoever has one of ours."""

from asyncio import Runner
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.authority import Timed
from tests.support.ca import CA, Credential
from tests.support.issuing import DAY, make_issuer, make_root_of, only
from tests.support.memory.store import MemoryStore
from tests.support.records import certificate, tenant
from tests.support.registrars import issue, registrar

from connector.domain.admin_certificates import Rule, Rules
from connector.domain.imports import AdoptedIssuer
from connector.domain.principals import AdminHolder, Caller, Role
from connector.domain.refusals.admin_certificates import AdminCertificateExpired, AdminCertificateRefused
from connector.pki.admin_certificates import UnusableAuthorityError
from connector.pki.distinguished_names import parse_name
from connector.pki.issuer import Issuer
from connector.usecases.admin_certificates import AdminCertificates, refuse_ours
from connector.usecases.issuers import Recorded

NOW = datetime.now(UTC)
REGISTRARS = CA.make("Registrars")
RULES = Rules([Rule("operator", parse_name("CN=operator,OU=Registrars,O=Example"), Role.OPERATOR, None)])


def held(issuer: Issuer, key: ec.EllipticCurvePrivateKey) -> Credential:
    return Credential(issuer.certificate, key)


KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
SIGNING, FORMER = (make_issuer(now=NOW - DAY, key=key) for key in KEYS)


@dataclass(slots=True)
class Place:
    """A store and the rules, at a time."""

    store: Timed
    runner: Runner
    time: datetime = NOW

    def caller(self, der: bytes, *, by_page: bool = False) -> Caller:
        rules = AdminCertificates(RULES, only(SIGNING, FORMER, now=NOW))
        holder = AdminHolder(der, by_page=by_page)
        return self.runner.run(self.store.read(lambda tx: rules.caller(tx, holder)))


@pytest.fixture
def place() -> Iterator[Place]:
    with Runner() as runner:
        place = Place(Timed(MemoryStore(), lambda: place.time), runner)
        yield place


def test_a_certificate_of_the_other_ca_is_its_holders(place: Place) -> None:
    """A certificate that a rule matches gives a caller for as long as it is valid, and not a moment longer."""
    made = issue(REGISTRARS.issuing, registrar("operator"))
    assert place.caller(made.der).name == "operator"
    place.time = made.certificate.not_valid_after_utc
    assert place.caller(made.der).name == "operator"
    place.time += timedelta(microseconds=1)
    with pytest.raises(AdminCertificateExpired):
        place.caller(made.der)


def test_a_page_is_refused(place: Place) -> None:
    """What a page in a browser asks is refused, with the best of certificates."""
    with pytest.raises(AdminCertificateRefused, match="page in a browser"):
        place.caller(issue(REGISTRARS.issuing, registrar("operator")).der, by_page=True)


@pytest.mark.parametrize("issuer", [held(SIGNING, KEYS[0]), held(FORMER, KEYS[1])], ids=["signing", "former"])
def test_what_our_issuers_signed_is_no_administrators(place: Place, issuer: Credential) -> None:
    """A certificate that one of our issuers signed, now or formerly, is refused, although its subject is a rule's and
    TLS let it pass, as it does where a CA above both is trusted.
    """
    with pytest.raises(AdminCertificateRefused, match="The client certificate belongs to an application or runtime"):
        place.caller(issue(issuer, registrar("operator")).der)


def test_what_is_in_the_inventory_is_no_administrators(place: Place) -> None:
    """A certificate that the inventory holds belongs to an application or runtime, whoever signed it."""
    made = issue(REGISTRARS.issuing, registrar("operator"))

    def record(tx: object) -> None:
        tx.tenants.add(tenant())  # type: ignore[attr-defined]
        tx.inventory.add(certificate(fingerprint=sha256(made.der).digest(), der=made.der))  # type: ignore[attr-defined]

    place.runner.run(place.store.transaction(record))

    with pytest.raises(AdminCertificateRefused, match="The client certificate belongs to an application or runtime"):
        place.caller(made.der)


def cross(issuer: Issuer) -> bytes:
    """Another certificate for the key of an issuer of ours, by the other CA."""
    root, now = REGISTRARS.root, NOW
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(issuer.certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + DAY)
    )
    return Credential(builder.sign(root.key, root.certificate.signature_hash_algorithm), root.key).der  # type: ignore[arg-type]


ABOVE = make_root_of(now=NOW - DAY)
UNDER = make_issuer(now=NOW - DAY, under=ABOVE)


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        (SIGNING.der, SIGNING),
        (SIGNING.root_der, SIGNING),
        (FORMER.der, SIGNING),
        (cross(SIGNING), SIGNING),
        (UNDER.root_der, UNDER),
    ],
    ids=["issuing", "root", "former", "cross-certificate of ours", "a root above"],
)
def test_our_own_ca_is_refused(authority: bytes, issuer: Issuer) -> None:
    """A CA of administrators is none of ours: not by its certificate, not by its key, not as one above."""
    others = [] if issuer is UNDER else [FORMER]
    with pytest.raises(UnusableAuthorityError, match="Certificate 2 in it is that of this server's own CA"):
        refuse_ours([REGISTRARS.root.der, authority], only(issuer, *others, now=NOW))


def test_an_adopted_ca_is_refused(place: Place) -> None:
    """A CA that was adopted from another installation makes nobody an administrator: it is refused at the start, and
    its certificates are when it was adopted later. What cannot be read is no CA of anybody.
    """
    adopted = [
        AdoptedIssuer(sha256(der).digest(), der, NOW + DAY, NOW) for der in (b"unreadable", REGISTRARS.issuing.der)
    ]
    known = only(SIGNING, now=NOW)
    refuse_ours(REGISTRARS.trusted, known)
    known.follow(Recorded((), (), tuple(adopted)))

    with pytest.raises(UnusableAuthorityError, match="of a CA that it adopted"):
        refuse_ours([REGISTRARS.issuing.der], known)
    with pytest.raises(UnusableAuthorityError, match="or of one above them"):
        refuse_ours([REGISTRARS.root.der], known)
    holder = AdminHolder(issue(REGISTRARS.issuing, registrar("operator")).der)
    rules = AdminCertificates(RULES, known)
    with pytest.raises(AdminCertificateRefused, match="belongs to an application or runtime"):
        place.runner.run(place.store.read(lambda tx: rules.caller(tx, holder)))


def test_another_ca_is_not_refused() -> None:
    """A CA that has nothing to do with ours is accepted, also one of the same name."""
    refuse_ours(REGISTRARS.trusted, only(SIGNING, FORMER, now=NOW))
    assert [each.subject for each in (SIGNING.certificate,)] == [FORMER.certificate.subject]
    refuse_ours([FORMER.der], only(SIGNING, now=NOW))
