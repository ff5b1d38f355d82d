"""Plain fields: the answer is graphql-core's own, to the value, the order and the error."""

import asyncio
import gc
import re
from collections import UserDict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from inspect import isawaitable
from types import FunctionType, ModuleType
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    build_schema,
    execute,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from connector.web.graphql.execution import Execution
from connector.web.graphql.plain import AT_ONCE, Selection
from connector.web.graphql.shape import Shape, is_constant

SCHEMA = build_schema(
    """
    type Query { it: Thing sure: Thing! things: [Thing] }
    type Thing implements Named {
        name: String  id: ID!  flag: Boolean  count: Int!  size: Float  kind: Kind  free: Free
        texts: [String!]  table: [[Int]]  thing: Thing  sure: Thing!  things: [Thing!]  named: Named  either: Either
        resolved: String  sized(size: Int): String
    }
    interface Named { name: String }
    type Other implements Named { name: String  count: Int! }
    union Either = Thing | Other
    enum Kind { ONE TWO }
    scalar Free
    """
)


def _free(value: object) -> object:
    if value == "refused":
        raise ValueError("refused")
    return None if value == "nothing" else value


_SCALAR = SCHEMA.type_map["Free"]
assert isinstance(_SCALAR, GraphQLScalarType)
_SCALAR.coerce_output_value = _free
_THING, _EITHER = SCHEMA.type_map["Thing"], SCHEMA.type_map["Either"]
assert isinstance(_THING, GraphQLObjectType)
assert isinstance(_EITHER, GraphQLUnionType)
_THING.fields["resolved"].resolve = lambda source, _: f"of {type(source).__name__}"
_EITHER.resolve_type = lambda value, *_: value["kind"]
_LEAVES = ("name", "id", "flag", "count", "size", "kind", "free", "texts", "table", "resolved", "sized", "__typename")
_OBJECTS, _ABSTRACT = ("thing", "sure", "things"), ("named", "either")


class Kind(StrEnum):
    """What records hold where a schema has an enum."""

    ONE = "ONE"
    THREE = "THREE"


class Broken:
    """An object one of whose attributes cannot be read."""

    id = "broken"
    count = 7

    @property
    def name(self) -> str:
        """Nobody knows."""
        raise LookupError("no name")


@dataclass(frozen=True)
class Awaited:
    """A value that has to be awaited."""

    value: object

    def __await__(self) -> Generator[Any, None, object]:
        """It comes a little later."""
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def selections(depth: int) -> st.SearchStrategy[str]:
    """Documents' selections on a Thing: aliases, repeated keys, fragments, conditions."""
    leaf = st.sampled_from(_LEAVES)
    condition = st.sampled_from(("", "", "", " @skip(if: true)", " @include(if: $yes)", " @include(if: $no)"))
    field = st.builds(
        lambda name, alias, condition: f"{f'{alias}_{name}: ' if alias else ''}{name}{condition}",
        leaf,
        st.sampled_from(("", "", "a", "b")),
        condition,
    )
    if depth:
        inner = selections(depth - 1)
        nested = st.builds("{} {}".format, st.sampled_from(_OBJECTS), inner)
        fragment = st.builds("... on Thing{} {}".format, condition, inner)
        named = st.builds("named {{ __typename name ... on Thing {} }}".format, inner)
        either = st.builds("either {{ ... on Thing {} ... on Other {{ name one: count }} }}".format, inner)
        field = st.one_of(field, nested, fragment, st.just("...F"), named, either)
    return st.lists(field, min_size=1, max_size=5).map(lambda fields: "{ " + " ".join(fields) + " }")


VALUES: tuple[Any, ...] = (
    *(None, "", "text", True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 1.5, Kind.ONE, Kind.THREE),
    *("ONE", "THREE", "refused", "nothing", b"octets", ("a",), [], {}, object, ValueError("raised"), object()),
)
_ODD = st.one_of(
    st.sampled_from(VALUES),
    st.lists(st.sampled_from(("a", None, 1, 2**40)), max_size=AT_ONCE + 2),
    st.lists(st.lists(st.sampled_from((1, None, "2", "x")), max_size=2), max_size=2),
)
_VALUES = st.one_of(_ODD, _ODD.map(lambda value: lambda _info, **_: value), _ODD.map(Awaited))


def things(depth: int) -> st.SearchStrategy[object]:
    """Sources: dictionaries, other mappings, objects; with values that fit, and with any others."""
    fitting = {
        "id": st.just("1"),
        "count": st.just(3),
        "name": st.sampled_from((None, "n")),
        "flag": st.sampled_from((None, True)),
        "kind": st.sampled_from((None, "ONE", Kind.ONE, "Thing", "Other")),
        "texts": st.sampled_from((None, ["a"], ["a"] * (AT_ONCE + 1))),
    }
    others: dict[str, st.SearchStrategy[object]] = {name: _VALUES for name in _LEAVES if name not in fitting}
    if depth:
        below = things(depth - 1)
        some = st.lists(st.one_of(below, below, st.none()), max_size=AT_ONCE + 2)
        maybe = st.one_of(below, below, st.none(), below.map(Awaited), _ODD)
        others |= {
            "thing": maybe,
            "sure": maybe,
            "named": maybe,
            "either": maybe,
            "things": st.one_of(some, some.map(Awaited), _ODD),
        }
    good = st.fixed_dictionaries(fitting, optional=others)
    odd = st.dictionaries(st.sampled_from(tuple(fitting)), _VALUES, max_size=2)
    fields = st.builds(lambda first, second: {**first, "__typename": "Thing", **second}, good, odd)
    return st.one_of(
        fields, fields, fields.map(lambda each: type("Thing", (), each)()), fields.map(UserDict), st.just(Broken())
    )


class Core(Execution):
    """graphql-core's way with all fields; of ours the order of root fields and the turns of long lists are left."""

    execute_fields = Executor.execute_fields


async def run(
    document: DocumentNode, root: object, executor: type[Executor[Any]], shape: Shape | None = None
) -> tuple[object, object]:
    values = {"it": root, "sure": root, "things": [root, None, root]}
    variables = {"yes": True, "no": False}
    result = execute(
        SCHEMA,
        document,
        values,
        variable_values=variables,
        executor_class=executor,
        **{"shape": shape} if shape else {},
    )
    found: ExecutionResult = await result if isawaitable(result) else result
    return in_order(found.data), [(error.message, error.path) for error in found.errors or ()]


def in_order(value: object) -> object:
    """With the order of keys, which the comparison of dictionaries leaves out."""
    if isinstance(value, dict):
        return [(key, in_order(inner)) for key, inner in value.items()]
    return [in_order(inner) for inner in value] if isinstance(value, list) else value


@given(
    roots=st.lists(st.tuples(st.sampled_from(("it", "sure", "things")), selections(3)), min_size=1, max_size=2),
    fragment=selections(0),
    has_conditions=st.booleans(),
    sources=st.lists(things(2), min_size=2, max_size=2),
)
def test_the_answer_is_graphql_cores(
    *, roots: list[tuple[str, str]], fragment: str, has_conditions: bool, sources: list[object]
) -> None:
    """For any document and any values, ours and graphql-core's executor give equal data, in equal order, and equal
    errors; also where another request with the document, for other values, was there before.
    """
    document = parse(text := document_text(roots, fragment, has_conditions=has_conditions))
    assert not validate(SCHEMA, document)
    shape = Shape(document.token_count) if is_constant(text) else None

    async def both() -> None:
        for source in sources:
            assert await run(document, source, Execution, shape) == await run(document, source, Core)

    asyncio.run(both())


@pytest.mark.parametrize("name", [name for name in _THING.fields if name not in _ABSTRACT])
def test_each_field_of_each_value_is_graphql_cores(name: str) -> None:
    """A value of any kind, as it is, from a function, or awaited, gives what graphql-core gives for it."""
    below = " { name }" if name in _OBJECTS else ""
    document = parse(f"{{ it {{ {name}{below} thing {{ first: {name}{below} }} }} }}")
    shape = Shape(document.token_count)

    async def compare(value: object) -> None:
        source = {"id": "1", "count": 1, name: value, "thing": {name: value}}
        assert await run(document, source, Execution, shape) == await run(document, source, Core)

    for value in (*VALUES, ["a", 1, None], [{"name": "a"}], {"name": "a"}, UserDict(name="a"), Broken()):
        for form in (value, lambda _info, value=value, **_: value, Awaited(value)):
            asyncio.run(compare(form))


@pytest.mark.parametrize("kind", ["Thing", "Other", "ONE", "Named", None, 1, Kind.ONE, ValueError("raised")])
def test_each_type_of_a_union_is_graphql_cores(kind: object) -> None:
    """What is of one of several types is told by that type's fields; of no type of them, as an error."""
    document = parse("{ it { name either { __typename ... on Thing { id name } ... on Other { name count } } } }")
    plain = parse("{ it { name either { ... on Thing { id name } ... on Other { name count } } } }")
    for each in (document, plain):
        shape = Shape(each.token_count)
        for value in (
            {"kind": kind, "name": "n", "count": 2, "id": "1"},
            {"name": "n"},
            Broken(),
            None,
            [],
            Awaited({}),
        ):
            source = {"id": "1", "count": 1, "name": "it", "either": value}
            ours = asyncio.run(run(each, source, Execution, shape))
            assert ours == asyncio.run(run(each, source, Core))


def document_text(roots: list[tuple[str, str]], fragment: str, *, has_conditions: bool) -> str:
    fields = " ".join(f"r{number}: {name} {selection}" for number, (name, selection) in enumerate(roots))
    conditions = "... @include(if: $yes) { u: it { ...F } } ... @skip(if: $no) { v: it { id } }"
    text = f"query ($yes: Boolean!, $no: Boolean!) {{ {fields} {conditions} }} fragment F on Thing {fragment}"
    if has_conditions:
        return text
    return re.sub(r" @\w+\(if: \S+\)", "", text.replace("($yes: Boolean!, $no: Boolean!)", ""))


def test_a_shape_holds_no_value() -> None:
    """What is kept of a document is what it asks for, and nothing of what a request was answered or asked with."""
    text = "query ($size: Int) { it { id name thing { texts free } sized(size: $size) things { name resolved } } }"
    document, inner = parse(text), {"id": "secret", "count": 1, "texts": ["secret"], "free": {"secret": "secret"}}
    source = {**inner, "name": "secret", "thing": inner, "things": [inner, inner]}
    shape = Shape(document.token_count)
    for _ in range(2):
        data, errors = asyncio.run(run(document, source, Execution, shape))
        assert "secret" in repr(data)
        assert not errors
        room, held = shape.room, list(reachable(shape))
    assert room == shape.room < document.token_count
    assert any(isinstance(each, Selection) for each in held)
    assert not [each for each in held if each == "secret" or each is source or each is inner]


def reachable(root: object) -> Iterator[object]:
    """Whatever the object refers to, at any distance; of functions what they close over."""
    seen, waiting = set[int](), [root]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type | ModuleType):
            continue
        seen.add(id(each))
        yield each
        waiting += each.__closure__ or () if isinstance(each, FunctionType) else gc.get_referents(each)
