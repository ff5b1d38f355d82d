"""The web's log: one record for each outcome."""

from collections.abc import Mapping

from connector.domain.refusals import Refusal, Unavailable
from connector.domain.refusals.callers import JWTRefused
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.audit import CIRCUMSTANCES
from connector.system.meters import meters
from connector.system.telemetry import logger
from connector.web.observing import INTERNAL, REFUSALS

log = logger()


def note(error: BaseException) -> None:
    """Log a refusal by its code, and any other error with all details, with the request in which it happened."""
    request = _request()
    meters().add(REFUSALS, (error.code if isinstance(error, Refusal) else INTERNAL,))
    if isinstance(error, StorageUnavailable):
        log.warning("storage.unavailable", code=error.code, reason=_reason(error.__cause__), **request)
    elif isinstance(error, Unavailable):
        log.error("ca.unavailable", code=error.code, reason=_reason(error.__cause__), **request)
    elif isinstance(error, JWTRefused):
        log.info("request.refused", code=error.code, reason=str(error), **request)  # which holds nothing of the token
    elif isinstance(error, Refusal):
        log.info("request.refused", code=error.code, **request)
    else:
        log.error("internal", exc_info=error, **request)


def _request() -> Mapping[str, str | None]:
    found = CIRCUMSTANCES.get()
    if found is None:
        return {}
    return {"address": found.address, "method": found.method, "path": found.path, "request_id": found.request_id}


def _reason(cause: BaseException | None) -> str | None:
    """The first line of the database's message: for operators, not for callers."""
    if cause is None:
        return None
    said = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    return said[0] if said else type(cause).__name__
