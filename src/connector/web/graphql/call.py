"""One request as resolvers see it."""

from dataclasses import dataclass

from graphql import GraphQLResolveInfo

from connector.domain.principals import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, from which address, and for which tenant: what resolvers are given.

    ``suggest`` says whether the caller asked for the kind of token that suits its owner (wire contract b.3); ``step``
    is the Idempotency-Key, if there is one; ``is_safe`` says that the request's method is one that changes nothing.
    """

    principal: Principal
    source: str | None = None
    tenant: str | None = None
    suggest: bool = False
    step: str | None = None
    is_safe: bool = False


Info = GraphQLResolveInfo[Call]
