"""What a request asks for below a field, so that it is read with it, in one transaction."""

from collections.abc import Iterator

from graphql import FieldNode, FragmentSpreadNode, SelectionSetNode

from connector.web.graphql.endpoint import Info


def wanted(info: Info) -> frozenset[str]:
    """The names of all fields that are asked for below this one, at any depth.

    A name that is asked for elsewhere below makes us read more than is needed, and never less. Documents are measured
    before (:mod:`connector.web.graphql.documents`), so that this ends soon.
    """

    def names(selections: SelectionSetNode | None) -> Iterator[str]:
        for node in selections.selections if selections is not None else ():
            if isinstance(node, FieldNode):
                yield node.name.value
            if isinstance(node, FragmentSpreadNode):
                yield from spread(node.name.value)
            else:
                yield from names(getattr(node, "selection_set", None))

    def spread(name: str) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            yield from names(info.fragments[name].selection_set)

    seen: set[str] = set()
    return frozenset(name for node in info.field_nodes for name in names(node.selection_set))
