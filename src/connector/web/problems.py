"""The one map from refusals to what goes over the wire, and to exit codes; anything else is "internal"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector import errors
from connector.errors import Refusal

BAD_USER_INPUT = "BAD_USER_INPUT"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
UNAVAILABLE = "SERVICE_UNAVAILABLE"
INTERNAL = "INTERNAL_SERVER_ERROR"

INTERNAL_MESSAGE = "Internal error. It has been logged; try again, and tell the administrator if it lasts."


@dataclass(frozen=True, slots=True)
class Problem:
    """How a refusal looks outside.

    ``status`` is for HTTP, where the refusal concerns the request as a whole; ``code`` is the GraphQL class of error;
    ``error_code`` the Director's number (wire contract b.1); ``exit`` the command line's exit status.
    """

    status: int
    code: str
    error_code: int
    exit: int


_INVALID = Problem(400, BAD_USER_INPUT, 22, 3)
_UNKNOWN = Problem(401, UNAUTHENTICATED, 26, 4)
_AWAY = Problem(503, UNAVAILABLE, 10, 6)

PROBLEMS: Mapping[type[Refusal], Problem] = {
    errors.CredentialMissing: _UNKNOWN,
    errors.TokenUnknown: _UNKNOWN,
    errors.TokenExpired: _UNKNOWN,
    errors.TokenSpent: _UNKNOWN,
    errors.TokenWithdrawn: _UNKNOWN,
    errors.TokenSourceRefused: _UNKNOWN,
    errors.KeyUnknown: _UNKNOWN,
    errors.KeyExpired: _UNKNOWN,
    errors.KeyRevoked: _UNKNOWN,
    errors.JWTRefused: _UNKNOWN,
    errors.SessionEnded: _UNKNOWN,
    errors.SignInRefused: _UNKNOWN,
    errors.LinkRefused: _UNKNOWN,
    errors.CertificateUnknown: _UNKNOWN,
    errors.CertificateRevoked: _UNKNOWN,
    errors.CertificateExpired: _UNKNOWN,
    errors.ProofRefused: _UNKNOWN,
    errors.InsufficientScopes: Problem(403, FORBIDDEN, 23, 4),
    errors.FormRefused: Problem(403, FORBIDDEN, 23, 4),
    errors.CSRTooLarge: _INVALID,
    errors.CSRNotBase64: _INVALID,
    errors.CSRNotPEM: _INVALID,
    errors.CSRMalformed: _INVALID,
    errors.CSRSignatureInvalid: _INVALID,
    errors.CSRSubjectMismatch: _INVALID,
    errors.CSRKeyRefused: _INVALID,
    errors.CSRKeyNotBound: _INVALID,
    errors.CSRExtensionRefused: _INVALID,
    errors.InvalidData: _INVALID,
    errors.ObjectNotFound: Problem(404, BAD_USER_INPUT, 20, 5),
    errors.NotUniqueName: Problem(409, BAD_USER_INPUT, 31, 3),
    errors.ObjectInUse: Problem(409, BAD_USER_INPUT, 22, 3),
    errors.TenantRequired: Problem(400, BAD_USER_INPUT, 24, 3),
    errors.TenantForbidden: Problem(403, FORBIDDEN, 26, 4),
    errors.TenantNotFound: Problem(400, BAD_USER_INPUT, 25, 5),
    errors.BadRequest: _INVALID,
    errors.PathNotFound: Problem(404, BAD_USER_INPUT, 20, 5),
    errors.BodyTooLarge: Problem(413, BAD_USER_INPUT, 22, 3),
    errors.UnsupportedMediaType: Problem(415, BAD_USER_INPUT, 22, 3),
    errors.MethodNotAllowed: Problem(405, BAD_USER_INPUT, 22, 3),
    errors.RequestTimeout: Problem(408, BAD_USER_INPUT, 22, 3),
    errors.DocumentInvalid: Problem(422, BAD_USER_INPUT, 22, 3),
    errors.DocumentTooComplex: Problem(422, BAD_USER_INPUT, 22, 3),
    errors.StepTaken: Problem(422, BAD_USER_INPUT, 22, 3),
    errors.Overloaded: _AWAY,
    errors.TooManyAttempts: Problem(429, "TOO_MANY_REQUESTS", 10, 6),
    errors.StorageUnavailable: _AWAY,
    errors.StorageFull: _AWAY,
    errors.StorageReadOnly: _AWAY,
}
"""Every refusal that can be raised; a test holds it to errors.py."""

_INTERNAL_PROBLEM = Problem(500, INTERNAL, 10, 1)


def problem(error: BaseException) -> Problem:
    """How the error looks outside; for one that is no refusal, as an internal error."""
    return PROBLEMS.get(type(error), _INTERNAL_PROBLEM) if isinstance(error, Refusal) else _INTERNAL_PROBLEM


def graphql_error(error: BaseException) -> dict[str, Any]:
    """The error as an entry of a GraphQL answer's ``errors``. The text of anything but a refusal is withheld."""
    found = problem(error)
    message, code = INTERNAL_MESSAGE, "internal"
    if isinstance(error, Refusal) and found is not _INTERNAL_PROBLEM:
        message, code = str(error), error.code
    return {
        "message": message,
        "extensions": {"error": code, "error_code": found.error_code, "code": found.code},
    }


def body(error: BaseException) -> dict[str, Any]:
    """A whole answer that is an error.

    Some clients never look at the HTTP status and read nothing but ``errors[].message`` (wire contract a.6), so every
    answer of ours that is an error has this shape, on every path.
    """
    return {"errors": [graphql_error(error)], "data": None}


def document() -> str:
    """The page that lists every refusal (docs/errors.md), as Markdown."""
    rows = (
        f"| `{kind.code}` | {found.status} | `{found.code}` | {found.error_code} | {found.exit} | {_meaning(kind)} |"
        for kind, found in PROBLEMS.items()
    )
    return "\n".join((_HEAD, *rows, _INTERNAL_ROW, ""))


def _meaning(kind: type[Refusal]) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n", 1)[0].split())


_HEAD = """\
# Errors

<!-- Made from src/connector/errors.py by `make docs`; a test holds it to the code. -->

Every answer that is an error has one shape, on every path and with every HTTP status:

```json
{"errors": [{"message": "a sentence that says what to do",
             "extensions": {"error": "token_spent", "error_code": 26, "code": "UNAUTHENTICATED"}}],
 "data": null}
```

`extensions.error` is the stable code: programs go by it. A refusal by an operation comes with HTTP 200, as GraphQL
clients expect; the status below is for a request that is refused as a whole, as every request is while the storage is
unavailable. `error_code` is the Director's number; the last number is the exit status of the `connector` command, which
is 2 where a setting or an argument is wrong.

| error | HTTP | code | error_code | exit | meaning |
|---|---|---|---|---|---|"""
_INTERNAL_ROW = (
    f"| `internal` | {_INTERNAL_PROBLEM.status} | `{_INTERNAL_PROBLEM.code}` | {_INTERNAL_PROBLEM.error_code} "
    f"| {_INTERNAL_PROBLEM.exit} | A fault of ours. Its text is in the log alone. |"
)
