"""A one-time token is refused."""

from connector.domain.refusals.callers import Unauthenticated


class TokenUnknown(Unauthenticated):
    """The one-time token is not known here. Check that it was copied whole, or ask the administrator for a new one."""

    code = "token_unknown"


class TokenExpired(Unauthenticated):
    """The one-time token has expired. Ask the administrator for a new one."""

    code = "token_expired"


class TokenSpent(Unauthenticated):
    """The one-time token has already been redeemed. Ask the administrator for a new one."""

    code = "token_spent"


class TokenWithdrawn(Unauthenticated):
    """The one-time token has been withdrawn. Ask the administrator for a new one."""

    code = "token_withdrawn"


class TokenSourceRefused(Unauthenticated):
    """The one-time token may not be redeemed from this address. Use it where it was meant for, or ask the
    administrator for a new one.
    """

    code = "token_source_refused"
