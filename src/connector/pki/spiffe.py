"""SPIFFE ids: how a certificate names its holder as a workload (https://spiffe.io, SPIFFE-ID and X509-SVID)."""

import re

from connector.pki.general_names import NameKind, NamePattern

# SPIFFE-ID 2.1: lower-case letters, digits, dots, dashes and underscores, at most 255 octets; no port, no user.
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")


def check_trust_domain(text: str) -> str:
    """The trust domain in ``text``, alone: no scheme, no port, no path.

    Raises:
        ValueError: it is none.
    """
    if not _TRUST_DOMAIN.fullmatch(text):
        raise ValueError(
            "It should be a SPIFFE trust domain: at most 255 lower-case letters, digits, dots, dashes and underscores, "
            "without a port or a path"
        )
    return text


def id_pattern(trust_domain: str) -> NamePattern:
    """The SPIFFE ids of a trust domain: ``spiffe://DOMAIN/tenant/TENANT/application/ID``, or ``…/runtime/ID``.

    Raises:
        ValueError: it is no trust domain.
    """
    return NamePattern(
        NameKind.URI, f"spiffe://{check_trust_domain(trust_domain)}/tenant/{{tenant}}/{{kind}}/{{owner}}"
    )
