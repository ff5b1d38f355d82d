"""A gateway asks about a client, and the answer is no."""

from connector.domain.refusals import Refusal
from connector.domain.refusals.requests import BadRequest
from connector.domain.refusals.storage import StorageUnavailable


class ProxyUnknown(Refusal):
    """This path answers only the gateways that the settings name. Add the gateway's address to gateways.proxies, and
    let it send the secret if gateways.secret_file is set.
    """

    code = "proxy_unknown"


class ForwardedCertificateMissing(Refusal):
    """The gateway forwarded no client certificate. Call with a client certificate; if you did, correct the gateway's
    configuration: `connector gateway` prints one.
    """

    code = "forwarded_certificate_missing"


class ForwardedCertificateAmbiguous(Refusal):
    """The header with the forwarded client certificate can be read in more than one way, or in none. The gateway must
    remove what clients send in it, and set it once.
    """

    code = "forwarded_certificate_ambiguous"


class TenantMismatch(Refusal):
    """The client certificate belongs to another tenant than the one that may pass here. Call with a certificate
    of that one, or change what the gateway asks for.
    """

    code = "wrong_tenant"


class KindMismatch(Refusal):
    """The client certificate belongs to another kind of holder than the one that may pass here. Call with a certificate
    of that one, or change what the gateway asks for.
    """

    code = "wrong_kind"


class ApplicationMismatch(Refusal):
    """The client certificate does not belong to the application that may pass here. Call with a certificate of that
    application, or change what the gateway asks for.
    """

    code = "wrong_application"


class TokenAmbiguous(BadRequest):
    """The gateway passed on more than one one-time token. Send one, in the header Connector-Token."""

    code = "token_ambiguous"


class AuthorizationAmbiguous(BadRequest):
    """The gateway passed on more than one bearer token, or more than a token. Send one, in the header Authorization."""

    code = "authorization_ambiguous"


class TenantAmbiguous(BadRequest):
    """The gateway passed on more than one tenant. Send the external id of one, in the header Tenant."""

    code = "tenant_ambiguous"


class TokenNotSpent(StorageUnavailable):
    """The server could not invalidate the token, so it was not accepted. Try again."""

    code = "token_not_spent"
