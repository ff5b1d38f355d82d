"""Answers of the legacy REST API: its media type to the letter, and its own shape of errors."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.csr import BadCSR
from connector.domain.refusals.objects import ObjectNotFound
from connector.domain.refusals.tenants import TenantForbidden
from connector.web.answers import HEADERS, json_octets, retry_after
from connector.web.original import in_original_words
from connector.web.problems import graphql_error, problem

MEDIA_TYPE = "application/json;charset=UTF-8"

FORBIDDEN_STATUS = 403
FORBIDDEN = "invalid token or certificate"

Describe = Callable[[BaseException], tuple[int, str]]
"""Says the status and the text of an error."""

# Clients do not learn which of these it is. The log has the code.
_FORBIDDEN = (Unauthenticated, ObjectNotFound, TenantForbidden)


def legacy_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The content as JSON."""
    return octets_answer(json_octets(content), status=status, headers=headers)


def octets_answer(octets: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """What is JSON already."""
    return Response(octets, status_code=status, headers={**HEADERS, **(headers or {})}, media_type=MEDIA_TYPE)


def empty_answer(status: int) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=HEADERS)


def described(error: BaseException) -> tuple[int, str]:
    """The status and the text of an error. The text of anything but a refusal is withheld."""
    if isinstance(error, _FORBIDDEN):
        return FORBIDDEN_STATUS, FORBIDDEN
    status = problem(error).status
    if isinstance(error, BadCSR):
        return status, f"Failed to sign CSR: {in_original_words(error)}"
    return status, graphql_error(error)["message"]


def legacy_error(
    error: BaseException, headers: Mapping[str, str] | None = None, *, describe: Describe = described
) -> Response:
    """The error as ``{"code": status, "error": text}``."""
    status, text = describe(error)
    return legacy_answer(
        {"code": status, "error": text}, status=status, headers={**retry_after(error), **(headers or {})}
    )
