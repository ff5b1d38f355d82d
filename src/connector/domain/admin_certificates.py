"""Administrators by certificate: which client certificates of other CAs administer, and with which role."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector.domain.distinguished_names import DistinguishedName
from connector.domain.principals import Caller, Role
from connector.domain.refusals.admin_certificates import (
    AdminCertificateAmbiguous,
    AdminCertificateExpired,
    AdminCertificateRefused,
)

ACTOR = "admin_certificate"
"""The beginning of such a caller's name in the audit, before a colon."""


class AlternativeKind(StrEnum):
    """The kinds of alternative names (RFC 5280 4.2.1.6) that a rule can name."""

    EMAIL = "email"
    DNS = "dns"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class AlternativeName:
    """One alternative name. It is compared octet by octet."""

    kind: AlternativeKind
    value: str


Match = DistinguishedName | AlternativeName
"""The mark that a rule looks for in a certificate: its whole subject, or one of its alternative names."""


@dataclass(frozen=True, slots=True)
class AdminCertificate:
    """The content of another CA's client certificate. ``fingerprint`` is the SHA-256 of its DER."""

    fingerprint: bytes
    subject: DistinguishedName
    names: frozenset[AlternativeName]
    not_before: datetime
    not_after: datetime

    def matches(self, match: Match) -> bool:
        """Whether the certificate has this subject, or this alternative name."""
        return match == self.subject or match in self.names


@dataclass(frozen=True, slots=True)
class Rule:
    """Holders of matching certificates have this role in the tenants of these external ids; None is every tenant."""

    name: str
    match: Match
    role: Role
    tenants: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, and the fingerprints of certificates that none applies to.

    Raises:
        ValueError: two rules have the same name, or look for the same.
    """

    rules: Sequence[Rule]
    refused: frozenset[bytes] = field(default=frozenset())

    def __post_init__(self) -> None:
        for number, rule in enumerate(self.rules):
            for former in self.rules[:number]:
                if rule.name == former.name:
                    raise ValueError(f"Two rules have the name {rule.name}. Give each a name of its own")
                if rule.match == former.match:
                    raise ValueError(
                        f"The rules {former.name} and {rule.name} match the same certificates. Remove one of them"
                    )

    def caller(self, certificate: AdminCertificate, *, now: datetime) -> Caller:
        """The caller with this certificate, whose chain TLS has verified.

        Raises:
            AdminCertificateExpired: it is not valid now.
            AdminCertificateRefused: no rule matches it, or it is on the list of refused ones.
            AdminCertificateAmbiguous: several rules match it.
        """
        # RFC 5280 4.1.2.5: both ends are part of the validity.
        if not certificate.not_before <= now <= certificate.not_after:
            raise AdminCertificateExpired
        if certificate.fingerprint in self.refused:
            raise AdminCertificateRefused(
                "The client certificate is listed in admin_certificates.refused. Use a new certificate of the same CA."
            )
        found = [rule for rule in self.rules if certificate.matches(rule.match)]
        if not found:
            raise AdminCertificateRefused(
                "No rule in admin_certificates.rules matches the client certificate, whose subject is "
                f"{certificate.subject}. Ask for a rule, or call with an API key."
            )
        if len(found) > 1:
            raise AdminCertificateAmbiguous
        return Caller(found[0].name, _actor(found[0], certificate), found[0].role, found[0].tenants)


def _actor(rule: Rule, certificate: AdminCertificate) -> str:
    """How the audit names the caller. No rule's name holds a space."""
    return f"{ACTOR}:{rule.name} sha256={certificate.fingerprint.hex()} subject={certificate.subject}"
