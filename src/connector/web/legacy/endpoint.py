"""The operations of the legacy REST API at one path, as an ASGI application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector.domain.principals import PresentedCertificate
from connector.domain.refusals.callers import CredentialMissing
from connector.domain.refusals.requests import MethodNotAllowed
from connector.domain.refusals.tokens import TokenUnknown
from connector.web.callers import certificate_fingerprint, source
from connector.web.legacy.answers import Describe, described, legacy_error
from connector.web.legacy.call import Call
from connector.web.notes import note
from connector.web.patience import Patience
from connector.web.requests import vouch
from connector.web.shares import Shares
from connector.web.throttle import Throttle

Operation = Callable[[Call], Awaitable[Response]]
"""Answers a request with a good credential, or raises."""


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards that all endpoints of a process share: the counts of guesses, of requests and of refusals."""

    throttle: Throttle
    shares: Shares
    patience: Patience


@dataclass(frozen=True, slots=True)
class LegacyEndpoint:
    """The operations of a path by their methods. HEAD is no GET here: to ask for information spends a token."""

    operations: Mapping[str, Operation]
    guards: Guards
    describe: Describe = described

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        with self.guards.shares.seat() as seat:  # until the peer has taken its answer
            try:
                fingerprint = certificate_fingerprint(scope)
                if fingerprint is not None:
                    seat.take(PresentedCertificate(fingerprint))
                answer = await self._answer(Call(scope, receive, seat))
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and we a report
                answer = await self._refused(error, scope)
            await answer(scope, receive, send)

    async def _answer(self, call: Call) -> Response:
        operation = self.operations.get(call.scope["method"])
        if operation is None:
            raise MethodNotAllowed(f"This method is not allowed here. Send {' or '.join(self.operations)}.")
        answer = await operation(call)
        vouch(call.scope)
        return answer

    async def _refused(self, error: Exception, scope: Scope) -> Response:
        note(error)
        if isinstance(error, TokenUnknown):
            self.guards.throttle.failed(source(scope))
        if isinstance(error, CredentialMissing):
            await self.guards.patience.wait(source(scope))
        # RFC 9110 15.5.6
        allow = {"allow": ", ".join(self.operations)} if isinstance(error, MethodNotAllowed) else None
        return legacy_error(error, allow, describe=self.describe)
