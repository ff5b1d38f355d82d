"""GraphQL over HTTP: GET and POST, one operation a request."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.principals import AdminHolder, Anonymous, Bearer, PresentedCertificate, PresentedToken
from connector.domain.refusals import Refusal, Unavailable
from connector.domain.refusals.callers import CredentialMissing, JWTRefused, Unauthenticated
from connector.domain.refusals.clients import AccessTokenUnknown
from connector.domain.refusals.keys import KeyUnknown
from connector.domain.refusals.quotas import LimitReached
from connector.domain.refusals.requests import (
    AnswerTooLarge,
    BadRequest,
    DocumentInvalid,
    DocumentTooComplex,
    MethodNotAllowed,
    Overloaded,
    QueryTooExpensive,
    UnsupportedMediaType,
)
from connector.domain.refusals.tokens import TokenUnknown
from connector.domain.strict_json import JSONError, read, read_text
from connector.web.answers import error_answer, json_answer
from connector.web.graphql.allowance import AnswerLimits
from connector.web.graphql.call import Call
from connector.web.graphql.cost import DEAR
from connector.web.graphql.documents import Documents, Prepared
from connector.web.graphql.encoding import AnswerMemory, Encoding
from connector.web.graphql.execution import Execution
from connector.web.graphql.faults import explain
from connector.web.graphql.glance import Asked
from connector.web.graphql.lane import Payer
from connector.web.graphql.recognition import Denied, Recognizer
from connector.web.graphql.text import Text, lift
from connector.web.graphql.vouching import vouch_by
from connector.web.notes import note
from connector.web.patience import Patience
from connector.web.pieces import pieced_answer
from connector.web.problems import graphql_error
from connector.web.requests import BodyLimits, header, read_body
from connector.web.shares import Seat, Shares
from connector.web.throttle import Throttle, network

MAX_QUERY_PARAMETERS = 10

# Refusals that a guess meets. A known credential that is spent, expired or revoked is none, except for an access token
# that was revoked or removed: without its row it looks like a guess.
GUESSES = (TokenUnknown, KeyUnknown, AccessTokenUnknown, JWTRefused)

# What is met while an answer is made, and is said of the request as a whole.
TOO_MUCH = (AnswerTooLarge, QueryTooExpensive, Overloaded)

ALLOW = {"allow": "GET, POST"}  # RFC 9110 15.5.6


Authenticate = Callable[[Scope], Call]
"""Reads who calls from a request's headers and connection. Whether it is true is for the operation to find out."""


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request (the "GraphQL over HTTP" members that we know)."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None


@dataclass(frozen=True, slots=True)
class GraphQLEndpoint:
    """One schema at one path, as an ASGI application."""

    schema: GraphQLSchema
    documents: Documents
    authenticate: Authenticate
    recognizer: Recognizer
    limits: BodyLimits
    throttle: Throttle
    shares: Shares
    answers: AnswerLimits = field(default_factory=AnswerLimits)
    patience: Patience = field(default_factory=Patience)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        # Until the peer has taken its answer it has its shares, the memory, and its turn if the answer is a dear one.
        with self.shares.seat() as seat:
            try:
                call = self.authenticate(scope)
                call.seat = seat
                if isinstance(call.principal, Bearer | PresentedCertificate | AdminHolder):
                    seat.take(call.principal)
                answer = await self._answer(call, scope, receive, seat)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer, and we a report
                note(error)
                answer = error_answer(error, ALLOW if isinstance(error, MethodNotAllowed) else None)
            await answer(scope, receive, send)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, seat: Seat) -> ASGIApp:
        if isinstance(call.principal, PresentedToken | Bearer):
            self.throttle.admit(call.source)
        request = await self._read(scope, receive, anonymous=isinstance(call.principal, Anonymous))
        text = lift(request.query)
        prepared = self.documents.known(text)
        if prepared is None:
            # Nobody has anything judged before it is known who pays for it.
            payer = await self._payer(scope, call, text, request.operation_name)
            if isinstance(payer, Denied):
                return await self._refused(payer, call)
            prepared = await self.documents.judge(text, payer)
        if scope["method"] == "GET":
            _refuse_mutation(prepared, request.operation_name)
        cost = prepared.costs.of(request.operation_name)
        total = 0 if cost is None else cost.admit(request.variables, self.answers.cost)
        if cost is None or cost.is_mutation:
            result = await self._execute(prepared, request, call)
            return json_answer(self._content(scope, prepared.document, result, call))
        encoding = Encoding(AnswerMemory(self.answers.octets, self.answers.budget))
        seat.keep(encoding.memory.free)
        if total <= DEAR:
            result = await self._execute(prepared, request, call, encoding=encoding)
        else:
            seat.keep(await self.answers.dear.turn(call.principal))
            async with self.answers.dear.made():
                await _check_peer(receive)
                result = await self._execute(prepared, request, call, encoding=encoding)
        return pieced_answer(
            encoding.whole(self._content(scope, prepared.document, result, call)), encoding.memory.shrink
        )

    def _content(self, scope: Scope, document: DocumentNode, result: ExecutionResult, call: Call) -> Mapping[str, Any]:
        """What is answered.

        Raises:
            Refusal: the request as a whole is refused.
        """
        if not result.errors:
            vouch_by(scope, document, result.data)
            return {"data": result.data}
        for error in result.errors:
            if isinstance(error.original_error, GUESSES):
                self.throttle.failed(call.source)
            if error.path is None:  # graphql-core's own: a variable that does not fit, an operation that is not there
                raise DocumentInvalid(explain(error))
            cause = error.original_error
            if isinstance(cause, TOO_MUCH):
                raise cause
            if cause is not None and _may_be_sent_again(cause) and not any((result.data or {}).values()):
                raise cause  # nothing was done: the request as a whole may be sent again
        return {"errors": [_entry(error) for error in result.errors], "data": result.data}

    async def _payer(self, scope: Scope, call: Call, text: Text, operation_name: str | None) -> Payer | Denied:
        """On whose account a document is judged that is not known yet, or why it is not.

        Raises:
            DocumentInvalid, DocumentTooComplex, MethodNotAllowed: the caller is not known, and the document is bad.
        """
        asked: Asked | Refusal
        try:
            asked = self.documents.glance(text, operation_name)
        except (DocumentInvalid, DocumentTooComplex) as refusal:
            asked = refusal
        source = network(call.source)
        if isinstance(asked, Asked) and self.recognizer.is_open(asked):
            return Payer(source, None)
        try:
            return Payer(
                source, await self.recognizer.recognize(call, asked.roots[0].name if isinstance(asked, Asked) else None)
            )
        except Unauthenticated as refusal:
            if isinstance(asked, Refusal):
                if isinstance(refusal, GUESSES):
                    self.throttle.failed(call.source)
                raise asked from refusal
            if scope["method"] == "GET" and asked.type is not OperationType.QUERY:
                raise MethodNotAllowed from refusal
            return Denied(asked, refusal)

    async def _refused(self, denied: Denied, call: Call) -> ASGIApp:
        note(denied.refusal)
        if isinstance(denied.refusal, CredentialMissing):
            await self.patience.wait(call.source)
        if isinstance(denied.refusal, GUESSES):
            self.throttle.failed(call.source)
        return json_answer(denied.content(self.documents.schema))

    async def _read(self, scope: Scope, receive: Receive, *, anonymous: bool) -> Request:
        if scope["method"] == "GET":
            return _from_parameters(scope["query_string"])
        if scope["method"] != "POST":
            raise MethodNotAllowed
        # RFC 9110 8.3.1: the media type is what stands before the parameters, in any case.
        # A body without one is refused too: a page of another origin can have a browser send that, certificate and all.
        media_type = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
        if media_type not in ("application/json", "application/graphql+json"):
            raise UnsupportedMediaType
        return _from_json(await read_body(scope, receive, self.limits, anonymous=anonymous))

    async def _execute(
        self, prepared: Prepared, request: Request, call: Call, *, encoding: Encoding | None = None
    ) -> ExecutionResult:
        result = execute(
            self.schema,
            prepared.document,
            context_value=call,
            variable_values={**request.variables, **prepared.lifted},
            operation_name=request.operation_name,
            executor_class=Execution,
            encoding=encoding,
            shape=prepared.shape,
        )
        found = await result if isawaitable(result) else result
        if found.errors and isinstance(found.errors[0].original_error, CredentialMissing):
            await self.patience.wait(call.source)
        return found


def _may_be_sent_again(error: Exception) -> bool:
    """Whether the same request is granted later, so that the answer as a whole says when (Retry-After)."""
    return isinstance(error, Unavailable) or (isinstance(error, LimitReached) and error.retry_after is not None)


async def _check_peer(receive: Receive) -> None:
    """Make no dear answer for somebody who has gone while it waited for its turn.

    Raises:
        BadRequest: nobody is there to read it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            if (await receive())["type"] == "http.disconnect":
                raise BadRequest("The client went away before its answer was made.")


def _entry(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error or error
    note(cause)
    return {**graphql_error(cause), "path": error.path}


def _from_json(body: bytes) -> Request:
    try:
        content = read(body)
    except JSONError as error:
        raise BadRequest(
            f"The request body is refused: {error}. Send a JSON object with query and variables."
        ) from error
    if not isinstance(content, dict):
        raise BadRequest("The request body must be one JSON object. Batches are not served; send one request each.")
    return _request(content.get("query"), content.get("variables"), content.get("operationName"))


def _from_parameters(query_string: bytes) -> Request:
    try:
        found = parse_qs(
            query_string.decode("ascii"),
            max_num_fields=MAX_QUERY_PARAMETERS,
            keep_blank_values=True,
            errors="strict",
        )
        parameters = {name: values[0] for name, values in found.items()}
        variables = read_text(parameters.get("variables") or "null")
    except ValueError as error:
        raise BadRequest("The query parameters cannot be read. Send query, and variables as JSON.") from error
    return _request(parameters.get("query"), variables, parameters.get("operationName") or None)


def _request(query: object, variables: object, operation_name: object) -> Request:
    if not isinstance(query, str) or not query:
        raise BadRequest("There is no GraphQL document. Send it as the string query.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("The variables must be a JSON object, or null.")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadRequest("The operationName must be a string, or null.")
    return Request(query, variables or {}, operation_name or None)


def _refuse_mutation(prepared: Prepared, operation_name: str | None) -> None:
    """Mutations come by POST alone: links, caches and previews send a GET by themselves."""
    for node in prepared.document.definitions:
        if (
            isinstance(node, OperationDefinitionNode)
            and node.operation is not OperationType.QUERY
            and (operation_name is None or (node.name is not None and node.name.value == operation_name))
        ):
            raise MethodNotAllowed
