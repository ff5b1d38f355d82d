"""Who is let in with a document that nobody has judged yet, and what the others are answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLNonNull, GraphQLSchema

from connector.domain.refusals.callers import Unauthenticated
from connector.web.graphql.call import Call
from connector.web.graphql.glance import Asked
from connector.web.problems import graphql_error

INTROSPECTION = frozenset({"__typename", "__schema", "__type"})

Recognize = Callable[[Call, str | None], Awaitable[str]]
"""Finds out who calls, by the read that the root field of this name does, or raises Unauthenticated as that field does.

None is a field whose name is not known. The name that is returned is one for all credentials of one principal.
"""


@dataclass(frozen=True, slots=True)
class Recognizer:
    """How callers of one schema are recognized, and the root fields that want no credential."""

    recognize: Recognize
    open: frozenset[str] = INTROSPECTION

    def is_open(self, asked: Asked) -> bool:
        """Whether anybody may run this."""
        return all(root.name in self.open for root in asked.roots)


@dataclass(frozen=True, slots=True)
class Denied:
    """A caller who is not known, and what was asked for."""

    asked: Asked
    refusal: Unauthenticated

    def content(self, schema: GraphQLSchema) -> dict[str, Any]:
        """The answer that the operation would have given: an error for each root field, and its key as null.

        Where a field may not be null, neither may what holds it (GraphQL, October 2021, 6.4.4): then there are no data,
        and the answer has the error of the first such field; an execution's errors for others depend on the order.
        """
        root_type = schema.get_root_type(self.asked.type)
        fields = {} if root_type is None else root_type.fields
        data: dict[str, Any] = {}
        errors = []
        for root in self.asked.roots:
            if root.name == "__typename" and root_type is not None:
                data[root.key] = root_type.name
                continue
            error = {**graphql_error(self.refusal), "path": [root.key]}
            if root.name in fields and isinstance(fields[root.name].type, GraphQLNonNull):
                return {"errors": [error], "data": None}
            data[root.key] = None
            errors.append(error)
        return {"errors": errors, "data": data}
