"""A client's request for an access token is refused, or the access token. The codes are those of RFC 6749 5.2."""

from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated


class ClientUnknown(Unauthenticated):
    """The client id or the client secret is wrong, or the credentials were deleted. Request new client credentials."""

    code = "invalid_client"


class GrantTypeUnsupported(Refusal):
    """This grant type is not supported. Send grant_type=client_credentials."""

    code = "unsupported_grant_type"


class ScopeRefused(Refusal):
    """The client may have none of these scopes. Leave out scope to get all that it may have."""

    code = "invalid_scope"


class AudienceRefused(Refusal):
    """Systems of this tenant get no tokens for this audience. An administrator sets up who gets them for which."""

    code = "invalid_target"  # RFC 8707 2


class OAuthRequestInvalid(Refusal):
    """The OAuth request cannot be read. Send one POST with an application/x-www-form-urlencoded body."""

    code = "invalid_request"


class AccessTokenOfAnother(Refusal):
    """The access token was issued to another client. Revoke it with the credentials of that client."""

    code = "invalid_grant"


class AccessTokenUnknown(Unauthenticated):
    """The access token is not known here, or its client was deleted. Get a new one at the token endpoint."""

    code = "access_token_unknown"


class AccessTokenExpired(Unauthenticated):
    """The access token has expired. Get a new one at the token endpoint."""

    code = "access_token_expired"
