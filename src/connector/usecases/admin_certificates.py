"""Administrators by a client certificate of another CA, identified in the transaction that does the work."""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.admin_certificates import Rules
from connector.domain.principals import AdminHolder, Caller
from connector.domain.refusals.admin_certificates import AdminCertificateRefused
from connector.pki.admin_certificates import UnusableAuthorityError, have_one_key, is_signed_by, read_certificate
from connector.ports.transaction import Transaction
from connector.usecases.issuers import Issuers

OURS = (
    "The client certificate belongs to an application or runtime, so it is never an administrator's. Call with an API "
    "key, or on the mutual-TLS address."
)


@dataclass(frozen=True, slots=True)
class AdminCertificates:
    """The rules, and the issuers of applications and runtimes, whose certificates no rule applies to."""

    rules: Rules
    issuers: Issuers

    def caller(self, tx: Transaction, holder: AdminHolder) -> Caller:
        """The caller.

        Raises:
            AdminCertificateRefused, AdminCertificateAmbiguous, AdminCertificateExpired: nobody does.
        """
        if holder.by_page:
            raise AdminCertificateRefused(
                "The request came from a page in a browser, which sends a certificate without being asked. Call from a "
                "program, or with an API key."
            )
        certificate = read_certificate(holder.certificate)
        # The CA above ours may be among those that are trusted here.
        if any(is_signed_by(issuer, holder.certificate) for issuer in self.issuers.recorded):
            raise AdminCertificateRefused(OURS)
        if tx.inventory.find(certificate.fingerprint) is not None:
            raise AdminCertificateRefused(OURS)
        return self.rules.caller(certificate, now=tx.now)


def refuse_ours(authorities: Sequence[bytes], issuers: Issuers) -> None:
    """Return if none of these CA certificates (DER) is one of ours, or stands above one of ours.

    Raises:
        UnusableAuthorityError: one is.
    """
    for number, authority in enumerate(authorities, 1):
        for ours in issuers.recorded:
            if have_one_key(authority, ours) or is_signed_by(authority, ours):
                raise UnusableAuthorityError(
                    f"Certificate {number} in it is that of this server's own CA, of a CA that it adopted, or of one "
                    "above them: applications and runtimes have certificates under it. Give a CA that issues only to "
                    "administrators"
                )
