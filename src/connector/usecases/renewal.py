"""When a certificate is to be renewed: a window, from which each holder picks a moment of its own (after RFC 9773)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from connector.domain.audit import Action
from connector.domain.certificates import Certificate, CertificateState
from connector.domain.refusals.certificates import (
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    ProofRefused,
)
from connector.domain.refusals.objects import InvalidData
from connector.pki import signatures
from connector.ports.certificates import CertificateFilter
from connector.ports.transaction import Transaction
from connector.usecases.realms import Realm


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """Between which percents of a certificate's validity it is renewed, and how often holders ask about it.

    ``grace`` is how long after its expiry a certificate may still be renewed by a proof of its key, zero for not at
    all; ``graces`` how many times each identity may.
    """

    start: int = 67
    end: int = 83
    check: timedelta = timedelta(hours=6)
    grace: timedelta = timedelta(0)
    graces: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when to renew. ``now`` says not to wait for it; ``check`` when to ask again."""

    start: datetime
    end: datetime
    now: bool
    check: timedelta


def window(certificate: Certificate, *, issuer: bytes, policy: RenewalPolicy) -> Window:
    """When the holder is to renew.

    At once where an operator asked for it after the certificate was issued, and where the CA that issued it is no
    longer the one that issues (``issuer``, its fingerprint).
    """
    validity = certificate.not_after - certificate.not_before
    return Window(
        start=certificate.not_before + validity * policy.start / 100,
        end=certificate.not_before + validity * policy.end / 100,
        now=certificate.renewal_asked_at is not None or certificate.issuer != issuer,
        check=policy.check,
    )


def lapsed_statement(fingerprint: bytes, csr: bytes) -> bytes:
    """The statement that the key of an expired certificate signs: which certificate is renewed, and for which CSR.

    Args:
        fingerprint: the SHA-256 of the expired certificate's DER.
        csr: the CSR as it is sent, in whatever encoding.
    """
    return b"connector renewal after expiry\0" + fingerprint + sha256(csr).digest()


def check_lapsed(certificate: Certificate | None, *, policy: RenewalPolicy, now: datetime) -> Certificate:
    """The certificate, if it has expired and its grace is not over.

    Raises:
        CertificateUnknown, CertificateRevoked: it is not ours, or was revoked.
        CertificateExpired: no certificate is renewed after its expiry, or not so long after.
        InvalidData: it has not expired.
    """
    if certificate is None:
        raise CertificateUnknown
    match certificate.state(now=now):
        case CertificateState.REVOKED:
            raise CertificateRevoked
        case CertificateState.ISSUED | CertificateState.SUPERSEDED:
            raise InvalidData("The certificate is still good. Renew it over mutual TLS, with the certificate itself.")
    if now > certificate.not_after + policy.grace:
        raise CertificateExpired
    return certificate


def check_proof(certificate: Certificate, proof: bytes, csr: bytes) -> None:
    """Return if the proof is the signature of the certificate's key over :func:`lapsed_statement`.

    Raises:
        ProofRefused: it is not.
    """
    try:
        key = x509.load_der_x509_certificate(certificate.der).public_key()
        statement = lapsed_statement(certificate.fingerprint, csr)
        signatures.verify_sha256(key, signature=proof, signed=statement)
    except (ValueError, InvalidSignature) as error:
        raise ProofRefused from error


def check_graces(tx: Transaction, certificate: Certificate, *, policy: RenewalPolicy) -> None:
    """Return if this certificate's identity lives in it alone, and has a grace left.

    Raises:
        CertificateExpired: there is a successor already, or the identity was late too often.
    """
    same = CertificateFilter(certificate.tenant_id, system_auth_id=certificate.system_auth_id)
    good = replace(same, state=CertificateState.ISSUED, now=tx.now)
    if certificate.superseded_at is not None or tx.inventory.count(good):
        raise CertificateExpired(
            "The client certificate has expired, and another was issued in its place. Use that one, or enroll again "
            "with a new one-time token."
        )
    if tx.inventory.count(replace(same, lapsed=True)) >= policy.graces:
        raise CertificateExpired(
            "The client certificate has expired, and so had its predecessors, too often to be renewed like this. "
            "Enroll again with a new one-time token."
        )


def ask(realm: Realm, which: CertificateFilter) -> Sequence[Certificate]:
    """Ask the holders of the certificates that fit to renew at once. Returns those that are newly asked.

    Only such as are in use: a certificate that is superseded, revoked or expired is passed over.
    """
    asked = realm.certificates.ask_renewal(replace(which, state=CertificateState.ISSUED))
    if asked:
        realm.record(Action.CERTIFICATE_RENEWAL_ASKED, *asked)
    return asked
