"""Answers as they go out: JSON that no cache keeps, errors always in the one shape."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from connector.domain.refusals import Refusal, Unavailable
from connector.domain.refusals.requests import Overloaded
from connector.web.problems import body, problem

RETRY_AFTER_SECONDS = "2"

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Of every answer that is JSON."""

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def json_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The content as compact JSON."""
    return octets_answer(json_octets(content), status=status, headers=headers)


def json_octets(content: Any) -> bytes:
    """The content as compact JSON.

    Raises:
        TypeError: something in it is no JSON.
    """
    return _COMPACT.encode(content).encode("utf-8", "replace")


def octets_answer(octets: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """What is JSON already."""
    return Response(
        octets,
        status_code=status,
        headers={**HEADERS, **(headers or {})},
        media_type="application/json",
    )


def error_answer(error: BaseException, headers: Mapping[str, str] | None = None) -> Response:
    """The error as a whole answer, with its HTTP status."""
    return json_answer(body(error), status=problem(error).status, headers={**retry_after(error), **(headers or {})})


def retry_after(error: BaseException) -> Mapping[str, str]:
    """The header Retry-After, where waiting helps."""
    if isinstance(error, Unavailable | Overloaded):
        return {"retry-after": RETRY_AFTER_SECONDS}
    if isinstance(error, Refusal) and error.retry_after is not None:
        return {"retry-after": str(error.retry_after)}  # RFC 6585 4
    return {}
