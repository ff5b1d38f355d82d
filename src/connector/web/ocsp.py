"""OCSP over HTTP: POST (RFC 6960 appendix A.1), and GET for requests that caches may answer (RFC 5019 section 5)."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha1

from starlette.types import Receive, Scope, Send

from connector.domain.refusals.requests import BadRequest, MethodNotAllowed
from connector.pki.ocsp import ResponseStatus, unsuccessful
from connector.usecases.ocsp import OCSP, Answer
from connector.web.answers import error_answer
from connector.web.notes import note
from connector.web.problems import problem
from connector.web.requests import SMALL, BodyLimits, read_body

PATH = "/ocsp"
METHODS = ("GET", "HEAD", "POST")
# Caches must not keep a revocation back for longer.
FRESH_SECONDS = 5

STATUSES: Mapping[int, ResponseStatus] = {
    400: ResponseStatus.MALFORMED_REQUEST,
    404: ResponseStatus.UNAUTHORIZED,  # RFC 5019 2.2.3: somebody else's certificates
    408: ResponseStatus.MALFORMED_REQUEST,
    413: ResponseStatus.MALFORMED_REQUEST,
    500: ResponseStatus.INTERNAL_ERROR,
    503: ResponseStatus.TRY_LATER,
}
"""What is answered to a refusal, by the HTTP status that it has elsewhere."""

_MEDIA_TYPE = (b"content-type", b"application/ocsp-response")
_NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
_NOT_KEPT = (b"cache-control", b"no-store")


def is_ocsp(path: str) -> bool:
    """Whether the path is the responder's. With GET the request is the rest of the path, and may have slashes."""
    return path == PATH or path.startswith(f"{PATH}/")


@dataclass(frozen=True, slots=True)
class OCSPEndpoint:
    """The responder, as an ASGI application. Even after an error the answer is an OCSP response with HTTP status 200:
    clients look at nothing else.
    """

    ocsp: OCSP
    limits: BodyLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        method = scope["method"]
        if method not in METHODS or (method == "POST" and scope["path"] not in (PATH, f"{PATH}/")):
            await error_answer(MethodNotAllowed(), {"allow": ", ".join(METHODS)})(scope, receive, send)
            return
        headers = [_NOT_KEPT]
        try:
            answer = await self.ocsp.answer(await self._request(scope, receive))
            octets = answer.octets
            if method != "POST" and answer.is_lasting:
                headers = _caching(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the verifier gets an answer, and we a report
            note(error)
            octets = unsuccessful(STATUSES.get(problem(error).status, ResponseStatus.INTERNAL_ERROR))
        headers = [_MEDIA_TYPE, _NOT_SNIFFED, (b"content-length", b"%d" % len(octets)), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else octets})

    async def _request(self, scope: Scope, receive: Receive) -> bytes:
        """The request's DER.

        Raises:
            BadRequest: it is not whole, or breaks a limit.
        """
        if scope["method"] == "POST":
            return await read_body(scope, receive, self.limits, anonymous=True)
        text = scope["path"].removeprefix(PATH).removeprefix("/")
        if len(text) > SMALL:
            raise BadRequest
        try:
            return b64decode(text, validate=True)
        except ValueError as error:
            raise BadRequest from error


def _caching(answer: Answer) -> list[tuple[bytes, bytes]]:
    """For how long caches may give the same answer (RFC 5019 6.2)."""
    begin, end = answer.period.this_update, answer.period.next_update
    fresh = max(0, min(FRESH_SECONDS, int((end - begin).total_seconds())))
    return [
        (b"cache-control", b"max-age=%d, public, no-transform, must-revalidate" % fresh),
        (b"last-modified", _http_date(begin)),
        (b"expires", _http_date(end)),
        (b"etag", f'"{sha1(answer.octets, usedforsecurity=False).hexdigest()}"'.encode()),
    ]


def _http_date(moment: datetime) -> bytes:
    return format_datetime(moment, usegmt=True).encode()
