"""A limit of the settings is reached. Each refusal names the setting and its value."""

from connector.domain.refusals import Refusal


class LimitReached(Refusal):
    """A limit of the settings is reached. Try again later, or ask the administrator to raise the setting that is named.

    ``limit`` is the setting, ``value`` its value; ``retry_after`` is in seconds, None where waiting does not help.
    """

    code = "limit_reached"

    def __init__(self, limit: str = "", value: int = 0, reason: str = "", *, retry_after: int | None = None) -> None:
        advice = "Ask the administrator to raise it." if retry_after is None else f"Try again in {retry_after} s."
        super().__init__(reason and f"{reason}: the limit is {limit} = {value}. {advice}")
        self.limit = limit
        self.value = value
        self.retry_after = retry_after


class RateLimited(LimitReached):
    """There were too many requests in a short time. Try again after the time in the message."""

    code = "rate_limited"


class QuotaExceeded(LimitReached):
    """The limit that the message names is reached. Remove what is not needed, wait if the message gives a time, or ask
    the administrator to raise the limit.
    """

    code = "quota_exceeded"
