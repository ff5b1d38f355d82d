"""The authorization server of OAuth 2.0 clients: token endpoint, revocation endpoint, metadata.

RFC 6749 for client credentials, RFC 7009 for revocation, RFC 8414 for the metadata.
"""

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from connector.domain.clients import SCOPES
from connector.domain.pairing import METADATA_PATH, REVOCATION_PATH, TOKEN_PATH, Links
from connector.domain.refusals import Refusal
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.clients import ClientUnknown, GrantTypeUnsupported, OAuthRequestInvalid
from connector.domain.refusals.requests import BadRequest, MethodNotAllowed
from connector.usecases.clients import Authorization, ClientCredentials
from connector.web.answers import error_answer, json_answer, retry_after
from connector.web.notes import note
from connector.web.problems import problem
from connector.web.requests import BodyLimits, header, read_body, vouch
from connector.web.shares import Seat, Shares
from connector.web.throttle import Throttle

MOST_PARAMETERS = 40
GRANT_TYPE = "client_credentials"
METHODS = ["client_secret_basic", "client_secret_post"]

_CHALLENGE = {"www-authenticate": 'Basic realm="connector", charset="UTF-8"'}
_NOT_IN_DESCRIPTION = re.compile(r"[^ !#-\[\]-~]")  # RFC 6749 5.2

Parameters = Mapping[str, str]
Answer = Callable[[ClientCredentials, Parameters, Seat], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """The paths of the authorization server."""

    authorization: Authorization
    links: Links
    limits: BodyLimits
    throttle: Throttle
    shares: Shares
    more: Mapping[str, object] = field(default_factory=dict)
    """The metadata of identity tokens, where there are any."""

    def routes(self) -> Sequence[BaseRoute]:
        """Where they are served."""
        return [
            Route(TOKEN_PATH, self.token, methods=["POST"]),
            Route(REVOCATION_PATH, self.revocation, methods=["POST"]),
            Route(METADATA_PATH, self.metadata),
        ]

    async def metadata(self, _: Request) -> Response:
        """The metadata of this server for clients (RFC 8414 2)."""
        return json_answer(
            {
                "issuer": self.links.issuer,
                "token_endpoint": self.links.token_endpoint,
                "token_endpoint_auth_methods_supported": METHODS,
                "revocation_endpoint": f"{self.links.issuer}{REVOCATION_PATH}",
                "revocation_endpoint_auth_methods_supported": METHODS,
                "grant_types_supported": [GRANT_TYPE],
                "response_types_supported": [],
                "scopes_supported": sorted({scope.value for scopes in SCOPES.values() for scope in scopes}),
                **self.more,
            }
        )

    async def token(self, request: Request) -> Response:
        """An access token for client credentials (RFC 6749 4.4)."""
        return await self._serve(request, self._grant)

    async def revocation(self, request: Request) -> Response:
        """The end of an access token (RFC 7009)."""
        return await self._serve(request, self._revoke)

    async def _grant(self, presented: ClientCredentials, parameters: Parameters, seat: Seat) -> Response:
        check_grant_type(parameters)
        granted = await self.authorization.grant(presented, parameters.get("scope"), enter=seat.enter)
        return token_answer(granted.secret.text, granted.lifetime, scope=" ".join(sorted(granted.scopes)))

    async def _revoke(self, presented: ClientCredentials, parameters: Parameters, seat: Seat) -> Response:
        if "token" not in parameters:
            raise OAuthRequestInvalid("The parameter token is missing. Send the access token that is to end.")
        await self.authorization.revoke(presented, parameters["token"], enter=seat.enter)
        return json_answer({})

    async def _serve(self, request: Request, answer: Answer) -> Response:
        source = request.client.host if request.client is not None else None
        try:
            self.throttle.admit(source)
            parameters = await read_parameters(request, self.limits)
            presented = _credentials(header(request.scope, b"authorization"), parameters)
            # Of the id and the secret: whoever knows the id alone takes nothing of the client's share.
            with self.shares.seat(presented) as seat:
                answered = await answer(presented, parameters, seat)
        except ClientUnknown as refusal:
            self.throttle.failed(source)
            return refused(refusal, _CHALLENGE)
        except Refusal as refusal:
            return refused(refusal)
        vouch(request.scope)
        return answered


async def answer_form(
    scope: Scope, receive: Receive, send: Send, respond: Callable[[Request], Awaitable[Response]]
) -> None:
    """Answer one POST outside of Starlette's routes; whatever goes wrong, in the shape of RFC 6749 5.2."""
    if scope["method"] != "POST":
        await error_answer(MethodNotAllowed(), {"allow": "POST"})(scope, receive, send)
        return
    try:
        answer = await respond(Request(scope, receive))
    except Refusal as refusal:
        answer = refused(refusal)
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and we a report
        note(error)
        answer = error_answer(error)
    await answer(scope, receive, send)


async def read_parameters(request: Request, limits: BodyLimits) -> Parameters:
    """The parameters of the body; those without a value are left out (RFC 6749 3.2).

    Raises:
        OAuthRequestInvalid: they cannot be read, or stand in the URL, where they would get into logs (2.3.1).
        BadRequest: the body breaks a limit.
    """
    if request.scope["query_string"]:
        raise OAuthRequestInvalid(
            "Parameters in the URL are refused. Send them in the body, and renew a secret that was among them."
        )
    media_type = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise OAuthRequestInvalid
    body = await read_body(request.scope, request.receive, limits, anonymous=True)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise OAuthRequestInvalid from error
    if len(dict(pairs)) != len(pairs):
        raise OAuthRequestInvalid("A parameter was sent more than once. Send each once.")
    return {name: value for name, value in pairs if value}


def check_grant_type(parameters: Parameters) -> None:
    """Return if the grant type is that of client credentials.

    Raises:
        OAuthRequestInvalid, GrantTypeUnsupported: it is missing, or another.
    """
    if "grant_type" not in parameters:
        raise OAuthRequestInvalid("The parameter grant_type is missing. Send grant_type=client_credentials.")
    if parameters["grant_type"] != GRANT_TYPE:
        raise GrantTypeUnsupported


def token_answer(text: str, lifetime: timedelta, **more: str) -> Response:
    """The answer with an access token (RFC 6749 5.1)."""
    content = {"access_token": text, "token_type": "Bearer", "expires_in": int(lifetime.total_seconds()), **more}
    return json_answer(content, headers={"pragma": "no-cache"})


def _credentials(authorization: str | None, parameters: Parameters) -> ClientCredentials:
    """The client credentials, from the header or from the body (RFC 6749 2.3.1).

    Raises:
        OAuthRequestInvalid: they are in both.
        ClientUnknown: they are in neither, or cannot be any.
    """
    id_, secret = parameters.get("client_id"), parameters.get("client_secret")
    if authorization is not None:
        basic = _basic(authorization)
        if secret is not None or id_ not in (None, basic.id):
            raise OAuthRequestInvalid("Client credentials came in the header and in the body. Send them once.")
        return basic
    if id_ is None or secret is None or "\0" in id_:
        raise ClientUnknown
    return ClientCredentials(id_, secret)


def _basic(authorization: str) -> ClientCredentials:
    """The credentials of HTTP Basic (RFC 7617), whose parts are form-encoded in themselves (RFC 6749 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        id_, colon, secret = b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        found = ClientCredentials(unquote_plus(id_, errors="strict"), unquote_plus(secret, errors="strict"))
    except ValueError as error:
        raise ClientUnknown from error
    if scheme.lower() != "basic" or not colon or "\0" in found.id:
        raise ClientUnknown
    return found


def refused(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The refusal as RFC 6749 5.2 has it."""
    note(refusal)
    code = refusal.code
    if isinstance(refusal, BadRequest):
        code = OAuthRequestInvalid.code
    elif isinstance(refusal, Unauthenticated):
        code = ClientUnknown.code
    description = _NOT_IN_DESCRIPTION.sub("'", " ".join(str(refusal).split()))
    return json_answer(
        {"error": code, "error_description": description},
        status=problem(refusal).status,
        headers={**retry_after(refusal), **(headers or {})},
    )
