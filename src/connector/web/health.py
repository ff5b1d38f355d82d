"""Alive, and ready."""

import time
from asyncio import Lock, timeout
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from connector.domain.refusals import Unavailable
from connector.domain.refusals.issuers import SignerUnavailable
from connector.domain.refusals.storage import StorageUnavailable
from connector.ports.oidc import Bearers
from connector.ports.transaction import Clock, Store
from connector.usecases.crls import PublishedCRLs
from connector.usecases.enrollment import Enrollment
from connector.web.answers import json_answer
from connector.web.notes import note
from connector.web.problems import body

PROBE_SECONDS = 5.0
KEPT_SECONDS = 1.0


async def healthz(_: Request) -> Response:
    """Answer "ok": the process runs and its event loop turns."""
    return PlainTextResponse("ok")


@dataclass(slots=True)
class Readiness:
    """Whether a certificate could be issued now: a transaction is written and committed, and the issuer's key signs.

    Anybody may ask, so that an answer is kept for a second, and one asks at a time. An OpenID Connect issuer that is
    away is a warning: holders of certificates and API keys go on as before, and no replica would be better off. So is a
    CRL that is overdue: it is still served until its end.
    """

    store: Store
    enrollment: Enrollment
    clock: Clock
    bearers: Bearers | None = None
    crls: PublishedCRLs | None = None
    _failure: BaseException | None = None
    _asked: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    async def readyz(self, _: Request) -> Response:
        """Answer 200, or 503 with the reason."""
        async with self._lock:
            if time.monotonic() - self._asked >= KEPT_SECONDS:
                self._failure = await self._ask()
                self._asked = time.monotonic()
        if self._failure is None:
            warnings = self._warnings()
            return json_answer({"status": "ready", **({"warnings": warnings} if warnings else {})})
        return json_answer({"status": "not ready", **body(self._failure)}, status=503)

    def _warnings(self) -> Sequence[str]:
        ailing = self.bearers.ailing() if self.bearers is not None else None
        overdue = self.crls.warnings(now=self.clock()) if self.crls is not None else []
        return [*([ailing] if ailing else []), *overdue]

    async def _ask(self) -> BaseException | None:
        try:
            await _within(StorageUnavailable, self.store.probe())
            await _within(SignerUnavailable, self.enrollment.prove_signer())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a reason not to be ready
            note(error)
            return error
        return None


async def _within(refusal: type[Unavailable], answer: Awaitable[None]) -> None:
    try:
        async with timeout(PROBE_SECONDS):
            await answer
    except TimeoutError as error:
        raise refusal from error
