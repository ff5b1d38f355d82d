"""A one-time token is refused."""

from connector.domain.refusals.callers import Unauthenticated


class TokenUnknown(Unauthenticated):
    """The one-time token is unknown. Check that it was copied completely, or ask the administrator for a new one."""

    code = "token_unknown"


class TokenExpired(Unauthenticated):
    """The one-time token has expired. Ask the administrator for a new one."""

    code = "token_expired"


class TokenSpent(Unauthenticated):
    """The one-time token has already been redeemed. Ask the administrator for a new one."""

    code = "token_spent"


class TokenWithdrawn(Unauthenticated):
    """The one-time token has been revoked. Ask the administrator for a new one."""

    code = "token_withdrawn"


class TokenSourceRefused(Unauthenticated):
    """The one-time token may not be used from this address. Use it on the network that it is bound to, or ask the
    administrator for a new one.
    """

    code = "token_source_refused"
