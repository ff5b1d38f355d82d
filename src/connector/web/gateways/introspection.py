"""Introspection (RFC 7662): whether an identity token still holds, for those who must know of a revocation at once."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector.domain.refusals.clients import OAuthRequestInvalid
from connector.usecases.identity_tokens import IdentityTokens
from connector.web.answers import json_answer
from connector.web.gateways.proxies import Proxies
from connector.web.oauth import answer_form, read_parameters
from connector.web.requests import BodyLimits

INACTIVE = {"active": False}


@dataclass(frozen=True, slots=True)
class IntrospectionEndpoint:
    """The endpoint, as an ASGI application. It answers named gateways only."""

    tokens: IdentityTokens
    proxies: Proxies
    limits: BodyLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await answer_form(scope, receive, send, self._judge)

    async def _judge(self, request: Request) -> Response:
        self.proxies.check(request.scope)
        parameters = await read_parameters(request, self.limits)
        if "token" not in parameters:
            raise OAuthRequestInvalid("The parameter token is missing. Send the token that is to be judged.")
        claims = await self.tokens.introspect(parameters["token"])
        return json_answer(INACTIVE if claims is None else {"active": True, **claims})
