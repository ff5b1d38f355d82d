"""The web's log: one record for each outcome."""

from connector.domain.refusals import Refusal, Unavailable
from connector.domain.refusals.storage import StorageUnavailable
from connector.system.telemetry import logger

log = logger()


def note(error: BaseException) -> None:
    """Log a refusal by its code, and any other error with all details."""
    if isinstance(error, StorageUnavailable):
        log.warning("storage.unavailable", code=error.code, reason=_reason(error.__cause__))
    elif isinstance(error, Unavailable):
        log.error("ca.unavailable", code=error.code, reason=_reason(error.__cause__))
    elif isinstance(error, Refusal):
        log.info("request.refused", code=error.code)
    else:
        log.error("internal", exc_info=error)


def _reason(cause: BaseException | None) -> str | None:
    """The first line of the database's message: for operators, not for callers."""
    if cause is None:
        return None
    said = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    return said[0] if said else type(cause).__name__
