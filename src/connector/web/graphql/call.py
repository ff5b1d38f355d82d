"""One request as resolvers see it."""

from dataclasses import dataclass

from graphql import GraphQLResolveInfo

from connector.domain.principals import Principal
from connector.web.shares import Seat


@dataclass(slots=True)
class Call:
    """A call as resolvers see it: the caller, their address, and the tenant.

    ``suggest`` says whether the caller asked for the kind of token that suits its owner (docs/wire-contract.md, "The
    suggested token"); ``step`` is the Idempotency-Key, if there is one; ``is_safe`` says that the request's method is
    one that changes nothing; ``seat`` is its place within the shares of its caller and its tenant, which the endpoint
    takes.
    """

    principal: Principal
    source: str | None = None
    tenant: str | None = None
    suggest: bool = False
    step: str | None = None
    is_safe: bool = False
    seat: Seat | None = None

    def enter(self, tenant_id: str) -> None:
        """Count the request for this tenant, where the caller was found to be allowed.

        Raises:
            RateLimited: the tenant has too many.
        """
        if self.seat is not None:
            self.seat.enter(tenant_id)


Info = GraphQLResolveInfo[Call]
