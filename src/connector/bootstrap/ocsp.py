"""The OCSP responder while a process serves: its certificates are made and replaced."""

import asyncio
from secrets import token_bytes

from connector.domain.refusals import Unavailable
from connector.ports.transaction import Clock, Store
from connector.settings import Settings
from connector.system import telemetry
from connector.usecases.issuers import Issuers
from connector.usecases.ocsp import OCSP, Responders

# Nothing is read or signed unless one is due: an issuer that is new has its responder after this time.
ROUND_SECONDS = 3.0
# After one could not be made.
PAUSE_SECONDS = 30.0


def responder(settings: Settings, issuers: Issuers, store: Store, clock: Clock) -> OCSP:
    """The OCSP responders of the issuers in the data directory."""
    return OCSP(store, Responders(issuers, clock, token_bytes), clock, settings.ocsp.validity)


async def keep_answering(responders: Responders) -> None:
    """Make the responders that are due, until cancelled. A failure is logged, and tried again."""
    log = telemetry.logger()
    while True:
        pause = ROUND_SECONDS
        for scope in responders.due:
            try:
                made = await responders.make(scope)
            except Unavailable as error:
                log.warning("ocsp.failed", issuer=scope.title, code=error.code)
                pause = PAUSE_SECONDS
            except Exception:  # the other issuers' responders are made all the same
                log.exception("ocsp.failed", issuer=scope.title)
                pause = PAUSE_SECONDS
            else:
                log.info("ocsp.made", issuer=scope.title, not_after=made.last.isoformat())
        await asyncio.sleep(pause)
