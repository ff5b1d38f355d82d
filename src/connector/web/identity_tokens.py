"""Identity tokens over HTTP: the token endpoint for holders of certificates (RFC 8705), and what verifiers fetch.

Verifiers find the keys by OpenID Connect Discovery 1.0 or by RFC 8414, whose metadata :mod:`connector.web.oauth` has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from connector.domain.pairing import DISCOVERY_PATH, JWKS_PATH, Links
from connector.domain.principals import PresentedCertificate
from connector.domain.refusals.callers import CredentialMissing
from connector.oidc.identity_tokens import ALGORITHM, jwks
from connector.usecases.identity_tokens import IdentityTokens
from connector.web.answers import json_answer
from connector.web.callers import certificate_fingerprint
from connector.web.oauth import answer_form, check_grant_type, read_parameters, token_answer
from connector.web.requests import BodyLimits, vouch
from connector.web.shares import Seat, Shares

KEYS_SECONDS = 300
"""How long verifiers may keep the keys. A new one is published for a day before it signs."""


_KEPT = {"cache-control": f"public, max-age={KEYS_SECONDS}"}


@dataclass(frozen=True, slots=True)
class IdentityTokenEndpoint:
    """The token endpoint, as an ASGI application on the listener for certificates."""

    tokens: IdentityTokens
    limits: BodyLimits
    shares: Shares

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with self.shares.seat() as seat:  # until the peer has taken its answer
            await answer_form(scope, receive, send, lambda request: self._grant(request, seat))

    async def _grant(self, request: Request, seat: Seat) -> Response:
        fingerprint = certificate_fingerprint(request.scope)
        if fingerprint is None:  # which no handshake lets pass
            raise CredentialMissing
        seat.take(PresentedCertificate(fingerprint))
        parameters = await read_parameters(request, self.limits)
        check_grant_type(parameters)
        token = await self.tokens.grant(fingerprint, parameters.get("audience"), enter=seat.enter)
        vouch(request.scope)
        return token_answer(token.text, token.lifetime)


@dataclass(frozen=True, slots=True)
class VerifierEndpoints:
    """What those who accept tokens fetch."""

    tokens: IdentityTokens
    links: Links

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is served."""
        return [Route(DISCOVERY_PATH, self.discovery), Route(JWKS_PATH, self.keys)]

    @property
    def metadata(self) -> Mapping[str, object]:
        """What the metadata of both kinds have of identity tokens (RFC 8414 2, RFC 8705 3.3 and 5)."""
        return {
            "jwks_uri": f"{self.links.issuer}{JWKS_PATH}",
            "tls_client_certificate_bound_access_tokens": True,
            "mtls_endpoint_aliases": {"token_endpoint": self.links.identity_tokens},
        }

    async def discovery(self, _: Request) -> Response:
        """The metadata as OpenID Connect Discovery 1.0 section 3 has it. Nobody signs in here."""
        return json_answer(
            {
                "issuer": self.links.issuer,
                "token_endpoint": self.links.identity_tokens,
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                **self.metadata,
            },
            headers=_KEPT,
        )

    async def keys(self, _: Request) -> Response:
        """The JWK Set."""
        return json_answer(jwks(self.tokens.published), headers=_KEPT)
