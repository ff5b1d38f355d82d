"""The one map from refusals to what goes over the wire, and to exit codes; anything else is "internal"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.domain.refusals import (
    Refusal,
    admin_certificates,
    administrators,
    callers,
    certificates,
    clients,
    crls,
    csr,
    gateways,
    issuers,
    keys,
    objects,
    ocsp,
    quotas,
    requests,
    steps,
    storage,
    tenants,
    tokens,
)

BAD_USER_INPUT = "BAD_USER_INPUT"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
TOO_MANY = "TOO_MANY_REQUESTS"
UNAVAILABLE = "SERVICE_UNAVAILABLE"
INTERNAL = "INTERNAL_SERVER_ERROR"

INTERNAL_MESSAGE = "Internal error. It has been logged; try again, and tell the administrator if it lasts."


@dataclass(frozen=True, slots=True)
class Problem:
    """How a refusal looks outside.

    ``status`` is for HTTP, where the refusal concerns the request as a whole; ``code`` is the GraphQL class of error;
    ``error_code`` the Director's number (docs/wire-contract.md); ``exit`` the command line's exit status.
    """

    status: int
    code: str
    error_code: int
    exit: int


_INVALID = Problem(400, BAD_USER_INPUT, 22, 3)
_UNKNOWN = Problem(401, UNAUTHENTICATED, 26, 4)
_AWAY = Problem(503, UNAVAILABLE, 10, 6)
_FORBIDDEN = Problem(403, FORBIDDEN, 26, 4)

PROBLEMS: Mapping[type[Refusal], Problem] = {
    callers.CredentialMissing: _UNKNOWN,
    tokens.TokenUnknown: _UNKNOWN,
    tokens.TokenExpired: _UNKNOWN,
    tokens.TokenSpent: _UNKNOWN,
    tokens.TokenWithdrawn: _UNKNOWN,
    tokens.TokenSourceRefused: _UNKNOWN,
    keys.KeyUnknown: _UNKNOWN,
    keys.KeyExpired: _UNKNOWN,
    keys.KeyRevoked: _UNKNOWN,
    callers.JWTRefused: _UNKNOWN,
    admin_certificates.AdminCertificateRefused: _UNKNOWN,
    admin_certificates.AdminCertificateAmbiguous: _UNKNOWN,
    admin_certificates.AdminCertificateExpired: _UNKNOWN,
    clients.ClientUnknown: _UNKNOWN,
    clients.AccessTokenUnknown: _UNKNOWN,
    clients.AccessTokenExpired: _UNKNOWN,
    clients.GrantTypeUnsupported: _INVALID,
    clients.ScopeRefused: _INVALID,
    clients.AudienceRefused: _INVALID,
    clients.OAuthRequestInvalid: _INVALID,
    clients.AccessTokenOfAnother: _INVALID,
    administrators.SessionEnded: _UNKNOWN,
    administrators.SignInRefused: _UNKNOWN,
    administrators.LinkRefused: _UNKNOWN,
    certificates.CertificateUnknown: _UNKNOWN,
    certificates.CertificateRevoked: _UNKNOWN,
    certificates.CertificateExpired: _UNKNOWN,
    certificates.ProofRefused: _UNKNOWN,
    callers.InsufficientScopes: Problem(403, FORBIDDEN, 23, 4),
    administrators.FormRefused: Problem(403, FORBIDDEN, 23, 4),
    csr.CSRTooLarge: _INVALID,
    csr.CSRNotBase64: _INVALID,
    csr.CSRNotPEM: _INVALID,
    csr.CSRMalformed: _INVALID,
    csr.CSRSignatureInvalid: _INVALID,
    csr.CSRSubjectMismatch: _INVALID,
    csr.CSRKeyRefused: _INVALID,
    csr.CSRKeyNotBound: _INVALID,
    csr.CSRExtensionRefused: _INVALID,
    objects.InvalidData: _INVALID,
    objects.ObjectNotFound: Problem(404, BAD_USER_INPUT, 20, 5),
    objects.NotUniqueName: Problem(409, BAD_USER_INPUT, 31, 3),
    objects.ObjectInUse: Problem(409, BAD_USER_INPUT, 22, 3),
    tenants.TenantRequired: Problem(400, BAD_USER_INPUT, 24, 3),
    tenants.TenantForbidden: Problem(403, FORBIDDEN, 26, 4),
    tenants.TenantNotFound: Problem(400, BAD_USER_INPUT, 25, 5),
    gateways.ProxyUnknown: _FORBIDDEN,
    gateways.ForwardedCertificateMissing: _FORBIDDEN,
    gateways.ForwardedCertificateAmbiguous: _INVALID,
    gateways.TenantMismatch: _FORBIDDEN,
    gateways.KindMismatch: _FORBIDDEN,
    gateways.ApplicationMismatch: _FORBIDDEN,
    gateways.TokenAmbiguous: _INVALID,
    gateways.AuthorizationAmbiguous: _INVALID,
    gateways.TenantAmbiguous: _INVALID,
    gateways.TokenNotSpent: Problem(500, UNAVAILABLE, 10, 6),
    requests.BadRequest: _INVALID,
    requests.PathNotFound: Problem(404, BAD_USER_INPUT, 20, 5),
    requests.BodyTooLarge: Problem(413, BAD_USER_INPUT, 22, 3),
    requests.UnsupportedMediaType: Problem(415, BAD_USER_INPUT, 22, 3),
    requests.MethodNotAllowed: Problem(405, BAD_USER_INPUT, 22, 3),
    requests.RequestTimeout: Problem(408, BAD_USER_INPUT, 22, 3),
    requests.DocumentInvalid: Problem(422, BAD_USER_INPUT, 22, 3),
    requests.DocumentTooComplex: Problem(422, BAD_USER_INPUT, 22, 3),
    requests.QueryTooExpensive: Problem(422, BAD_USER_INPUT, 22, 3),
    requests.AnswerTooLarge: Problem(422, BAD_USER_INPUT, 22, 3),
    steps.StepTaken: Problem(422, BAD_USER_INPUT, 22, 3),
    requests.Overloaded: _AWAY,
    quotas.RateLimited: Problem(429, TOO_MANY, 10, 6),
    quotas.QuotaExceeded: Problem(429, TOO_MANY, 22, 3),
    callers.TooManyAttempts: Problem(429, TOO_MANY, 10, 6),
    crls.CRLUnknown: Problem(404, BAD_USER_INPUT, 20, 5),
    crls.CRLUnavailable: _AWAY,
    ocsp.OCSPRequestMalformed: _INVALID,
    ocsp.OCSPIssuerUnknown: Problem(404, BAD_USER_INPUT, 20, 5),
    issuers.SignerUnavailable: _AWAY,
    issuers.IssuerUnknown: _AWAY,
    issuers.ProfileUnknown: _AWAY,
    storage.StorageUnavailable: _AWAY,
    storage.StorageFull: _AWAY,
    storage.StorageReadOnly: _AWAY,
}
"""Every refusal that can be raised; a test holds it to :mod:`connector.domain.refusals`."""

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
    extensions: dict[str, Any] = {"error": code, "error_code": found.error_code, "code": found.code}
    if isinstance(error, quotas.LimitReached):
        extensions |= {"limit": error.limit, "value": error.value, "retryAfterSeconds": error.retry_after}
    return {"message": message, "extensions": extensions}


def body(error: BaseException) -> dict[str, Any]:
    """A whole answer that is an error.

    Some clients never look at the HTTP status and read nothing but ``errors[].message``, so every error has this shape,
    on every path (docs/wire-contract.md, "Errors").
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

<!-- Made from src/connector/domain/refusals by `make docs`; a test holds it to the code. -->

Every answer that is an error has one shape, on every path and with every HTTP status:

```json
{"errors": [{"message": "a sentence that says what to do",
             "extensions": {"error": "token_spent", "error_code": 26, "code": "UNAUTHENTICATED"}}],
 "data": null}
```

`extensions.error` is stable: programs should use it. If an operation refuses, the HTTP status is 200, as GraphQL
clients expect. The status in the table is for a request that is refused as a whole, for example while the database is
unavailable, or when a limit is reached and waiting helps. `error_code` is the Director's number; `exit` is the exit
status of the `connector` command, which is 2 if a setting or an argument is wrong.

If a limit was reached, there are three more extensions: the setting, its value, and when to try again, such as
`"limit": "quotas.certificates_a_day", "value": 200, "retryAfterSeconds": 3600`. The last is also in the header
`Retry-After`; it is null if waiting does not help.

| error | HTTP | code | error_code | exit | meaning |
|---|---|---|---|---|---|"""
_INTERNAL_ROW = (
    f"| `internal` | {_INTERNAL_PROBLEM.status} | `{_INTERNAL_PROBLEM.code}` | {_INTERNAL_PROBLEM.error_code} "
    f"| {_INTERNAL_PROBLEM.exit} | Internal error. See the server's log. |"
)
