"""What the web writes to the log: one record for each outcome."""

from connector.errors import Refusal
from connector.telemetry import logger

log = logger()


def note(error: BaseException) -> None:
    """Write down a refusal by its code; whatever else went wrong, with all that is known of it."""
    if isinstance(error, Refusal):
        log.info("request.refused", code=error.code)
    else:
        log.error("internal", exc_info=error)
