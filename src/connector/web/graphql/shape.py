"""The shape of a document: what is asked for below each of its fields.

graphql-core finds it anew for each request. Where nothing in the document depends on a request's variables it is always
the same, so it is kept with the document.
"""

from dataclasses import dataclass, field

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet

from connector.web.graphql.plain import Selection, Selections, selection

Key = tuple[object, ...]
"""A type, and the identity of a field's nodes: these live as long as the document does."""


def key(type_: GraphQLObjectType, details: FieldDetailsList) -> Key:
    """The key of what is asked for below a field, for an object of this type."""
    # A type has no other hash than its identity; a node's is that of all that it holds.
    return (type_, *[id(each.node) for each in details])


@dataclass(slots=True)
class Shape:
    """One document's shape, as far as requests have found it. It holds no value of any of them.

    ``room`` is for how many fields there is still memory.
    """

    room: int
    _collected: dict[Key, CollectedFields] = field(default_factory=dict)
    _selections: dict[int, Selection | None] = field(default_factory=dict)

    def collected(self, key: Key) -> CollectedFields | None:
        """What is asked for below a field, if it is known."""
        return self._collected.get(key)

    def keep(self, key: Key, found: CollectedFields) -> None:
        """Keep what was found, if there is room."""
        fields = found.grouped_field_set
        if len(fields) <= self.room:
            self.room -= len(fields)
            self._collected[key] = found
            self._selections[id(fields)] = None

    def selection(self, parent: GraphQLObjectType, fields: GroupedFieldSet, selections: Selections) -> Selection | None:
        """The selection of these fields of an object, if the fields are kept."""
        if id(fields) not in self._selections:
            return None
        made = self._selections[id(fields)]
        if made is None:
            made = self._selections[id(fields)] = selection(parent, fields, selections)
        return made


def is_constant(text: str) -> bool:
    """Whether the shape of a document with this text depends on no variable: it has no directive."""
    return "@" not in text
