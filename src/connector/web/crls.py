"""The targets of certificates' pointers: CRLs (RFC 5280 4.2.1.13) and the certificates of their CAs (4.2.2.1), by HTTP.

CRLs are served octet for octet as they were signed, and are cheap to ask for again.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.refusals import Refusal
from connector.domain.refusals.crls import CRLUnknown
from connector.ports.transaction import Clock
from connector.usecases.crls import CRL, PublishedCRLs
from connector.web.answers import error_answer
from connector.web.pieces import PiecedAnswer

# RFC 2585 4.1 and 4.2
CERTIFICATE_TYPE, CRL_TYPE = "application/pkix-cert", "application/pkix-crl"
CERTIFICATE_SECONDS = 3600
# Caches must not keep a revocation back for longer than it takes to publish one.
FRESH_SECONDS = 30

_SCOPE_OCTETS = 32


@dataclass(frozen=True, slots=True)
class CRLEndpoints:
    """Serves the CRLs that are published, and the certificates of the CAs that signed them."""

    published: PublishedCRLs
    clock: Clock

    def routes(self) -> list[BaseRoute]:
        """The CRL and the certificate of each CA by its scope, and the CRLs of the issuing CA and the root of today by
        name.
        """
        return [
            Route("/ca/{scope}.crt", _Endpoint(self._certificate), methods=["GET"]),
            self._route("/crl/{scope}.crl", lambda request: _scope(request.path_params["scope"])),
            self._route("/issuing.crl", lambda _: self.published.issuing),
            self._route("/root.crl", lambda _: self.published.root),
        ]

    def _route(self, path: str, find: Callable[[Request], bytes]) -> Route:
        return Route(path, _Endpoint(lambda request: self._answer(request, find)), methods=["GET"])

    def _certificate(self, request: Request) -> ASGIApp:
        try:
            octets = self.published.certificate(_scope(request.path_params["scope"]))
        except Refusal as refusal:
            return error_answer(refusal, {"cache-control": "no-store"})
        # By this name there may be a newer one some day: the CA's certificate is renewed with the same key.
        headers = {"cache-control": f"max-age={CERTIFICATE_SECONDS}", "x-content-type-options": "nosniff"}
        return Response(octets, media_type=CERTIFICATE_TYPE, headers=headers)

    def _answer(self, request: Request, find: Callable[[Request], bytes]) -> ASGIApp:
        now = self.clock()
        try:
            crl = self.published.find(find(request), now=now)
        except Refusal as refusal:
            return error_answer(refusal, {"cache-control": "no-store"})
        headers = _headers(crl, now)
        if _is_known(request, crl):
            return Response(status_code=304, headers=headers)
        headers = {**headers, "content-type": CRL_TYPE, "x-content-type-options": "nosniff"}
        return PiecedAnswer(deque([crl.octets]), lambda _: None, headers)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An ASGI application that is one for each request. As an object, a route hands it the bare scope."""

    answer: Callable[[Request], ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        request = Request(scope, receive)
        await self.answer(request)(scope, receive, send)


def _scope(text: str) -> bytes:
    """The scope that a path names.

    Raises:
        CRLUnknown: it names none.
    """
    try:
        scope = bytes.fromhex(text)
    except ValueError as error:
        raise CRLUnknown from error
    if len(scope) != _SCOPE_OCTETS or text != scope.hex():
        raise CRLUnknown
    return scope


def _headers(crl: CRL, now: datetime) -> Mapping[str, str]:
    left = int((crl.record.next_update - now).total_seconds())
    return {
        "etag": _tag(crl),
        "last-modified": format_datetime(crl.record.this_update, usegmt=True),
        "cache-control": f"public, max-age={max(0, min(FRESH_SECONDS, left))}, must-revalidate",
    }


def _tag(crl: CRL) -> str:
    return f'"{crl.digest}"'


def _is_known(request: Request, crl: CRL) -> bool:
    """Whether the client has this very CRL. If-None-Match goes before If-Modified-Since (RFC 9110 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or _tag(crl) in {each.strip().removeprefix("W/") for each in tags.split(",")}
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        # The same time, and not a later one: after a clock was set back, a newer CRL may have an earlier time.
        return parsedate_to_datetime(since) == crl.record.this_update
    except (ValueError, OverflowError):  # a year or an offset of twenty digits
        return False
