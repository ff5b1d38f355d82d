"""Certificates of adopted CAs are recorded before the application is asked, which then finds them like all others."""

from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.refusals import Unavailable
from connector.usecases.adoption import SETTLED, Adoption, Verdict
from connector.web.answers import error_answer
from connector.web.callers import certificate
from connector.web.notes import log


def adopting(app: ASGIApp, adoption: Adoption) -> ASGIApp:
    """The application, for whose callers their certificates are recorded first, where these may be adopted.

    A certificate that may not be adopted is not recorded, and the application refuses it as unknown. The log says why.
    When it cannot be found out, the answer is that of an unavailable storage: "unknown" would be a reason to enroll
    again.
    """

    async def adopt_first(scope: Scope, receive: Receive, send: Send) -> None:
        presented = certificate(scope) if scope["type"] == "http" else None
        if presented is not None:
            try:
                _note(await adoption.meet(presented))
            except Unavailable as refusal:
                await error_answer(refusal)(scope, receive, send)
                return
        await app(scope, receive, send)

    return adopt_first


def _note(verdict: Verdict) -> None:
    if verdict not in SETTLED:
        log.warning("certificate.not_adopted", why=verdict.value)
