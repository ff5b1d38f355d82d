"""An API key is refused."""

from connector.domain.refusals.callers import Unauthenticated


class KeyUnknown(Unauthenticated):
    """The API key is not known here. Check that it was copied whole; the first one is in the file admin.key."""

    code = "key_unknown"


class KeyExpired(Unauthenticated):
    """The API key has expired. Ask an administrator for a new one."""

    code = "key_expired"


class KeyRevoked(Unauthenticated):
    """The API key has been revoked. Ask an administrator for a new one."""

    code = "key_revoked"
