"""No certificate can be made at the moment."""

from connector.domain.refusals import Unavailable


class SignerUnavailable(Unavailable):
    """The CA's key cannot sign at the moment, so nothing was issued and no token was used. Try again in a moment; the
    cause is in the server's log.
    """

    code = "signer_unavailable"


class ProfileUnknown(Unavailable):
    """The certificate profile of this application or runtime is not configured on this server, so nothing was issued
    and no token was used. Ask the administrator to configure it, or to choose another profile.
    """

    code = "profile_unknown"


class IssuerUnknown(Unavailable):
    """The CA that issued this certificate is unknown to this server, so its chain cannot be returned. Ask the
    administrator to restore the CA's certificate, or enroll again.
    """

    code = "issuer_unknown"
