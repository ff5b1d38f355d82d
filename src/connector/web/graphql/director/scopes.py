"""The scope that each root field requires: the schema says it, and nothing runs without."""

from functools import lru_cache

from graphql import GraphQLObjectType

from connector.domain.principals import Scope

SCOPE = "scope"
KNOWN = "known"


@lru_cache(maxsize=256)
def required(root: GraphQLObjectType, name: str) -> Scope | None:
    """The scope that the root field requires; None where it is enough to be known.

    Raises:
        ValueError: the field does not say, or names a scope that there is not.
    """
    node = root.fields[name].ast_node
    for directive in node.directives or () if node is not None else ():
        if directive.name.value == KNOWN:
            return None
        if directive.name.value == SCOPE:
            ((value,),) = [[getattr(argument.value, "value", "")] for argument in directive.arguments or ()]
            return Scope(value)
    raise ValueError(f"{root.name}.{name} does not say which scope it requires")
