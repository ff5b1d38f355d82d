"""The cost of a query, reckoned before it runs from the fields that it can read.

A value of the answer costs one. The schema says where one costs more, how long a list can be, and what is always empty
(``@cost`` and ``@empty``). Lists inside lists multiply. So the cost is never below the number of values that are read.

Page sizes that come as variables stay open: the cost is a sum of products that is made once for each kept document, and
a request puts its variables in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from connector.domain.refusals.requests import QueryTooExpensive
from connector.web.graphql.weights import MOST_IN_A_PAGE, Weights

PAGE_ARGUMENT = "first"

ROOT = 50
"""A root field reads in a transaction of its own."""

DEAR = 30_000
"""Answers that cost more are made one after another for each principal."""

MOST_OF_A_MUTATION = 60_000
"""A change that was made never waits for others, and its answer is never too long. To select all of an application,
each object with its ``__typename``, costs 37 390.
"""

Size = int | str
"""How many items a page has: a number, or the variable that says so."""

Sum = dict[tuple[str, ...], int]
"""A sum of products: how often each product of variables is counted."""


@dataclass(frozen=True, slots=True)
class Root:
    """The cost of one root field, and the page argument that would lower it, if there is one."""

    terms: Sum
    page: tuple[str, Size] | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation."""

    roots: Sequence[Root]
    is_mutation: bool
    defaults: Mapping[str, int]
    fixed: int | None
    """The cost, where no variable has a part in it."""

    def total(self, variables: Mapping[str, object]) -> int:
        """The cost with these variables."""
        if self.fixed is not None:
            return self.fixed
        return sum(self._of(root, variables) for root in self.roots)

    def admit(self, variables: Mapping[str, object], limit: int) -> int:
        """The cost, if the operation may run.

        Raises:
            QueryTooExpensive: it costs more than the limit.
        """
        total = self.total(variables)
        if self.is_mutation and total > MOST_OF_A_MUTATION:
            raise QueryTooExpensive(
                f"The mutation costs {total}, and the limit is {MOST_OF_A_MUTATION}. Select fewer fields."
            )
        if total > limit:
            raise QueryTooExpensive(
                f"The query costs {total}, and the limit is {limit} (graphql.cost). {self._advice(variables)}"
            )
        return total

    def _advice(self, variables: Mapping[str, object]) -> str:
        pages = [(self._of(root, variables), root.page) for root in self.roots if root.page is not None]
        if not pages:
            return "Select fewer fields, or send fewer aliases in one request."
        _, (name, size) = max(pages, key=lambda page: page[0])
        return f"Lower {name}({PAGE_ARGUMENT}: {self._size(size, variables)}), or send fewer aliases in one request."

    def _of(self, root: Root, variables: Mapping[str, object]) -> int:
        return sum(
            count * prod(self._size(name, variables) for name in product) for product, count in root.terms.items()
        )

    def _size(self, size: Size, variables: Mapping[str, object]) -> int:
        if isinstance(size, int):
            return size
        return _within(variables[size] if size in variables else self.defaults.get(size))


class Costs:
    """The cost of each operation of a document. The document was found good before, and measured."""

    def __init__(self, document: DocumentNode, schema: GraphQLSchema, weights: Weights) -> None:
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._costs = {
            node.name.value if node.name is not None else None: _cost(node, _Reckoner(schema, weights, fragments))
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }

    def of(self, operation_name: str | None) -> Cost | None:
        """The cost of the operation that a request names; None where there is no such: it will not run."""
        if operation_name is None and len(self._costs) == 1:
            return next(iter(self._costs.values()))
        return self._costs.get(operation_name)


def _cost(operation: OperationDefinitionNode, reckoner: "_Reckoner") -> Cost:
    defaults = {
        node.variable.name.value: _within(int(node.default_value.value))
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }
    kind = reckoner.schema.get_root_type(operation.operation)
    roots = [] if kind is None else reckoner.roots(operation.selection_set, kind)
    is_open = any(product for root in roots for product in root.terms)
    return Cost(
        roots,
        operation.operation is OperationType.MUTATION,
        defaults,
        None if is_open else sum(sum(root.terms.values()) for root in roots),
    )


def _within(value: object) -> int:
    """The size of the page that is asked for. One that cannot be served is refused later, and counts as the largest."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= MOST_IN_A_PAGE else MOST_IN_A_PAGE


class _Reckoner:
    """Reckons selections, fragments spread out: measuring has bounded how many that are."""

    def __init__(
        self, schema: GraphQLSchema, weights: Weights, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self.schema = schema
        self._weights = weights
        self._fragments = fragments

    def roots(self, selections: SelectionSetNode, kind: GraphQLNamedType) -> list[Root]:
        """The root fields."""
        roots = []
        for node, parent in self._fields(selections, kind):
            terms = self._field(node, parent, None)
            terms[()] = terms.get((), 0) + ROOT
            roots.append(Root(terms, next(self._pages(node, parent), None)))
        return roots

    def _field(self, node: FieldNode, parent: GraphQLNamedType, page: Size | None) -> Sum:
        """The cost of a field; ``page`` is the size of the page that it is a part of."""
        weight = self._weights.of(parent.name, node.name.value)
        if weight.empty:
            return {}
        terms: Sum = {(): weight.each}
        field = self._definition(node, parent)
        if field is not None and node.selection_set is not None:
            _add(terms, self._inside(node.selection_set, get_named_type(field.type), _page_size(node, field)))
        if weight.items is None:
            return terms
        times = page if weight.is_page and page is not None else weight.items
        if isinstance(times, int):
            times = min(times, weight.items)
        terms = _multiplied(terms, times)
        terms[()] = terms.get((), 0) + 1
        return terms

    def _inside(self, selections: SelectionSetNode, own: GraphQLNamedType, page: Size | None) -> Sum:
        """The cost of an object's selections. It is of one type: of several, only the dearest counts."""
        terms: Sum = {}
        members: dict[str, Sum] = {}
        for below, kind in self._fields(selections, own):
            is_member = kind is not own and isinstance(kind, GraphQLObjectType)
            _add(members.setdefault(kind.name, {}) if is_member else terms, self._field(below, kind, page))
        products = {product for member in members.values() for product in member}
        _add(terms, {each: max(member.get(each, 0) for member in members.values()) for each in products})
        return terms

    def _pages(self, node: FieldNode, parent: GraphQLNamedType) -> Iterator[tuple[str, Size]]:
        """The pages that a field asks for, the outermost first."""
        field = self._definition(node, parent)
        if field is None:
            return
        size = _page_size(node, field)
        if size is not None:
            yield node.name.value, size
        for below, kind in self._fields(node.selection_set, get_named_type(field.type)):
            yield from self._pages(below, kind)

    def _fields(
        self, selections: SelectionSetNode | None, kind: GraphQLNamedType
    ) -> Iterator[tuple[FieldNode, GraphQLNamedType]]:
        """The fields that are selected of an object, with the type of which each is one."""
        for node in selections.selections if selections is not None else ():
            match node:
                case FieldNode():
                    yield node, kind
                case FragmentSpreadNode():
                    fragment = self._fragments[node.name.value]
                    yield from self._fields(fragment.selection_set, self._named(fragment.type_condition, kind))
                case InlineFragmentNode():
                    yield from self._fields(node.selection_set, self._named(node.type_condition, kind))

    def _named(self, condition: NamedTypeNode | None, kind: GraphQLNamedType) -> GraphQLNamedType:
        return kind if condition is None else self.schema.type_map[condition.name.value]

    def _definition(self, node: FieldNode, parent: GraphQLNamedType) -> GraphQLField | None:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return None  # of a union nothing but __typename is selected
        return self.schema.get_field(parent, node.name.value)


def _page_size(node: FieldNode, field: GraphQLField) -> Size | None:
    """How many items the field's page has; None where it is no page."""
    if PAGE_ARGUMENT not in field.args:
        return None
    for argument in node.arguments or ():
        if argument.name.value == PAGE_ARGUMENT:
            match argument.value:
                case IntValueNode():
                    return _within(int(argument.value.value))
                case VariableNode():
                    return argument.value.name.value
    return MOST_IN_A_PAGE


def _add(terms: Sum, more: Sum) -> None:
    for product, count in more.items():
        terms[product] = terms.get(product, 0) + count


def _multiplied(terms: Sum, times: Size) -> Sum:
    if isinstance(times, int):
        return {product: count * times for product, count in terms.items()}
    return {tuple(sorted((*product, times))): count for product, count in terms.items()}
