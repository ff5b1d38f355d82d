"""One operation of the legacy REST API at one path, as an ASGI application."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector.domain.principals import Holder
from connector.domain.refusals.callers import CredentialMissing
from connector.domain.refusals.requests import MethodNotAllowed
from connector.domain.refusals.tokens import TokenUnknown
from connector.web.callers import certificate_fingerprint, source
from connector.web.legacy.answers import legacy_error
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
    """What every endpoint of a process shares, of every API: the counts of guesses, of requests and of refusals."""

    throttle: Throttle
    shares: Shares
    patience: Patience


@dataclass(frozen=True, slots=True)
class LegacyEndpoint:
    """One operation. HEAD is no GET here: to ask for information spends a token."""

    method: str
    operation: Operation
    guards: Guards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        async with AsyncExitStack() as held:  # the caller's share, until the peer has taken its answer
            try:
                fingerprint = certificate_fingerprint(scope)
                caller = Holder(fingerprint) if fingerprint is not None else None
                seat = held.enter_context(self.guards.shares.seat(caller))
                answer = await self._answer(Call(scope, receive, seat))
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and we a report
                answer = await self._refused(error, scope)
            await answer(scope, receive, send)

    async def _answer(self, call: Call) -> Response:
        if call.scope["method"] != self.method:
            raise MethodNotAllowed(f"This method is not allowed here. Send {self.method}.")
        answer = await self.operation(call)
        vouch(call.scope)
        return answer

    async def _refused(self, error: Exception, scope: Scope) -> Response:
        note(error)
        if isinstance(error, TokenUnknown):
            self.guards.throttle.failed(source(scope))
        if isinstance(error, CredentialMissing):
            await self.guards.patience.wait(source(scope))
        # RFC 9110 15.5.6
        return legacy_error(error, {"allow": self.method} if isinstance(error, MethodNotAllowed) else None)
