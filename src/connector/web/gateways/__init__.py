"""The endpoints for gateways on the internal listener: verdicts on client certificates and on identity tokens, and
Compass's resolvers.

A gateway ends TLS, verifies its client's certificate against the CA, and passes on which one it was. Everything here
believes the gateway in this one thing, therefore it answers named gateways only (:mod:`.proxies`), and reads the one
header that this kind of gateway sets, strictly (:mod:`.forwarded`). Begin with :mod:`.verdicts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from connector.domain.pairing import INTROSPECTION_PATH
from connector.ports.transaction import Store
from connector.usecases.enrollment import Enrollment
from connector.usecases.identity_tokens import IdentityTokens
from connector.usecases.verdicts import Verdicts
from connector.web.gateways import resolvers
from connector.web.gateways.forwarded import DIALECTS
from connector.web.gateways.forwarding import Forwarding
from connector.web.gateways.introspection import IntrospectionEndpoint
from connector.web.gateways.proxies import Proxies
from connector.web.gateways.resolvers import Foreign
from connector.web.gateways.verdicts import VerdictEndpoint
from connector.web.requests import BodyLimits

__all__ = ["DIALECTS", "Foreign", "Forwarding", "Gateways", "Proxies"]

PREFIX = "/verdict/"


@dataclass(frozen=True, slots=True)
class Gateways:
    """Makes the endpoints."""

    proxies: Proxies
    verdicts: Verdicts
    foreign: Foreign = field(default_factory=Foreign)
    identity_tokens: IdentityTokens | None = None

    def endpoints(self, store: Store, enrollment: Enrollment, limits: BodyLimits) -> Mapping[str, ASGIApp]:
        """The endpoints by their paths."""
        introspection: dict[str, ASGIApp] = {}
        if self.identity_tokens is not None:
            introspection[INTROSPECTION_PATH] = IntrospectionEndpoint(self.identity_tokens, self.proxies, limits)
        return {
            **introspection,
            **{f"{PREFIX}{each.name}": VerdictEndpoint(each, self.proxies, self.verdicts) for each in DIALECTS},
            **resolvers.endpoints(store, enrollment, self.verdicts, self.proxies, limits, foreign=self.foreign),
        }
