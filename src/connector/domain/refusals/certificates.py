"""A presented certificate is refused, or the proof of its key."""

from connector.domain.refusals.callers import Unauthenticated


class CertificateUnknown(Unauthenticated):
    """The client certificate was not issued by this server. Enroll again with a new one-time token."""

    code = "certificate_unknown"


class CertificateRevoked(Unauthenticated):
    """The client certificate has been revoked. Enroll again with a new one-time token."""

    code = "certificate_revoked"


class CertificateExpired(Unauthenticated):
    """The client certificate has expired. Enroll again with a new one-time token."""

    code = "certificate_expired"


class ProofRefused(Unauthenticated):
    """The proof was not signed with the key of the certificate that it names. Sign with that key, or enroll again with
    a new one-time token.
    """

    code = "proof_refused"
