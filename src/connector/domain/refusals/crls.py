"""No CRL, or certificate of a CA, can be served."""

from connector.domain.refusals import Refusal, Unavailable


class CRLUnknown(Refusal):
    """This name is not that of a CA of this server. Use the URL in the certificate, or issuing.crl and issuing.crt."""

    code = "crl_unknown"


class CRLUnavailable(Unavailable):
    """There is no valid CRL of this CA at the moment, because its key cannot sign. Try again in a moment; the cause is
    in the server's log and in /readyz.
    """

    code = "crl_unavailable"
