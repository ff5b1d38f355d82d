"""The applications: what each listener serves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from graphql import GraphQLSchema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.domain.pairing import CONNECTOR_PATH, DIRECTOR_PATH, TOKEN_PATH, Links
from connector.domain.principals import Anonymous, Bearer, PresentedCertificate, PresentedToken, Principal
from connector.domain.refusals.requests import BadRequest, MethodNotAllowed, PathNotFound
from connector.domain.tokens import TokenPolicy
from connector.ports.oidc import Bearers
from connector.ports.transaction import Clock, Store
from connector.usecases.admin_certificates import AdminCertificates
from connector.usecases.adoption import Adoption
from connector.usecases.clients import Authorization
from connector.usecases.crls import PublishedCRLs
from connector.usecases.enrollment import Enrollment
from connector.usecases.identity_tokens import IdentityTokens
from connector.usecases.issuers import Issuers
from connector.usecases.ocsp import OCSP
from connector.usecases.publications import Publications
from connector.usecases.quotas import Allowances
from connector.web import console, legacy
from connector.web.adopting import adopting
from connector.web.answers import error_answer
from connector.web.callers import (
    admin_holder,
    certificate_fingerprint,
    source,
    step_key,
    with_certificates_of_administrators,
)
from connector.web.chains import pem
from connector.web.console import Desk
from connector.web.crls import CRLEndpoints
from connector.web.explorer import explorer
from connector.web.gateways import Forwarding, Gateways
from connector.web.graphql.allowance import AnswerLimits
from connector.web.graphql.call import Call
from connector.web.graphql.connector_api import RENEW_EXPIRED, ConnectorAPI
from connector.web.graphql.director import Director, director_schema
from connector.web.graphql.documents import Custody, Documents
from connector.web.graphql.endpoint import Authenticate, GraphQLEndpoint
from connector.web.graphql.recognition import INTROSPECTION, Recognizer
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.standing import standing
from connector.web.health import Readiness, healthz
from connector.web.identity_tokens import IdentityTokenEndpoint, VerifierEndpoints
from connector.web.legacy import Addresses, CatalogueAPI, Guards, LegacyAPI, Metadata
from connector.web.metrics import Metrics
from connector.web.oauth import OAuthEndpoints
from connector.web.ocsp import OCSPEndpoint, is_ocsp
from connector.web.patience import Patience
from connector.web.requests import BodyLimits, header, without_identity_headers
from connector.web.shares import Shares
from connector.web.throttle import Throttle

CERTIFICATE_SECONDS = 3600
# A year. Without includeSubDomains: the names below ours are others' services.
HSTS = b"max-age=31536000"

_NONE: Mapping[str, ASGIApp] = {}


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The settings of the web."""

    body: BodyLimits
    documents: DocumentLimits
    answers: AnswerLimits
    introspection: bool
    explorer: bool
    key_algorithm: str
    suggestion_header: str
    access_lifetime: timedelta
    is_strict: bool
    """Whether browsers are asked to use https alone (RFC 6797)."""


@dataclass(frozen=True, slots=True)
class API:
    """The parts of a GraphQL API that all listeners share."""

    schema: GraphQLSchema
    documents: Documents
    recognizer: Recognizer


@dataclass(frozen=True, slots=True)
class Web:
    """Builds the applications."""

    store: Store
    enrollment: Enrollment
    issuers: Issuers
    clock: Clock
    tokens: TokenPolicy
    allowances: Allowances
    links: Links
    addresses: Addresses
    settings: WebSettings
    throttle: Throttle
    shares: Shares
    custody: Custody
    bearers: Bearers | None = None
    admin_certificates: AdminCertificates | None = None
    desk: Desk | None = None
    _apis: dict[str, API] = field(default_factory=dict, init=False)
    gateways: Gateways | None = None
    crls: PublishedCRLs | None = None
    ocsp: OCSP | None = None
    metrics: Metrics | None = None
    patience: Patience = field(default_factory=Patience)
    identity_tokens: IdentityTokens | None = None

    def public(self) -> ASGIApp:
        """Bearers of tokens, administrators, OAuth 2.0 clients, health, the CA's certificates."""
        suggestion_header = self.settings.suggestion_header.lower().encode()
        headers = [(b"strict-transport-security", HSTS)] if self.settings.is_strict else []
        authorization = Authorization(self.store, self.settings.access_lifetime)
        oauth = OAuthEndpoints(authorization, self.links, self.settings.body, self.throttle, self.shares)
        verifiers: Sequence[BaseRoute] = []
        if self.identity_tokens is not None:
            endpoints = VerifierEndpoints(self.identity_tokens, self.links)
            oauth, verifiers = replace(oauth, more=endpoints.metadata), endpoints.routes()
        application = self._application(
            [
                *([Route("/explorer", explorer)] if self.settings.explorer else []),
                *self._health(),
                *(console.routes(self.desk) if self.desk is not None else []),
                *oauth.routes(),
                *verifiers,
                Mount("/pki", routes=self._certificates()),
            ],
            {
                CONNECTOR_PATH: self._connector(_token_bearer),
                DIRECTOR_PATH: self._director(partial(_bearer, suggestion_header=suggestion_header)),
                **self._legacy(),
            },
            headers,
        )
        return with_certificates_of_administrators(application)

    def mtls(self) -> ASGIApp:
        """Holders of certificates, our own CA's and those of adopted CAs."""
        application = self._application(
            [],
            {
                CONNECTOR_PATH: self._connector(_holder),
                DIRECTOR_PATH: self._director(_holder),
                **self._identity_tokens(),
                **self._legacy(),
            },
        )
        return adopting(application, Adoption(self.store, self.issuers))

    def forwarded(self, forwarding: Forwarding) -> ASGIApp:
        """The same, behind a gateway that ends TLS and passes on the client's certificate."""
        return forwarding.around(self.mtls())

    def pki(self) -> ASGIApp:
        """Signed objects, which need no TLS (RFC 5280 4.2.2.1)."""
        application = self._application(self._certificates())
        if self.ocsp is None:
            return application
        responder = OCSPEndpoint(self.ocsp, self.settings.body)

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            is_asked = scope["type"] == "http" and is_ocsp(scope["path"])
            await (responder if is_asked else application)(scope, receive, send)

        return dispatch

    def internal(self) -> ASGIApp:
        """For the platform itself. Only the endpoints for gateways see a gateway's statement about its client."""
        metrics = [] if self.metrics is None else [Route("/metrics", self.metrics.scraped)]
        application = self._application([*self._health(), *metrics])
        if self.gateways is None:
            return application
        return _first(self.gateways.endpoints(self.store, self.enrollment, self.settings.body), application)

    def _connector(self, authenticate: Authenticate) -> GraphQLEndpoint:
        if "connector" not in self._apis:
            api = ConnectorAPI(self.store, self.enrollment, self.links, self.settings.key_algorithm)
            recognizer = Recognizer(api.recognize, INTROSPECTION | {RENEW_EXPIRED})
            # One: a second `configuration` would meet the token that the first has spent, and lose the next one.
            limits = replace(self.settings.documents, root_fields=1)
            self._add_api("connector", api.schema(), recognizer, limits)
        return self._endpoint("connector", authenticate)

    def _director(self, authenticate: Authenticate) -> GraphQLEndpoint:
        if "director" not in self._apis:
            director = Director(
                self.store,
                self.enrollment,
                self.links,
                self.tokens,
                self.allowances,
                self.bearers,
                self.admin_certificates,
            )
            self._add_api(
                "director", director_schema(director), Recognizer(director.recognize), self.settings.documents
            )
        return self._endpoint("director", authenticate)

    def _add_api(self, name: str, schema: GraphQLSchema, recognizer: Recognizer, limits: DocumentLimits) -> None:
        introspection, custody = self.settings.introspection, self.custody
        documents = Documents(schema, limits, introspection=introspection, custody=custody, standing=standing(name))
        self._apis[name] = API(schema, documents, recognizer)

    def _identity_tokens(self) -> Mapping[str, ASGIApp]:
        if self.identity_tokens is None:
            return {}
        return {TOKEN_PATH: IdentityTokenEndpoint(self.identity_tokens, self.settings.body, self.shares)}

    def _legacy(self) -> Mapping[str, ASGIApp]:
        settings = self.settings
        key_algorithm, body = settings.key_algorithm, settings.body
        api = LegacyAPI(self.store, self.enrollment, self.addresses, key_algorithm, body, self.throttle)
        return legacy.endpoints(api, self._guards)

    def _metadata(self) -> Metadata:
        settings, allowances = self.settings, self.allowances
        publications = Publications(allowances.quotas, allowances.workers)
        api = CatalogueAPI(
            self.store, self.enrollment, self.clock, publications, settings.body, settings.answers.budget
        )
        return Metadata(api, self._guards)

    @property
    def _guards(self) -> Guards:
        return Guards(self.throttle, self.shares, self.patience)

    def _endpoint(self, name: str, authenticate: Authenticate) -> GraphQLEndpoint:
        api = self._apis[name]
        return GraphQLEndpoint(
            api.schema,
            api.documents,
            authenticate,
            api.recognizer,
            self.settings.body,
            self.throttle,
            self.shares,
            self.settings.answers,
            self.patience,
        )

    def _health(self) -> list[BaseRoute]:
        readiness = Readiness(self.store, self.enrollment, self.clock, self.bearers, self.crls)
        return [Route("/healthz", healthz), Route("/readyz", readiness.readyz)]

    def _certificates(self) -> list[BaseRoute]:
        issuers = self.issuers
        files: Mapping[str, Callable[[], bytes]] = {
            "root.crt": lambda: issuers.root,
            "root.pem": lambda: pem(issuers.root).encode(),
            "issuing.crt": lambda: issuers.current.der,
            "issuing.pem": lambda: pem(issuers.current.der).encode(),
            "cas.pem": lambda: "".join(map(pem, issuers.trusted)).encode(),
        }
        # RFC 2585 4.1
        types = {"crt": "application/pkix-cert", "pem": "application/x-pem-file"}
        lists = [] if self.crls is None else CRLEndpoints(self.crls, self.clock).routes()
        return [
            *(Route(f"/{name}", _file(file, types[name.rpartition(".")[2]])) for name, file in files.items()),
            *lists,
        ]

    def _application(
        self,
        routes: Sequence[BaseRoute],
        endpoints: Mapping[str, ASGIApp] = _NONE,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> ASGIApp:
        application = Starlette(routes=routes, exception_handlers={HTTPException: _problem, Exception: _problem})
        # A redirect would lead to whatever the Host header says, and a client would send its token after it.
        application.router.redirect_slashes = False
        others = _with_headers(application, headers)
        return without_identity_headers(_first(endpoints, others, self._metadata() if endpoints else None))


def _first(endpoints: Mapping[str, ASGIApp], others: ASGIApp, metadata: Metadata | None = None) -> ASGIApp:
    """The endpoints by their paths, those of the catalogue, and the others for every other path.

    An endpoint answers whatever goes wrong in it itself, so that it needs none of the six layers that Starlette has
    around a route.
    """

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp | None = None
        if scope["type"] == "http":
            app = endpoints.get(scope["path"]) or (metadata.at(scope) if metadata is not None else None)
        await (app or others)(scope, receive, send)

    return dispatch


def _with_headers(app: ASGIApp, headers: Sequence[tuple[bytes, bytes]]) -> ASGIApp:
    """The application with these headers in each of its answers."""
    if not headers:
        return app

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await app(scope, receive, send_more)

    return wrapped


def _token_bearer(scope: Scope) -> Call:
    text = header(scope, b"connector-token")
    address = source(scope)
    principal = PresentedToken(text, address) if text is not None else Anonymous()
    return Call(principal, address, step=step_key(scope))


def _bearer(scope: Scope, suggestion_header: bytes) -> Call:
    # RFC 9110 11.1: the scheme's name in any case; RFC 6750 2.1: one token after it.
    scheme, _, text = (header(scope, b"authorization") or "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(text.strip())
    principal: Principal = Bearer(text.strip()) if is_bearer else admin_holder(scope) or Anonymous()
    suggest = (header(scope, suggestion_header) or "").lower() == "true"
    return Call(principal, source(scope), header(scope, b"tenant"), suggest)


def _holder(scope: Scope) -> Call:
    fingerprint = certificate_fingerprint(scope)
    principal = PresentedCertificate(fingerprint) if fingerprint is not None else Anonymous()
    is_safe = scope["method"] == "GET"
    return Call(principal, source(scope), header(scope, b"tenant"), step=step_key(scope), is_safe=is_safe)


def _file(octets: Callable[[], bytes], media_type: str) -> Callable[[Request], Response]:
    def serve(_: Request) -> Response:
        return Response(octets(), media_type=media_type, headers={"cache-control": f"max-age={CERTIFICATE_SECONDS}"})

    return serve


def _problem(_: Request, error: Exception) -> Response:
    """What Starlette itself refuses, in the shape of every other refusal."""
    if not isinstance(error, HTTPException):
        return error_answer(error)  # what it was is logged by the server
    kinds = {404: PathNotFound, 405: MethodNotAllowed}
    return error_answer(kinds.get(error.status_code, BadRequest)(), error.headers)
