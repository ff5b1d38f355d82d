"""The caller is not known, may not do this, or failed too often."""

from connector.domain.refusals import Refusal


class Unauthenticated(Refusal):
    """Failed to authenticate the request. Present a credential."""

    code = "unauthenticated"


class CredentialMissing(Unauthenticated):
    """No credential was presented. Send the one-time token in the Connector-Token header, or an API key as
    Authorization: Bearer.
    """

    code = "credential_missing"


class JWTRefused(Unauthenticated):
    """The bearer token was refused. Sign in again at the configured OpenID Connect issuer."""

    code = "jwt_refused"


class InsufficientScopes(Refusal):
    """Insufficient scopes provided. Use a credential that has them."""

    code = "insufficient_scopes"


class TooManyAttempts(Refusal):
    """There were too many failed attempts from this address. Wait a minute, and check the credential before you try
    again.

    ``retry_after`` is in seconds.
    """

    code = "too_many_attempts"

    def __init__(self, retry_after: int = 60) -> None:
        super().__init__()
        self.retry_after = retry_after
