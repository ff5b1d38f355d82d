"""Revoke, and cut off: what ends a certificate ends the tokens that hang on it, in the same transaction."""

from collections.abc import Sequence

from connector.domain.audit import Action
from connector.domain.certificates import Certificate, RevocationReason, check
from connector.domain.tokens import OneTimeToken
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction
from connector.usecases.realms import Realm, realm_of


def revoke(realm: Realm, which: CertificateFilter, reason: RevocationReason) -> Sequence[Certificate]:
    """Revoke the certificates that fit, and withdraw the tokens that were fetched with them.

    Returns those that this call revoked; a certificate that was revoked before keeps its time and reason.
    """
    revoked = realm.certificates.revoke(which, reason)
    if revoked:
        realm.record(Action.CERTIFICATE_REVOKED, *revoked, reason=reason.value)
        withdraw(realm, TokenFilter(certificates=[certificate.fingerprint for certificate in revoked]))
    return revoked


def revoke_presented(tx: Transaction, fingerprint: bytes) -> Certificate:
    """Revoke the certificate with which its holder is calling.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
    """
    certificate = check(tx.inventory.find(fingerprint), now=tx.now)
    realm = realm_of(tx, certificate, certificate.actor)
    revoke(realm, CertificateFilter(fingerprint=fingerprint), RevocationReason.UNSPECIFIED)
    return certificate


def withdraw(realm: Realm, which: TokenFilter) -> Sequence[OneTimeToken]:
    """Withdraw the tokens that fit and are still minted, and return those."""
    withdrawn = realm.tokens.withdraw(which)
    if withdrawn:
        realm.record(Action.TOKEN_WITHDRAWN, *withdrawn)
    return withdrawn
