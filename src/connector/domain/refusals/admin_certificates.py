"""The client certificate of an administrator is refused."""

from connector.domain.refusals.callers import Unauthenticated


class AdminCertificateRefused(Unauthenticated):
    """The client certificate is not an administrator's. Ask for a rule in admin_certificates.rules, or call with an API
    key.
    """

    code = "admin_certificate_refused"


class AdminCertificateAmbiguous(Unauthenticated):
    """The client certificate matches several rules in admin_certificates.rules. Use a certificate that matches one, or
    ask for other rules.
    """

    code = "admin_certificate_ambiguous"


class AdminCertificateExpired(Unauthenticated):
    """The client certificate is not valid now. Connect with a new one of the same CA."""

    code = "admin_certificate_expired"
