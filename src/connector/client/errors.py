"""How a call can end other than well."""

import ssl
from collections.abc import Iterator
from typing import TypeVar

E = TypeVar("E", bound=BaseException)

RETRIED = frozenset(
    {
        "storage_unavailable",
        "storage_full",
        "storage_read_only",
        "overloaded",
        "too_many_attempts",
        "request_timeout",
        "internal",
        "no_answer",
    }
)
"""The codes after which the same request may go well later; every other one is the server's last word."""

# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_BY_THE_CLOCK = {9: "is not valid yet", 10: "has expired"}


class Refused(Exception):  # noqa: N818 - named for what happened
    """The server refused. ``code`` is its stable code (docs/errors.md), the text its sentence.

    ``retry_after`` is how many seconds to wait before the next try, where the server says so.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after

    @property
    def is_final(self) -> bool:
        """Whether the same request will be refused again, however often it is sent."""
        return self.code not in RETRIED


class Untrusted(Exception):  # noqa: N818 - named for what happened
    """The server is not the one that it should be. No credential was sent to it."""


def says_expired(error: BaseException) -> bool:
    """Whether a connection failed because the server holds our certificate to have expired (RFC 8446 6.2)."""
    return any("ALERT_CERTIFICATE_EXPIRED" in (each.reason or "") for each in _causes(error, ssl.SSLError))


def distrust(error: BaseException) -> Untrusted | None:
    """The reason, if a connection failed because the server's certificate was not good."""
    cause = next(_causes(error, ssl.SSLCertVerificationError), None)
    if cause is None:
        return None
    if cause.verify_code in _BY_THE_CLOCK:
        return Untrusted(
            f"By this machine's clock the server's certificate {_BY_THE_CLOCK[cause.verify_code]}. Check the clock "
            "first; if it is right, tell the administrator. Nothing was sent."
        )
    return Untrusted(
        f"The server cannot prove that it is the right one: {cause.verify_message}. Nothing was sent. Somebody may be "
        "in between; ask the administrator."
    )


def _causes(error: BaseException, kind: type[E]) -> Iterator[E]:
    """Those of that kind among the error and what led to it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kind):
            yield cause
        cause = cause.__cause__ or cause.__context__
