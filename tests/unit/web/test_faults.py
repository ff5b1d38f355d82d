"""What is wrong with a document is said without the caller's values."""

import json
from typing import Any

import pytest
from graphql import GraphQLError, build_schema, execute_sync, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from connector.web.graphql.faults import LONGEST, LONGEST_NAME, explain

SCHEMA = build_schema(
    """
    enum Kind { APPLICATION RUNTIME }
    input Inner { count: Int!, kinds: [Kind!] }
    input Outer { name: String, inner: Inner, all: [Inner!] }
    scalar Any
    type Query {
      field(text: String, count: Int, ratio: Float, flag: Boolean, id: ID, kind: Kind, outer: Outer, any: Any): Int
      nested: Query
    }
    """
)
MARKER = "s3cretV4lue"
DIGITS = "9182736455"

# What a value can hold to make a message end, or begin again, where it should not.
IMITATIONS = st.sampled_from(
    [
        *(
            "'",
            '"',
            "\\",
            "\n",
            ".",
            " Did you mean ",
            "', found: ",
            ", found: ",
            "; found: x.",
            " value: ",
            " Found: ",
        ),
        *(
            "' does not exist in 'Kind' enum.",
            "Value '",
            "Syntax Error: ",
            "unknown field 'a', found: ",
            ": ",
            "{",
            "}",
        ),
        *(
            "Name 'x'.",
            "String '",
            "Expected Name, found Name 'x'.",
            "Variable '$v' has invalid value: ",
            "é",
            "\U0001f600",
        ),
    ]
)
VALUES = st.lists(IMITATIONS | st.just(MARKER) | st.text(max_size=3), max_size=6).map(
    lambda some: "".join([*some, MARKER])
)

# %s is a string literal; each document is wrong in another way.
WITH_LITERAL = [
    *(f"{{ field({name}: %s) }}" for name in ("count", "ratio", "flag", "kind", "outer")),
    *("{ field(count: [%s]) }", "{ field(outer: {name: {a: %s}}) }", "{ field(outer: {inner: {count: %s}}) }"),
    *("{ field(outer: {inner: {count: 1, kinds: [%s]}}) }", "{ field(outer: {wrong: %s}) }", "{ wrong(text: %s) }"),
    *("{ field(wrong: %s) }", "{ field @wrong(text: %s) }", "query ($v: Int = %s) { field(count: $v) }"),
    *("query ($v: Wrong = %s) { field(count: $v) }", "{ %s }", "{ field(%s) }", "%s", "{ field(text: %s }", "query %s"),
    *(
        "{ field(text: %s) { wrong } }",
        "{ ... on %s { field } }",
        "{ a: field(text: %s) a: field(text: 1) }",
        "{ field(: %s",
    ),
    *("{ field(outer: {all: [{count: 1}, {kinds: [%s]}]}) }", "{ field(text: %s text: %s) }", "{ nested(text: %s) }"),
]
WITH_VARIABLE: list[tuple[str, Any]] = [
    *(
        (f"query ($v: {kind}) {{ field(text: 1) }}", "%s")
        for kind in ("Int", "Float", "Boolean", "Kind", "Outer", "[Int!]")
    ),
    *(("query ($v: Outer) { field(outer: $v) }", value) for value in ({"name": ["%s"]}, {"name": "%s", "inner": {}})),
    *(("query ($v: Outer) { field(outer: $v) }", value) for value in ({"inner": {"count": "%s"}}, {"no name": "%s"})),
    *(("query ($v: Outer) { field(outer: $v) }", value) for value in ({"all": [{"count": 1}, "%s"]}, {"all": ["%s"]})),
    ("query ($v: Outer) { field(outer: $v) }", {"inner": {"count": 1, "kinds": ["APPLICATION", "%s"]}}),
    ("query ($v: String) { field(text: $v) }", {"a": "%s"}),
    ("query ($v: ID) { field(id: $v) }", ["%s"]),
]


def faults(document: str, variables: dict[str, Any] | None = None) -> list[str]:
    """What is said to be wrong with a document or, where that is good, with its variables."""
    try:
        parsed = parse(document)
    except GraphQLError as error:
        return [explain(error)]
    errors = [] if variables else validate(SCHEMA, parsed)
    errors = errors or execute_sync(SCHEMA, parsed, variable_values=variables).errors or []
    return [explain(error) for error in errors]


@given(document=st.sampled_from(WITH_LITERAL), value=VALUES, is_block=st.booleans())
def test_no_literal_is_repeated(document: str, value: str, is_block: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
    """Wherever a string stands in a document that is refused, no message holds it, whatever it imitates."""
    literal = f'"""{value.replace(chr(34), "")}"""' if is_block else json.dumps(value, ensure_ascii=False)
    found = faults(document.replace("%s", literal))

    assert found
    assert not any(MARKER in each for each in found), found


@given(case=st.sampled_from(WITH_VARIABLE), value=VALUES)
def test_no_variable_is_repeated(case: tuple[str, Any], value: str) -> None:
    """Whatever a variable's value is and wherever in it the fault lies, no message holds it."""
    document, shape = case
    given_value = json.loads(json.dumps(shape).replace('"%s"', json.dumps(value)))
    found = faults(document, {"v": given_value})

    assert found
    assert not any(MARKER in each for each in found), found


@pytest.mark.parametrize(
    "name", [f"{MARKER} x", f"{MARKER}'", f"a', found: {MARKER}", f"{'x' * 33}{MARKER}", f"{MARKER}é"]
)
def test_no_field_name_that_the_schema_could_not_have_is_repeated(name: str) -> None:
    """The names within a variable's objects are any text: one that is no name, or too long for one, is not repeated."""
    (found,) = faults("query ($v: Outer) { field(outer: $v) }", {"v": {name: 1}})

    assert "not to include unknown field" in found
    assert MARKER not in found


@pytest.mark.parametrize(
    "document",
    [
        f"{{ field(flag: {DIGITS}) }}",
        f"{{ field(count: {DIGITS}) }}",
        f"{{ field(count: 1.{DIGITS}) }}",
        f"{{ field(kind: {DIGITS}) }}",
        f"{{ field(kind: X{DIGITS}) }}",
        f"{{ field(text: [X{DIGITS}]) }}",
        f"{{ field(text: .{DIGITS}) }}",
        f"{{ {DIGITS} }}",
        f"{{ field(count: {DIGITS} {DIGITS}) }}",
        f"{{ {'x' * 33}{DIGITS} }}",
        f"{{ field({'x' * 33}{DIGITS}: 1) }}",
        f"{{ field @{'x' * 33}{DIGITS} }}",
        f"query ${'x' * 33}{DIGITS} {{ field }}",
        f"query (${'x' * 33}{DIGITS}: Int) {{ field }}",
        f"{{ ...{'x' * 33}{DIGITS} }}",
    ],
)
def test_no_number_enum_or_long_name_is_repeated(document: str) -> None:
    """Numbers and enum values are values too; a name longer than any of the schema could be a token."""
    found = faults(document)

    assert found
    assert not any(DIGITS in each for each in found), found


@pytest.mark.parametrize(
    ("document", "variables", "says"),
    [
        ("{ wrong }", {}, "Cannot query field 'wrong' on type 'Query'. (line 1, column 3)"),
        ("{ field(wrong: 1) }", {}, "Unknown argument 'wrong' on field 'Query.field'. (line 1, column 9)"),
        ('{ field(count: "x") }', {}, "Int cannot represent non-integer value. (line 1, column 16)"),
        ('{ field(kind: "x") }', {}, "Enum 'Kind' cannot represent non-enum value. (line 1, column 15)"),
        ("{ field(outer: {wrong: 1}) }", {}, "not to include unknown field 'wrong'. (line 1, column 17)"),
        ("{ nested", {}, "Syntax Error: Expected Name, found <EOF>. (line 1, column 9)"),
        ('{ "x" }', {}, "Syntax Error: Expected Name, found String. (line 1, column 3)"),
        ("query x y { field }", {}, "Syntax Error: Expected '{', found Name 'y'. (line 1, column 9)"),
        (
            "query ($v: Outer) { field(outer: $v) }",
            {"v": {"all": [{"count": 1}, {"count": "x"}]}},
            "'$v' has invalid value at .all[1].count: Int cannot represent non-integer value. (line 1, column 8)",
        ),
        ("query ($v: Int!) { field(count: $v) }", {"w": 1}, "Variable '$v'"),
    ],
)
def test_the_name_the_type_and_the_place_are_said(document: str, variables: dict[str, Any], says: str) -> None:
    """A message names the variable, argument, field or type, and the line and column."""
    assert any(says in each for each in faults(document, variables))


def test_a_message_is_short() -> None:
    """However many names a document has, a message is bounded."""
    fields = " ".join(f"n{number}: nested {{ a{number}: field }}" for number in range(100))

    assert all(len(each) < LONGEST + 50 for each in faults(f"{{ x: nested {{ {fields} }} x: field }}"))
    assert LONGEST_NAME < 43, "a token has 43 characters"
