"""An OCSP request cannot be answered."""

from connector.domain.refusals import Refusal


class OCSPRequestMalformed(Refusal):
    """The OCSP request cannot be read, asks about several certificates, or has a critical extension that is not known
    here. Ask about one certificate, as RFC 5019 does.
    """

    code = "ocsp_request_malformed"


class OCSPIssuerUnknown(Refusal):
    """This server cannot speak for the issuer in the OCSP request. Ask that CA's own responder."""

    code = "ocsp_issuer_unknown"
