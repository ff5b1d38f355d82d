"""Compass's resolvers, for a gateway that asks them about each request (docs/wire-contract.md, "Resolvers").

A resolver gets the gateway's session, adds the identity that it found, and sends it back. It sends the session back
unchanged if there is no credential, or none that is good. A header that can be read in two ways is refused.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.clients import SCOPES
from connector.domain.directory import EntityKind
from connector.domain.refusals import Unavailable
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.gateways import ForwardedCertificateMissing, TokenAmbiguous, TokenNotSpent
from connector.domain.refusals.requests import BadRequest
from connector.domain.subjects import Narrowing, Owner
from connector.usecases import resolving
from connector.usecases.enrollment import Enrollment
from connector.usecases.verdicts import Verdicts
from connector.web.answers import error_answer, octets_answer
from connector.web.gateways.forwarded import Dialect, xfcc
from connector.web.gateways.proxies import Proxies
from connector.web.gateways.sessions import Session, read_session
from connector.web.gateways.sole import sole
from connector.web.notes import note
from connector.web.requests import BodyLimits, read_body

TOKEN = "/hydrators/v1/tokens/resolve"  # noqa: S105 - a path
CERTIFICATE = "/hydrators/v1/certificate/data/resolve"
TENANT_MAPPING = "/hydrators/tenant-mapping"

ISSUER = "connector"
TOKEN_ID, CERTIFICATE_ID = "Client-Id-From-Token", "Client-Id-From-Certificate"
CERTIFICATE_HASH, CERTIFICATE_ISSUER = "Client-Certificate-Hash", "Client-Certificate-Issuer"

CERTIFICATE_DATA = Dialect("certificate-data", b"certificate-data", xfcc)

CONSUMERS: Mapping[EntityKind, str] = {
    EntityKind.APPLICATION: "Application",
    EntityKind.RUNTIME: "Runtime",
    EntityKind.INTEGRATION_SYSTEM: "Integration System",
}

Resolve = Callable[[Scope, Session], Awaitable[bytes]]


def endpoints(
    enrollment: Enrollment, verdicts: Verdicts, proxies: Proxies, limits: BodyLimits
) -> Mapping[str, ASGIApp]:
    """The resolvers by their paths."""
    resolvers = _Resolvers(enrollment, verdicts)
    found: Mapping[str, Resolve] = {
        TOKEN: resolvers.token,
        CERTIFICATE: resolvers.certificate,
        TENANT_MAPPING: resolvers.tenant,
    }
    return {path: _Endpoint(resolve, proxies, limits) for path, resolve in found.items()}


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One resolver as an ASGI application."""

    resolve: Resolve
    proxies: Proxies
    limits: BodyLimits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is raised but cancellation."""
        try:
            self.proxies.check(scope)
            session = read_session(await read_body(scope, receive, self.limits, anonymous=False))
            answer = await self._answer(scope, session)
        except Exception as error:  # noqa: BLE001 - whatever it is, the gateway gets an answer, and we a report
            note(error)
            answer = error_answer(error)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, session: Session) -> Response:
        try:
            return octets_answer(await self.resolve(scope, session))
        except (Unauthenticated, ForwardedCertificateMissing) as refusal:
            note(refusal)
            return octets_answer(session.octets)


@dataclass(frozen=True, slots=True)
class _Resolvers:
    enrollment: Enrollment
    verdicts: Verdicts

    async def token(self, scope: Scope, session: Session) -> bytes:
        """The system auth of a one-time token, which is spent."""
        text = _token(scope)
        if text is None:
            return session.octets
        try:
            token = await resolving.spend(self.enrollment, text)
        except Unavailable as error:
            raise TokenNotSpent("could not invalidate token") from error
        return session.with_headers({TOKEN_ID: token.system_auth_id})

    async def certificate(self, scope: Scope, session: Session) -> bytes:
        """The system auth of a certificate, which is found by its hash in the inventory, and never by its subject."""
        fingerprint = CERTIFICATE_DATA.fingerprint(scope["headers"])
        verdict = await self.verdicts.of(fingerprint, Narrowing())
        id_ = verdict.owner.system_auth_id
        added = {
            CERTIFICATE_ID: id_,
            CERTIFICATE_HASH: fingerprint.hex(),
            "Subject-From-Certificate": self._subject(id_),
            CERTIFICATE_ISSUER: ISSUER,
        }
        return session.with_headers(added, extra={})

    async def tenant(self, scope: Scope, session: Session) -> bytes:
        """The tenant, the scopes and the owner of the system auth that an earlier resolver has put into the session.

        A certificate is looked up again: what is said of a system auth must hold now.
        """
        if scope["method"] != "POST":
            raise BadRequest("Send the session by POST.")
        by_certificate, by_token = session.header(CERTIFICATE_ID), session.header(TOKEN_ID)
        if by_certificate is not None and by_token is not None:
            raise BadRequest("The session names a client by certificate and by token. Resolve one of them.")
        if by_certificate is not None:
            owner, flow = await self._certified(session, by_certificate), "Certificate"
        elif by_token is not None:
            owner, flow = await resolving.owner_of(self.enrollment, by_token), "OneTimeToken"
        else:
            return session.octets
        return session.octets if owner is None else session.with_headers({}, extra=_consumer(owner, flow))

    async def _certified(self, session: Session, id_: str) -> Owner | None:
        """The owner of the certificate with the session's hash, if it has this system auth."""
        if session.header(CERTIFICATE_ISSUER) != ISSUER:
            return None
        try:
            fingerprint = bytes.fromhex(session.header(CERTIFICATE_HASH) or "")
        except ValueError:
            return None
        owner = (await self.verdicts.of(fingerprint, Narrowing())).owner
        return owner if owner.system_auth_id == id_ else None

    def _subject(self, id_: str) -> str:
        """The subject as RFC 4514 writes it, which is from its end to its beginning; no value holds a comma."""
        return ",".join(reversed(self.enrollment.subject_text(id_).split(",")))


def _token(scope: Scope) -> str | None:
    """The one-time token, from its header or else from the query.

    Raises:
        BadRequest: it is there more than once.
    """
    value = sole(scope["headers"], b"connector-token", TokenAmbiguous)
    try:
        pairs = parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=40)
    except ValueError as error:
        raise TokenAmbiguous from error
    texts = {text for name, text in pairs if name == "token"}
    if value is not None:
        texts.add(value.decode("latin-1"))
    texts.discard("")
    if len(texts) > 1 or sum(name == "token" for name, _ in pairs) > 1:
        raise TokenAmbiguous
    return texts.pop() if texts else None


def _consumer(owner: Owner, flow: str) -> Mapping[str, str]:
    """What Compass's services expect in a session's ``extra``."""
    tenants = json.dumps({"consumerTenant": owner.tenant_id, "externalTenant": owner.tenant}, separators=(",", ":"))
    return {
        # The text is put into another JSON text as it is, therefore the backslashes.
        "tenant": tenants.replace('"', '\\"'),
        "scope": " ".join(sorted(scope.value for scope in SCOPES[owner.kind])),
        "consumerID": owner.id,
        "consumerType": CONSUMERS[owner.kind],
        "flow": flow,
        "onBehalfOf": "",
        "region": "",
        "tokenClientID": "",
    }
