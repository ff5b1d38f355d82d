"""GraphQL documents as real clients send them, and as nobody honest does."""

import asyncio
import gc
import json
import time

import pytest
from graphql import GraphQLSchema, build_schema, execute_sync
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.refusals import Refusal
from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex
from connector.web.graphql.documents import Custody, Documents, Prepared
from connector.web.graphql.lane import Payer
from connector.web.graphql.sdl import sdl
from connector.web.graphql.shelf import Shelf
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.text import lift

CONNECTOR = build_schema(sdl("connector"))
ECHO = build_schema("""
    enum Colour { RED }
    type Query { echo(text: String, id: ID, number: Int, colour: Colour, list: [String]): String again: Query }
    type Mutation { one: Int }
""")
CSR = "QUJD" * 300


def echo_root(_: None, **arguments: object) -> str:
    return json.dumps(arguments)


def documents(schema: GraphQLSchema = ECHO, *, introspection: bool = False, **limits: int) -> Documents:
    return Documents(schema, DocumentLimits(**limits), introspection=introspection)


def prepared(documents: Documents, text: str) -> Prepared:
    return asyncio.run(prepare(documents, text))


async def prepare(documents: Documents, text: str, principal: str | None = "somebody") -> Prepared:
    lifted = lift(text)
    return documents.known(lifted) or await documents.judge(lifted, Payer("192.0.2.1", principal))


def echoed(text: str, operation_name: str | None = None) -> str:
    found = prepared(documents(), text)
    result = execute_sync(
        ECHO,
        found.document,
        {"echo": echo_root},
        variable_values={**found.lifted},
        operation_name=operation_name,
    )
    assert not result.errors
    assert result.data is not None
    return str(result.data["echo"])


def run(text: str) -> object:
    return json.loads(echoed(text))


@pytest.mark.parametrize(
    "text",
    [
        "query { result: configuration() { token { token } } }",
        "query { result: configuration( ,\n ) { token { token } } }",
        "{ configuration { token { token __typename } __typename } }",
        "query Q { result: configuration { managementPlaneInfo { directorURL } } }",
        '# a comment with () and "\nquery { configuration { token { token } } }',
    ],
)
def test_what_real_clients_send_is_read(text: str) -> None:
    """Empty argument lists, the shorthand, aliases and __typename are all fine."""
    assert prepared(documents(CONNECTOR), text).document


def test_empty_arguments_are_dropped_only_where_they_are_arguments() -> None:
    """What looks like an empty argument list within a string or a block string is text."""
    assert run('{ echo(text: "a() b( )") }') == {"text": "a() b( )"}
    assert run('{ echo(text: """a() "( )" b""") }') == {"text": 'a() "( )" b'}


@pytest.mark.parametrize("literal", [CSR, r"a\nb\r\n\t\"\\\/" + CSR, "é" * 80])
def test_long_literals_mean_what_they_say(literal: str) -> None:
    """A long literal that is lifted out has the value that it would have had in its place."""
    assert run(f'{{ echo(text: "{literal}") }}') == {"text": json.loads(f'"{literal}"')}


def test_two_literals_one_document() -> None:
    """Documents that differ only in long literals are one document, validated once."""
    kept = documents(CONNECTOR)
    sign = 'mutation {{ result: signCertificateSigningRequest(csr: "{}") {{ certificateChain }} }}'

    first, second = prepared(kept, sign.format(CSR)), prepared(kept, sign.format(CSR + "QUJD"))

    assert first.document is second.document
    assert [*first.lifted.values()] == [CSR]
    assert [*second.lifted.values()] == [CSR + "QUJD"]


def test_a_kept_document_is_not_validated_again() -> None:
    """The second preparation of a text returns the very document of the first."""
    kept = documents(CONNECTOR)
    text = "query { configuration { token { token } } }"

    assert prepared(kept, text).document is prepared(kept, text).document


@pytest.mark.parametrize(
    "text",
    [
        f'{{ echo(number: "{CSR}") }}',
        f'{{ echo(colour: "{CSR}") }}',
        f'query ($a: String = "{CSR}") {{ echo(number: $a) }}',
        f'{{ unknown(text: "{CSR}") }}',
        f'{{ echo(unknown: "{CSR}") }}',
    ],
)
def test_a_long_literal_in_the_wrong_place_is_refused(text: str) -> None:
    """Lifting never makes a document good that was not."""
    with pytest.raises(DocumentInvalid):
        prepared(documents(), text)


@pytest.mark.parametrize(
    "text",
    [
        f'{{ echo(list: ["{CSR}"]) }}',
        f'query A {{ echo(text: "{CSR}") }} query B {{ echo(text: "{CSR}") }}',
        f'query ($a: String = "{CSR}") {{ echo(text: $a) }}',
        f'{{ ...F }} fragment F on Query {{ echo(text: "{CSR}") }}',
        f'{{ echo(text: "{CSR}", id: "{CSR}") }}',
    ],
)
def test_a_long_literal_elsewhere_is_read(text: str) -> None:
    """Lists, several operations, defaults and fragments with long literals are as good as any."""
    assert CSR in echoed(text, "A" if "query A" in text else None)


def test_a_document_cannot_name_a_lifted_variable_itself() -> None:
    """A document that uses our own names for variables is judged as it stands."""
    with pytest.raises(DocumentInvalid):
        prepared(documents(), f'{{ a: echo(text: "{CSR}") b: echo(text: $__lifted0) }}')


@pytest.mark.parametrize(
    "text",
    [
        "{" + "again{" * 30 + "echo" + "}" * 31,
        "{" + "again{" * 5000 + "echo" + "}" * 5001,
        "{" + " ".join(f"a{n}:echo" for n in range(10_000)) + "}",
        "{" + " ".join(f"a{n}:echo" for n in range(31)) + "}",
        "{" + "echo " * 4000 + "}",
        "{ echo " + "@include(if: true) " * 5000 + "}",
        "{ again { " + "echo " * 1200 + "} }",
        "mutation { a: one b: one }",
        "mutation { one ...F } fragment F on Mutation { b: one }",
        "{ " + "...F " * 20 + "} fragment F on Query { again { " + "echo " * 50 + "} }",
        "{ again " + "{ ... " * 100 + "{ echo }" + "}" * 101,
        "{ "
        + " ".join(f"...f{n}" for n in range(200))
        + " } "
        + " ".join(f"fragment f{n} on Query {{ echo }}" for n in range(200)),
        " ".join(f"query Q{n} {{ echo }}" for n in range(100)),
        "{ echo(list: " + "[" * 3000 + "]" * 3000 + ") }",
        '{ echo(text: """' + "x" * 1_000_000 + '""") }',
        "#" + "x" * 1_000_000 + "\n{ echo }",
        " " * 1_000_000 + "{ echo }",
    ],
)
def test_bombs_are_refused_quickly(text: str) -> None:
    """A document beyond the limits is refused as too complex, for little work."""
    gc.collect()  # else a collection of what other tests left may fall into the measured time
    started = time.process_time()
    with pytest.raises(DocumentTooComplex):
        prepared(documents(), text)

    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 500_000,
        '"""' + '\n\\"""' * 200_000,
        '"' * 1_000_001,
        '"\\' * 500_000,
        "(" * 1_000_000,
        "( " * 500_000,
        '#"' * 500_000,
        ('"' + "a" * 70 + "\n") * 14_000,
    ],
    ids=["escaped quotes", "escaped block", "quotes", "backslashes", "parens", "spaced parens", "comment", "unclosed"],
)
def test_no_text_takes_long_to_scan(text: str) -> None:
    """A mebibyte of quotes that are never closed is refused in linear time, before anybody is asked who they are."""
    started = time.process_time()
    with pytest.raises((DocumentInvalid, DocumentTooComplex)):
        prepared(documents(), text)

    assert time.process_time() - started < 0.5


def test_typename_is_no_root_field() -> None:
    """Clients add __typename wherever they can; it does not count among the root fields."""
    assert prepared(documents(root_fields=1), "{ __typename echo }")
    with pytest.raises(DocumentTooComplex):
        prepared(documents(root_fields=1), "{ a: echo b: echo }")


def test_a_kept_document_lends_its_variables_to_nobody() -> None:
    """A text that names our own variables is refused, whatever was kept before."""
    kept = documents()
    prepared(kept, f'{{ echo(text: "{CSR}") }}')
    with pytest.raises(DocumentInvalid):
        prepared(kept, "{ echo(text: $__lifted0) }")


@pytest.mark.parametrize(
    "text",
    [
        "{ ...F } fragment F on Query { again { ...F } }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ ...Missing }",
        "{ echo",
        "",
        "{ __schema { types { name } } }",
        'query { __type(name: "Query") { name } }',
        "subscription { echo }",
        '{ echo(text: "unterminated) }',
        '{ echo(text: """unterminated) }',
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    """Circles, unknown names, cut texts, and introspection where it is off are refused with a sentence."""
    with pytest.raises(DocumentInvalid) as caught:
        prepared(documents(), text)

    assert str(caught.value)


def test_introspection_where_it_is_on() -> None:
    """Where settings allow it, the schema can be asked for."""
    assert prepared(documents(introspection=True), "{ __schema { types { name fields { name } } } }")


def test_no_document_is_kept_beyond_the_bound() -> None:
    """Many different documents do not fill the memory; those used last are kept, in a budget of octets."""
    shelf = Shelf(1 << 20)
    kept = Documents(ECHO, DocumentLimits(), introspection=False, custody=Custody(shelf))
    texts = [f"query Q{number} {{ echo }}" for number in range(600)]
    for text in texts:
        prepared(kept, text)
        assert shelf.taken <= shelf.octets

    assert kept.known(lift(texts[-1])) is not None
    assert kept.known(lift(texts[0])) is None


def test_names_that_exist_are_not_suggested() -> None:
    """With introspection off, a wrong name is not answered with the right one."""
    with pytest.raises(DocumentInvalid) as caught:
        prepared(documents(), "{ ecko }")

    assert "echo" not in str(caught.value)


@pytest.mark.parametrize("fields", [1, 200])
def test_no_document_is_judged_on_the_loop(fields: int) -> None:
    """While a document is judged, short or long, others go on."""
    text = "{ " + "".join(f"a{number}: again {{ echo }} " for number in range(fields)) + "}"

    async def turns() -> int:
        judging, taken = asyncio.create_task(prepare(documents(root_fields=400, fields=400, aliases=400), text)), 0
        while not judging.done():
            taken += 1
            await asyncio.sleep(0)
        assert judging.result()
        return taken

    assert asyncio.run(turns()) > 2


@given(st.text(alphabet='{}()[]"\\#$:@!.,abc \n\ufeff', max_size=200))
def test_any_text_is_refused_or_read(text: str) -> None:
    """No text raises anything but a refusal."""
    try:
        prepared(documents(), text)
    except Refusal:
        return


@given(st.text(min_size=64, max_size=200))
def test_any_string_survives(value: str) -> None:
    """Whatever is in a string literal reaches the resolver unchanged."""
    literal = json.dumps(value)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        return
    assert run(f"{{ echo(text: {literal}) }}") == {"text": value}
