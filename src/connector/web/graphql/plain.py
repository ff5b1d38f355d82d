"""Plain fields: those whose values are there already, so that nothing has to be resolved for them.

graphql-core makes a path, an info, and a dictionary of arguments for each field, and asks of each value a dozen things.
Nearly all fields of an answer need none of it: an attribute of a known type. Those are read here. Whatever is not as
plain as that (a resolver, an argument, an awaitable, a value of another type, null where there must be none) is left to
graphql-core, which begins that field anew. So there is one judge of errors, and nothing has happened twice: to read an
attribute has no effect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import GeneratorType
from typing import Any, Protocol

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet

AT_ONCE = 5
"""Items of a list that are completed in one go: an application with all that is its own takes 0.1 ms."""

Completer = Callable[[Any], Any]
"""Turns a value into its part of the answer; raises NotPlain."""


class Selections(Protocol):
    """Finds what is asked for below a field."""

    schema: GraphQLSchema

    def below(self, type_: GraphQLObjectType, details: FieldDetailsList) -> "Selection | None":
        """The selection below a field, for objects of that type; None where there is no room to keep it."""


_ODD = (Exception, GeneratorType)  # to be raised or awaited
_INT_BOUND = 2**31  # GraphQL's Int has 32 bits (section 3.5.1 of its specification)


class NotPlain(Exception):  # noqa: N818 - no error, but a way out
    """graphql-core has to look at this."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields that are asked for of one object: the plain ones by response key, and the others for graphql-core."""

    plain: Mapping[str, tuple[str, Completer]]
    others: GroupedFieldSet

    def read(self, source: Any) -> dict[str, Any]:
        """The values of the plain fields. One that turns out not to be plain is missing."""
        read, is_mapping = dict[str, Any](), isinstance(source, Mapping)
        for key, (name, complete) in self.plain.items():
            try:
                read[key] = complete(source.get(name) if is_mapping else getattr(source, name, None))
            except Exception:  # noqa: BLE001, S112 - whatever it is, graphql-core meets it again
                continue
        return read

    def whole(self, source: Any) -> dict[str, Any] | None:
        """The object's part of the answer, where all fields are plain; whatever an attribute raises is raised.

        Raises:
            NotPlain: one is not.
        """
        if source is None:
            return None
        if not _is_plain(source):
            raise NotPlain
        if isinstance(source, Mapping):
            return {key: complete(source.get(name)) for key, (name, complete) in self.plain.items()}
        return {key: complete(getattr(source, name, None)) for key, (name, complete) in self.plain.items()}


def selection(parent: GraphQLObjectType, fields: GroupedFieldSet, selections: Selections) -> Selection:
    """The selection of these fields of an object."""
    plain, others = dict[str, tuple[str, Completer]](), dict[str, FieldDetailsList]()
    for key, details in fields.items():
        name = details[0].node.name.value
        definition = parent.fields.get(name)
        is_attribute = definition is not None and definition.resolve is None and not definition.args
        complete = _completer(definition.type, details, selections) if definition is not None and is_attribute else None
        if complete is None:
            others[key] = details
        else:
            plain[key] = (name, complete)
    return Selection(plain, others)


def _completer(type_: GraphQLOutputType, details: FieldDetailsList, selections: Selections) -> Completer | None:
    """None where something has to be resolved."""
    return _leaf(type_) or _object(type_, details, selections)


@lru_cache(maxsize=1024)
def _leaf(type_: GraphQLOutputType) -> Completer | None:
    """For a scalar, an enum, or a list of some."""
    match type_:
        case GraphQLNonNull() | GraphQLList():
            inner = _leaf(type_.of_type)
            return None if inner is None else _wrapped(type_, inner)
        case GraphQLScalarType() | GraphQLEnumType():
            return _LEAVES.get(type_) or _coerced(type_)
    return None


def _object(type_: GraphQLOutputType, details: FieldDetailsList, selections: Selections) -> Completer | None:
    """For an object, or a list of some, all of whose fields are plain."""
    match type_:
        case GraphQLNonNull() | GraphQLList():
            inner = _object(type_.of_type, details, selections)
            return None if inner is None else _wrapped(type_, inner)
        case GraphQLObjectType() if type_.is_type_of is None:
            inside = selections.below(type_, details)
            return None if inside is None or inside.others else inside.whole
        case GraphQLInterfaceType() | GraphQLUnionType() if type_.resolve_type is not None:
            possible = {
                each.name: _object(each, details, selections) for each in selections.schema.get_possible_types(type_)
            }
            return _one_of(possible, type_.resolve_type, type_)
    return None


def _one_of(
    possible: Mapping[str, Completer | None], resolve: Callable[..., Any], type_: GraphQLOutputType
) -> Completer:
    """For an object of one of these types; ``resolve`` says of which. One that needs to know more raises something."""

    def complete(value: Any) -> Any:
        if value is None:
            return None
        name = resolve(value, None, type_) if _is_plain(value) else None
        complete_one = possible.get(name) if isinstance(name, str) else None
        if complete_one is None:
            raise NotPlain
        return complete_one(value)

    return complete


def _wrapped(type_: GraphQLNonNull[Any] | GraphQLList[Any], inner: Completer) -> Completer:
    return _not_null(inner) if isinstance(type_, GraphQLNonNull) else _list(inner)


def _not_null(inner: Completer) -> Completer:
    def complete(value: Any) -> Any:
        if value is None:
            raise NotPlain
        return inner(value)

    return complete


def _list(inner: Completer) -> Completer:
    def complete(value: Any) -> Any:
        if value is None:
            return None
        # A longer one is completed in turns.
        if type(value) is not list or len(value) > AT_ONCE:
            raise NotPlain
        return [inner(item) for item in value]

    return complete


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    raise NotPlain


def _boolean(value: Any) -> bool | None:
    if value is None or type(value) is bool:
        return value
    raise NotPlain


def _integer(value: Any) -> int | None:
    if value is None or (type(value) is int and -_INT_BOUND <= value < _INT_BOUND):
        return value
    raise NotPlain


_LEAVES: Mapping[GraphQLOutputType, Completer] = {
    GraphQLString: _text,
    GraphQLID: _text,
    GraphQLBoolean: _boolean,
    GraphQLInt: _integer,
}


def _coerced(type_: GraphQLScalarType | GraphQLEnumType) -> Completer:
    """By the type itself."""

    def complete(value: Any) -> Any:
        if value is None:
            return None
        if not _is_plain(value):
            raise NotPlain
        try:
            coerced = type_.coerce_output_value(value)
        except Exception as error:  # whatever a type's own code raises, graphql-core meets it again
            raise NotPlain from error
        if coerced is None or coerced is Undefined:
            raise NotPlain
        return coerced

    return complete


def _is_plain(value: Any) -> bool:
    """Whether the value is what it is: nothing to be called, awaited or raised."""
    return not (callable(value) or isinstance(value, _ODD) or hasattr(value, "__await__"))
