"""How large a document is, its fragments spread out, and how large it may be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be; each is a count, characters those after lifting."""

    characters: int = 65536
    tokens: int = 2000
    depth: int = 15
    fields: int = 1000
    aliases: int = 30
    root_fields: int = 10
    fragments: int = 20
    operations: int = 10


def measure(document: DocumentNode, limits: DocumentLimits) -> None:
    """Hold the document, its fragments spread out, to the limits.

    Raises:
        DocumentTooComplex, DocumentInvalid: it breaks one; or its fragments go in a circle.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(fragments) > limits.fragments or len(operations) > limits.operations:
        raise DocumentTooComplex(
            f"The GraphQL document is too complex. Send at most {limits.operations} operations and "
            f"{limits.fragments} fragments."
        )
    gauge = _Gauge(fragments)
    for operation in operations:
        size = gauge.size(operation.selection_set)
        is_query = operation.operation is OperationType.QUERY
        if (
            size.root_fields > (limits.root_fields if is_query else 1)
            or size.depth > limits.depth
            or size.fields > limits.fields
            or size.aliases > limits.aliases
        ):
            raise DocumentTooComplex(
                f"The GraphQL document is too complex. Keep to depth {limits.depth}, {limits.fields} fields, "
                f"{limits.aliases} aliases, {limits.root_fields} root fields of a query, one of a mutation."
            )


@dataclass(frozen=True, slots=True)
class _Size:
    root_fields: int = 0
    depth: int = 0
    fields: int = 0
    aliases: int = 0


class _Gauge:
    """Sizes of selection sets, each fragment measured once, however often it is spread."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._sizes: dict[str, _Size] = {}
        self._open: set[str] = set()

    def size(self, selections: SelectionSetNode | None) -> _Size:
        root_fields = depth = fields = aliases = 0
        for node in selections.selections if selections is not None else ():
            if isinstance(node, FieldNode):
                inner = self.size(node.selection_set)
                # __typename costs nothing to answer, and clients add it wherever they can.
                counts = int(node.name.value != "__typename")
                inner = _Size(counts, inner.depth + 1, inner.fields + 1, inner.aliases + (node.alias is not None))
            elif isinstance(node, FragmentSpreadNode):
                inner = self._spread(node.name.value)
            else:
                inner = self.size(getattr(node, "selection_set", None))
                inner = replace(inner, depth=inner.depth + 1, fields=inner.fields + 1)
            root_fields += inner.root_fields
            depth = max(depth, inner.depth)
            fields += inner.fields
            aliases += inner.aliases
        return _Size(root_fields, depth, fields, aliases)

    def _spread(self, name: str) -> _Size:
        known = self._sizes.get(name)
        if known is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None:
            return _Size()  # validation names the unknown fragment
        if name in self._open:
            raise DocumentInvalid("A fragment of the GraphQL document spreads itself.")
        self._open.add(name)
        self._sizes[name] = self.size(fragment.selection_set)
        self._open.discard(name)
        return self._sizes[name]
