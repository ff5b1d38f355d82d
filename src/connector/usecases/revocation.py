"""Revoke, and cut off: what ends a certificate ends the tokens that hang on it, in the same transaction."""

from collections.abc import Sequence
from datetime import datetime

from connector.domain.audit import Action, Event
from connector.domain.certificates import Certificate, RevocationReason, check
from connector.domain.tokens import OneTimeToken
from connector.ports.certificates import CertificateFilter
from connector.ports.tokens import TokenFilter
from connector.ports.transaction import Transaction


def revoke(
    tx: Transaction, which: CertificateFilter, reason: RevocationReason, *, actor: str, now: datetime
) -> Sequence[Certificate]:
    """Revoke the certificates that fit, and withdraw the tokens that were fetched with them.

    Returns those that this call revoked; a certificate that was revoked before keeps its time and reason.
    """
    revoked = tx.inventory.revoke(which, reason, now=now)
    if not revoked:
        return revoked
    tx.audit.append(
        *(
            Event(
                at=now,
                action=Action.CERTIFICATE_REVOKED,
                actor=actor,
                tenant_id=certificate.tenant_id,
                owner_id=certificate.owner_id,
                system_auth_id=certificate.system_auth_id,
                serial=certificate.serial,
                reason=reason.value,
            )
            for certificate in revoked
        )
    )
    fingerprints = [certificate.fingerprint for certificate in revoked]
    withdraw(tx, TokenFilter(which.tenant_id, certificates=fingerprints), actor=actor, now=now)
    return revoked


def revoke_presented(tx: Transaction, fingerprint: bytes, *, now: datetime) -> Certificate:
    """Revoke the certificate with which its holder is calling.

    Raises:
        CertificateUnknown, CertificateRevoked, CertificateExpired: the holder may not act with it.
    """
    certificate = check(tx.inventory.find(fingerprint), now=now)
    revoke(
        tx,
        CertificateFilter(certificate.tenant_id, fingerprint=fingerprint),
        RevocationReason.UNSPECIFIED,
        actor=f"certificate:{certificate.serial}",
        now=now,
    )
    return certificate


def withdraw(tx: Transaction, which: TokenFilter, *, actor: str, now: datetime) -> Sequence[OneTimeToken]:
    """Withdraw the tokens that fit and are still minted, and return those."""
    withdrawn = tx.tokens.withdraw(which, now=now)
    if withdrawn:
        tx.audit.append(*(token_event(Action.TOKEN_WITHDRAWN, token, actor=actor, now=now) for token in withdrawn))
    return withdrawn


def token_event(action: Action, token: OneTimeToken, *, actor: str, now: datetime, reason: str | None = None) -> Event:
    """An event about a token."""
    return Event(
        at=now,
        action=action,
        actor=actor,
        tenant_id=token.tenant_id,
        owner_id=token.owner_id,
        system_auth_id=token.system_auth_id,
        token_id=token.id,
        reason=reason,
    )
