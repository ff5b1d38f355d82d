"""An API key is refused."""

from connector.domain.refusals.callers import Unauthenticated


class KeyUnknown(Unauthenticated):
    """The API key is unknown. Check that it was copied completely, or ask an administrator for a new one."""

    code = "key_unknown"


class KeyExpired(Unauthenticated):
    """The API key has expired. Ask an administrator for a new one."""

    code = "key_expired"


class KeyRevoked(Unauthenticated):
    """The API key has been revoked. Ask an administrator for a new one."""

    code = "key_revoked"
