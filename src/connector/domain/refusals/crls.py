"""No CRL can be served."""

from connector.domain.refusals import Refusal, Unavailable


class CRLUnknown(Refusal):
    """No CA of this server has a CRL of this name. Use the URL in the certificate, or issuing.crl."""

    code = "crl_unknown"


class CRLUnavailable(Unavailable):
    """There is no valid CRL of this CA at the moment, because its key cannot sign. Try again in a moment; the cause is
    in the server's log and in /readyz.
    """

    code = "crl_unavailable"
