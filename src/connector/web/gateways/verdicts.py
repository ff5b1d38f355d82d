"""One path for each kind of gateway: 200 with the subject in headers, or 403 with the reason in one."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from starlette.types import Receive, Scope, Send

from connector.domain.directory import EntityKind
from connector.domain.pairing import timestamp
from connector.domain.refusals import Refusal
from connector.domain.refusals.certificates import CertificateExpired, CertificateRevoked, CertificateUnknown
from connector.domain.refusals.gateways import (
    ApplicationMismatch,
    ForwardedCertificateAmbiguous,
    ForwardedCertificateMissing,
    KindMismatch,
    ProxyUnknown,
    TenantMismatch,
)
from connector.domain.refusals.requests import BadRequest
from connector.domain.subjects import Narrowing
from connector.usecases.verdicts import Verdict, Verdicts
from connector.web.answers import json_answer, retry_after
from connector.web.gateways.forwarded import Dialect
from connector.web.gateways.proxies import Proxies
from connector.web.notes import note
from connector.web.problems import body, problem

VERDICT_HEADER = "connector-verdict"
GOOD, BAD_REQUEST, UNAVAILABLE = "good", "bad_request", "unavailable"
FORBIDDEN = 403

WORDS: Mapping[type[Refusal], str] = {
    CertificateUnknown: "unknown",
    CertificateRevoked: "revoked",
    CertificateExpired: "expired",
    TenantMismatch: "wrong_tenant",
    KindMismatch: "wrong_kind",
    ApplicationMismatch: "wrong_application",
    ForwardedCertificateMissing: "no_certificate",
    ForwardedCertificateAmbiguous: "ambiguous",
    ProxyUnknown: "proxy_unknown",
}
"""The reasons of a 403, as the header has them. They are API."""

PATH_PARAMETER = b"path="
MOST_PARAMETERS = 10

_GOOD = (VERDICT_HEADER.encode(), GOOD.encode())
_EMPTY = (b"content-length", b"0")
_NOT_KEPT = (b"cache-control", b"no-store")
_PLAIN = re.compile(r"[A-Za-z0-9._ \-]+")
_VALUES = re.compile(r"[A-Za-z0-9._\-]{1,128}")


class VerdictEndpoint:
    """The path of one kind of gateway, as an ASGI application. The method does not matter: gateways pass on theirs."""

    def __init__(self, dialect: Dialect, proxies: Proxies, verdicts: Verdicts) -> None:
        self._dialect = dialect
        self._proxies = proxies
        self._verdicts = verdicts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        try:
            self._proxies.check(scope)
            fingerprint = self._dialect.fingerprint(scope["headers"])
            narrowing = _narrowing(self._parameters(scope["query_string"]))
            verdict = await self._verdicts.of(fingerprint, narrowing)
        except Exception as error:  # noqa: BLE001 - whatever it is, the gateway gets an answer, and we a report
            await self._refuse(error, scope, receive, send)
            return
        headers = [_GOOD, *_described(verdict), _NOT_KEPT, _EMPTY]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _parameters(self, query: bytes) -> bytes:
        """The query without what the gateway's client has written.

        A gateway that appends its client's path gets a URL that ends with ``path=``: what follows is not read.

        Raises:
            BadRequest: the URL does not end so, and a client could add parameters.
        """
        if not self._dialect.appends_path:
            return query
        if query.startswith(PATH_PARAMETER):
            return b""
        ours, ending, _ = query.partition(b"&" + PATH_PARAMETER)
        if not ending:
            raise BadRequest("The query must end with path=, to which the gateway appends its client's path.")
        return ours

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        note(error)
        word = WORDS.get(type(error)) if isinstance(error, Refusal) else None
        status = FORBIDDEN if word is not None else problem(error).status
        if word is None:
            word = BAD_REQUEST if isinstance(error, BadRequest) else UNAVAILABLE
        headers = {VERDICT_HEADER: word, **retry_after(error)}
        await json_answer(body(error), status=status, headers=headers)(scope, receive, send)


@lru_cache(maxsize=256)
def _narrowing(query: bytes) -> Narrowing:
    """The holders who may pass, from ``tenant``, ``kind`` and ``application``.

    Raises:
        BadRequest: there is another parameter, one of them is there twice, or has a value that cannot be.
    """
    if not query:
        return Narrowing()
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=10)
    except ValueError as error:
        raise BadRequest("The query cannot be read. It may have tenant=, kind= and application=.") from error
    given = dict(pairs)
    if len(given) != len(pairs) or not given.keys() <= {"tenant", "kind", "application"}:
        raise BadRequest("The query may have tenant=, kind= and application=, each at most once.")
    if not all(map(_VALUES.fullmatch, given.values())):
        raise BadRequest("A value in the query has characters that no tenant, kind or id has.")
    kind = given.get("kind")
    if kind is not None and kind not in set(EntityKind):
        raise BadRequest(f"kind= must be one of: {', '.join(EntityKind)}.")
    return Narrowing(given.get("tenant"), None if kind is None else EntityKind(kind), given.get("application"))


def _described(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """The subject. A name is percent-encoded in UTF-8 if it has other characters than ASCII's."""
    subject, owner = verdict.subject, verdict.owner
    name = owner.name if _PLAIN.fullmatch(owner.name) else quote(owner.name, safe=" ")
    return [
        (b"connector-subject-tenant", owner.tenant.encode()),
        (b"connector-subject-kind", owner.kind.value.encode()),
        (b"connector-subject-id", owner.id.encode()),
        (b"connector-subject-name", name.encode()),
        (b"connector-subject-auth", owner.system_auth_id.encode()),
        (b"connector-subject-certificate", subject.fingerprint.hex().encode()),
        (b"connector-subject-expires", timestamp(subject.not_after).encode()),
    ]
