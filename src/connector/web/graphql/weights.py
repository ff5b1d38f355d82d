"""The weight of every field of a schema in the cost of a query, from its ``@cost`` and ``@empty``."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    IntValueNode,
    is_introspection_type,
)

COST, EMPTY = "cost", "empty"
PAGE, PAGE_ITEMS = "Pageable", "data"

MOST_IN_A_PAGE = 200
"""The largest page, and the one that is read where the caller does not say."""

LOCATIONS = 20
"""Places where a directive may stand."""

_Composite = GraphQLObjectType | GraphQLInterfaceType


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of one field. ``items`` is the greatest number that it lists, None where it is no list.

    ``is_page`` says that it lists no more than the page that was asked for either.
    """

    each: int = 1
    items: int | None = None
    is_page: bool = False
    empty: bool = False


_PLAIN = Weight()


class Weights:
    """The weights of a schema.

    Raises:
        ValueError: a field is a list, and nothing says how long it can be. Such a schema is not served.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        composites = [kind for kind in schema.type_map.values() if isinstance(kind, _Composite)]
        lengths = _introspection(schema)
        own = {
            (kind.name, name): _weight(kind, name, field, lengths)
            for kind in composites
            for name, field in kind.fields.items()
        }
        self._weights: dict[tuple[str, str], Weight] = dict(own)
        for kind in composites:
            if isinstance(kind, GraphQLInterfaceType):
                # Whatever stands in for the interface: the heaviest.
                names = [kind.name, *(each.name for each in schema.get_possible_types(kind))]
                for field in kind.fields:
                    self._weights[kind.name, field] = _heaviest([own[name, field] for name in names])

    def of(self, parent: str, name: str) -> Weight:
        """The weight of a field; __typename and its like are plain values."""
        return self._weights.get((parent, name), _PLAIN)


def _weight(kind: _Composite, name: str, field: GraphQLField, lengths: Mapping[str, int]) -> Weight:
    directives = field.ast_node.directives if field.ast_node is not None else ()
    given = {
        argument.name.value: int(argument.value.value)
        for directive in directives or ()
        if directive.name.value == COST
        for argument in directive.arguments or ()
        if isinstance(argument.value, IntValueNode)
    }
    empty = any(directive.name.value == EMPTY for directive in directives or ())
    each, items, depth = given.get("each", 1), given.get("items"), _depth(field.type)
    if depth == 0 or empty:
        return Weight(each, empty=empty)
    is_page = name == PAGE_ITEMS and any(interface.name == PAGE for interface in kind.interfaces)
    if is_page:
        items = min(items or MOST_IN_A_PAGE, MOST_IN_A_PAGE)
    if is_introspection_type(kind):
        items = lengths[name]
    if depth > 1 or items is None:
        raise ValueError(f"{kind.name}.{name} does not say how long its list can be: @cost(items: ...)")
    return Weight(each, items, is_page)


def _depth(kind: GraphQLOutputType) -> int:
    """How many lists are around the named type."""
    depth = 0
    while isinstance(kind, GraphQLList | GraphQLNonNull):
        depth += isinstance(kind, GraphQLList)
        kind = kind.of_type
    return depth


def _heaviest(weights: list[Weight]) -> Weight:
    return Weight(
        max(weight.each for weight in weights),
        max((weight.items for weight in weights if weight.items is not None), default=None),
        all(weight.is_page for weight in weights),
        all(weight.empty for weight in weights),
    )


def _introspection(schema: GraphQLSchema) -> Mapping[str, int]:
    """How long the lists are in which the schema describes itself."""
    kinds = list(schema.type_map.values())
    fields = [field for kind in kinds for field in getattr(kind, "fields", {}).values()]
    described = [*fields, *schema.directives]
    return {
        "types": len(kinds),
        "directives": len(schema.directives),
        "locations": LOCATIONS,
        "args": max(len(getattr(each, "args", {})) for each in described),
        "fields": max(len(getattr(kind, "fields", {})) for kind in kinds),
        "inputFields": max(len(getattr(kind, "fields", {})) for kind in kinds),
        "enumValues": max(len(getattr(kind, "values", {})) for kind in kinds),
        "interfaces": len(kinds),
        "possibleTypes": len(kinds),
    }
