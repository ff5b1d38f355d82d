"""No certificate can be made at the moment."""

from connector.domain.refusals import Unavailable


class SignerUnavailable(Unavailable):
    """The CA's key does not sign at the moment, so nothing was issued and no token was spent. Try again in a moment; if
    it lasts, look at /readyz.
    """

    code = "signer_unavailable"


class ProfileUnknown(Unavailable):
    """The certificate profile of this application or runtime is not set up here, so nothing was issued and no token was
    spent. Ask the administrator to set it up, or to choose another profile.
    """

    code = "profile_unknown"


class IssuerUnknown(Unavailable):
    """The CA that issued this certificate is not known here, so its chain cannot be given. Ask the administrator to put
    the CA's certificate back, or enroll again.
    """

    code = "issuer_unknown"
