"""The names that a request asks for below a field, so that all are read in one transaction."""

from collections.abc import Iterator, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode

from connector.web.graphql.call import Info


def wanted(info: Info) -> frozenset[str]:
    """The names of all fields that are asked for below this one, at any depth.

    A name that is asked for elsewhere below makes us read more than is needed, and never less. Documents are measured
    before (:mod:`connector.web.graphql.documents`), so that this ends soon.
    """
    seen: set[str] = set()
    return frozenset(name for node in info.field_nodes for name in _names(node.selection_set, info.fragments, seen))


def _names(
    selections: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[str]:
    """The names below; a fragment that was seen is not looked at again."""
    for node in selections.selections if selections is not None else ():
        if isinstance(node, FieldNode):
            yield node.name.value
        if not isinstance(node, FragmentSpreadNode):
            yield from _names(getattr(node, "selection_set", None), fragments, seen)
        elif (name := node.name.value) not in seen:
            seen.add(name)
            yield from _names(fragments[name].selection_set, fragments, seen)
