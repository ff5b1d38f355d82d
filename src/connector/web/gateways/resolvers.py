"""Compass's resolvers, for a gateway that asks them about each request (docs/wire-contract.md, "Resolvers").

A resolver gets the gateway's session, adds the identity that it found, and sends it back. It sends the session back
unchanged if there is no credential, or none that is good. A header that can be read in two ways is refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.domain.consumers import MappedSubjects
from connector.domain.principals import PresentedToken
from connector.domain.refusals import Unavailable
from connector.domain.refusals.callers import Unauthenticated
from connector.domain.refusals.gateways import (
    ForwardedCertificateAmbiguous,
    ForwardedCertificateMissing,
    TokenAmbiguous,
    TokenNotSpent,
)
from connector.domain.strict_json import JSON
from connector.domain.subjects import Owner
from connector.pki.names import SubjectPolicy
from connector.ports.oidc import Bearers
from connector.ports.transaction import Store
from connector.usecases.enrollment import Enrollment
from connector.usecases.verdicts import Verdicts
from connector.web.answers import error_answer, octets_answer
from connector.web.gateways.consumers import Consumers
from connector.web.gateways.forwarded import Element, forwarded_element
from connector.web.gateways.proxies import Proxies
from connector.web.gateways.sessions import FOREIGN_ISSUER, ISSUER, TOKEN_ID, Certified, Session, read_session
from connector.web.gateways.sole import sole
from connector.web.notes import note
from connector.web.requests import BodyLimits, read_body

TOKEN = "/hydrators/v1/tokens/resolve"  # noqa: S105 - a path
CERTIFICATE = "/hydrators/v1/certificate/data/resolve"
TENANT_MAPPING = "/hydrators/tenant-mapping"
AUTHN_MAPPING = "/hydrators/authn-mapping/"

Resolve = Callable[[Scope, Session], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Who is resolved without a certificate of the inventory: by the subject of another CA's certificate, and by a JWT,
    under the name of its authenticator; None for no JWTs. With ``rule``, a subject of this form is that of the system
    auth in its common name.
    """

    mapped: MappedSubjects = field(default_factory=MappedSubjects)
    rule: SubjectPolicy | None = None
    authenticator: str | None = None
    bearers: Bearers | None = None


def endpoints(
    store: Store,
    enrollment: Enrollment,
    verdicts: Verdicts,
    proxies: Proxies,
    limits: BodyLimits,
    *,
    foreign: Foreign,
) -> Mapping[str, ASGIApp]:
    """The resolvers by their paths."""
    consumers = Consumers(store, verdicts, foreign.mapped, foreign.rule, foreign.bearers)
    resolvers = _Resolvers(enrollment, verdicts, consumers)
    found: dict[str, Resolve] = {
        TOKEN: resolvers.token,
        CERTIFICATE: resolvers.certificate,
        TENANT_MAPPING: consumers.tenant,
    }
    if foreign.authenticator is not None:
        found[f"{AUTHN_MAPPING}{foreign.authenticator}"] = consumers.jwt
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
    consumers: Consumers

    async def token(self, scope: Scope, session: Session) -> bytes:
        """The system auth of a one-time token, which is spent."""
        text = _token(scope)
        if text is None:
            return session.octets
        try:
            # A token that is bound to a network is refused: the gateway's address is not that of its bearer.
            token = await self.enrollment.spend(PresentedToken(text, None))
        except Unavailable as error:
            raise TokenNotSpent("could not invalidate token") from error
        return session.with_headers({TOKEN_ID: token.system_auth_id})

    async def certificate(self, scope: Scope, session: Session) -> bytes:
        """The system auth of a certificate, which is found by its hash in the inventory.

        Only where it is not there, the settings may have its subject looked at.
        """
        element = forwarded_element(scope["headers"], b"certificate-data")
        found = await self.verdicts.find(element.fingerprint)
        if found is None and self.consumers.believes_subjects:
            return await self._by_subject(session, element)
        return self._ours(session, element, self.verdicts.judge(found))

    def _ours(self, session: Session, element: Element, owner: Owner) -> bytes:
        id_ = owner.system_auth_id
        certified = Certified(id_, element.fingerprint, self._subject(id_), ISSUER)
        return session.with_headers(certified.headers, extra={})

    async def _by_subject(self, session: Session, element: Element) -> bytes:
        try:
            subject = element.subject
        except ValueError as error:
            raise ForwardedCertificateAmbiguous from error
        if subject is None:
            return session.octets
        owner = await self.consumers.by_rule(subject, element.fingerprint)
        return self._foreign(session, element, subject) if owner is None else self._ours(session, element, owner)

    def _foreign(self, session: Session, element: Element, subject: str) -> bytes:
        consumer = self.consumers.foreign(subject, element.fingerprint)
        if consumer is None:
            return session.octets
        extra: Mapping[str, JSON] = {
            "consumer_type": consumer.type,
            "tenant_access_levels": list(consumer.access_levels),
            "internal_consumer_id": consumer.id,
        }
        certified = Certified(consumer.id, element.fingerprint, subject, FOREIGN_ISSUER)
        return session.with_headers(certified.headers, extra=extra)

    def _subject(self, id_: str) -> str:
        """The subject as RFC 4514 writes it, which is from its end to its beginning; no value holds a comma."""
        return ",".join(reversed(self.enrollment.subject_text(id_).split(",")))


def _token(scope: Scope) -> str | None:
    """The one-time token, from its header or else from the query.

    Raises:
        TokenAmbiguous: it is there more than once.
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
