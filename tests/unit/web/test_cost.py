"""What a query costs, before it runs: never less than what it reads, and little enough for what real clients send."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    execute,
    get_introspection_query,
    get_named_type,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authority import ADMINISTRATOR, POLICY, World
from tests.support.compass_documents import APP
from tests.support.compass_documents import page as everything_of
from tests.support.memory.store import MemoryStore

from connector.domain import catalogue as services
from connector.domain.catalogue import MOST_SERVICES
from connector.domain.directory import MOST_SYSTEM_AUTHS, Entity, EntityKind
from connector.domain.pairing import Links
from connector.domain.principals import KEY_PREFIX, Bearer, Role
from connector.domain.refusals.requests import QueryTooExpensive
from connector.ports.transaction import Transaction
from connector.usecases.keys import make_api_key
from connector.usecases.offices import Office
from connector.usecases.realms import Installation
from connector.web.graphql.allowance import AnswerLimits
from connector.web.graphql.call import Call
from connector.web.graphql.cost import DEAR, ROOT, Cost, Costs
from connector.web.graphql.director import Director, director_schema
from connector.web.graphql.documents import Documents
from connector.web.graphql.lane import Payer
from connector.web.graphql.sdl import sdl
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.text import lift
from connector.web.graphql.weights import MOST_IN_A_PAGE, Weights

SCHEMA = build_schema(sdl("director"))
WEIGHTS = Weights(SCHEMA)
LIMIT = AnswerLimits().cost

CREDENTIAL = (
    "credential { ... on BasicCredentialData { username password } "
    "... on OAuthCredentialData { clientId clientSecret url } }"
)
AUTH = f"{CREDENTIAL} oneTimeToken {{ __typename token used expiresAt }} certCommonName"
APPLICATION = (
    "id name providerName description integrationSystemID labels updatedAt status { condition timestamp } "
    f"auths {{ id auth {{ {AUTH} }} }} eventingConfiguration {{ defaultURL }}"
)
PAGE = f"applications {{ data {{ {APPLICATION} }} pageInfo {{ startCursor endCursor hasNextPage }} totalCount }}"
APPLICATIONS, AUTHS = 12, 7
SERVICE = {
    "provider": "p",
    "name": "n",
    "description": "d",
    "api": {
        "targetUrl": "https://api.example",
        "spec": {"openapi": "3.1"},
        "specificationUrl": "https://api.example/spec",
        "headers": {"a": ["b"]},
        "queryParameters": {"a": ["b"]},
        "credentials": {
            "basic": {"username": "u", "password": "p", "csrfInfo": {"tokenEndpointURL": "https://api.example/csrf"}}
        },
    },
    "events": {"spec": {"asyncapi": "3.0"}},
    "documentation": {"displayName": "n", "description": "d", "type": "t", "docs": []},
}


def reckoned(text: str, operation_name: str | None = None, *, schema: GraphQLSchema = SCHEMA) -> Cost:
    cost = Costs(parse(text), schema, Weights(schema)).of(operation_name)
    assert cost is not None
    return cost


def total(text: str, **variables: object) -> int:
    return reckoned(text).total(variables)


def per_page(size: int) -> int:
    """The field, its list, and so many objects with one field each."""
    return ROOT + 1 + 1 + 2 * size


@pytest.mark.parametrize("argument", ["", "(first: null)", "(first: 200)", "(first: 4000)", "(first: -1)"])
def test_a_page_without_a_size_counts_as_the_largest(argument: str) -> None:
    """Where the caller does not say how many, or asks for more than there can be, the largest page is reckoned."""
    assert total(f"{{ tenants{argument} {{ data {{ id }} }} }}") == per_page(MOST_IN_A_PAGE)


def test_a_page_counts_as_large_as_it_is_asked_for() -> None:
    """The size in the document, in a variable or in its default is what counts, in each request anew."""
    text = "query ($first: Int = 7) { tenants(first: $first) { data { id } } }"

    assert total("{ tenants(first: 5) { data { id } } }") == per_page(5)
    assert total(text) == per_page(7)
    assert total(text, first=3) == per_page(3)
    assert total(text, first=None) == per_page(MOST_IN_A_PAGE)
    assert total(text, first="many") == per_page(MOST_IN_A_PAGE)
    assert total(text, first=10**400) == per_page(MOST_IN_A_PAGE)


def test_lists_in_lists_multiply_and_aliases_add() -> None:
    """An application's system auths count for each application of the page, and the page for each alias."""
    inner = 1 + MOST_SYSTEM_AUTHS * 2
    page = ROOT + 2 + 10 * (1 + inner)

    assert total("{ applications(first: 10) { data { auths { id } } } }") == page
    fragments = (
        "fragment F on Query { applications(first: 10) { ...G } } "
        "fragment G on ApplicationPage { data { auths { id } } }"
    )
    assert total(f"{{ ...F a: applications(first: 10) {{ ...G }} }} {fragments}") == 2 * page


def test_what_is_always_empty_costs_nothing() -> None:
    """A field that is always null here adds nothing, whatever is selected below it."""
    outer = "{ application(id: 1) { bundles { data { name %s } } } }"

    assert total(outer % "instanceAuths { id auth { certCommonName } }") == total(outer % "")


def test_an_object_is_of_one_type_and_only_the_dearest_counts() -> None:
    """Of the fields that are selected for each member of a union, those of one member are read, not their sum."""
    outer = "{ application(id: 1) { auths { auth { credential { %s } } } } }"
    members = ["... on BasicCredentialData { username password }", "... on OAuthCredentialData { clientId }"]

    assert total(outer % " ".join(members)) == max(total(outer % member) for member in members)
    assert total(outer % f"__typename {members[0]}") == total(outer % members[0]) + MOST_SYSTEM_AUTHS
    assert total(outer % " ".join(members * 2)) > total(outer % " ".join(members))


def test_a_known_document_is_not_reckoned_again() -> None:
    """The costs belong to the kept document; one that no variable has a part in is a number from then on."""
    documents = Documents(SCHEMA, DocumentLimits(), introspection=False)
    text = lift("{ tenants { data { id } } }")
    first = asyncio.run(documents.judge(text, Payer("192.0.2.1", "somebody")))
    second = documents.known(text)

    assert second is not None
    assert first.costs is second.costs
    cost = first.costs.of(None)
    assert cost is not None
    assert cost.fixed == per_page(MOST_IN_A_PAGE)


def test_the_operation_that_runs_is_the_one_that_counts() -> None:
    """Of several operations the one that is named counts; one that is not there costs nothing, and does not run."""
    text = "query A { tenants(first: 1) { data { id } } } query B { tenants(first: 2) { data { id } } }"
    costs = Costs(parse(text), SCHEMA, WEIGHTS)

    assert reckoned(text, "A").fixed == per_page(1)
    assert reckoned(text, "B").fixed == per_page(2)
    assert costs.of(None) is None
    assert costs.of("C") is None


@pytest.mark.parametrize("name", ["director", "connector"])
def test_every_list_of_the_apis_says_how_long_it_can_be(name: str) -> None:
    """A new list without a bound does not start; none is there today."""
    assert Weights(build_schema(sdl(name)))


@pytest.mark.parametrize("kind", ["[Item]", "[Item!]!", "[[Item]] @cost(items: 2)", "[String] @cost(each: 2)"])
def test_a_list_that_does_not_say_how_long_it_can_be_is_refused(kind: str) -> None:
    """A field that lists, and for which no bound is given, stops the start; so does a list of lists."""
    directive = "directive @cost(each: Int, items: Int) on FIELD_DEFINITION"
    with pytest.raises(ValueError, match=r"Item\.inner does not say"):
        Weights(build_schema(f"{directive} type Query {{ a: Item }} type Item {{ inner: {kind} }}"))


def test_the_bounds_of_the_schema_are_the_domains() -> None:
    """An entity lists as many system auths as it may have, an application as many bundles, and a page as many items as
    are served.
    """
    for kind in EntityKind:
        assert WEIGHTS.of(kind.value, "auths").items == MOST_SYSTEM_AUTHS
        assert WEIGHTS.of(f"{kind.value}Page", "data").is_page
    assert WEIGHTS.of("BundlePage", "data").items == MOST_SERVICES
    for part in ("APIDefinitionPage", "EventDefinitionPage", "DocumentPage"):
        assert WEIGHTS.of(part, "data").items == 1


def test_a_page_counts_no_more_than_there_can_be() -> None:
    """Where a list has a bound of its own, a larger page counts as that; a smaller one as itself."""

    def bundles(first: int) -> int:
        return total(f"{{ application(id: 1) {{ bundles(first: {first}) {{ data {{ id }} }} }} }}")

    assert bundles(200) == bundles(MOST_SERVICES)
    assert bundles(MOST_SERVICES) - bundles(MOST_SERVICES - 1) == 2


def test_an_interface_weighs_what_its_heaviest_type_does() -> None:
    """Who selects from an interface pays for the dearest type that can stand in for it."""
    schema = build_schema("""
        directive @cost(each: Int, items: Int) on FIELD_DEFINITION
        interface Named { name: String tags: [String] @cost(items: 2) }
        type A implements Named { name: String tags: [String] @cost(items: 5) }
        type B implements Named { name: String @cost(each: 9) tags: [String] @cost(items: 1) }
        type Query { named: Named }
    """)

    assert reckoned("{ named { name } }", schema=schema).fixed == ROOT + 1 + 9
    assert reckoned("{ named { tags } }", schema=schema).fixed == ROOT + 1 + 1 + 5


def test_pages_of_everything_that_real_clients_select_may_be_asked_for() -> None:
    """A page of 200 applications with all that the original's clients select passes by default, and so does a single
    application of every mutation, which is not even dear.
    """
    reckoned(f"{{ result: applications {{ {everything_of(APP)} }} }}").admit({}, LIMIT)
    assert total(f"{{ result: application(id: 1) {{ {APP} }} }}") < DEAR
    reckoned(f'mutation {{ result: registerApplication(in: {{name: "a"}}) {{ {APP} }} }}').admit({}, LIMIT)
    assert total(get_introspection_query()) < LIMIT


def test_the_largest_documents_of_real_clients_are_read() -> None:
    """717 fields, 13 deep, are within the limits of a document by default."""
    limits = DocumentLimits()
    assert limits.fields >= 717
    assert limits.depth >= 13
    auths = " ".join(f"a{number}: auths {{ id auth {{ {AUTH} }} }}" for number in range(30))
    text = f"{{ {PAGE} application(id: 1) {{ {auths} }} }}"

    documents = Documents(SCHEMA, limits, introspection=False)
    assert asyncio.run(documents.judge(lift(text), Payer("192.0.2.1", "somebody")))


def test_a_query_that_is_too_dear_says_what_to_lower() -> None:
    """The refusal names the cost, the limit, and the page argument that makes most of it."""
    pages = " ".join(
        f"a{number}: applications(first: $n) {{ data {{ auths {{ auth {{ oneTimeToken {{ used }} }} }} }} }}"
        for number in range(10)
    )
    cost = reckoned(f"query ($n: Int) {{ tenants {{ totalCount }} {pages} }}")

    with pytest.raises(QueryTooExpensive) as caught:
        cost.admit({"n": 200}, LIMIT)

    assert str(caught.value) == (
        f"The query costs {cost.total({'n': 200})}, and the limit is {LIMIT} (graphql.cost). "
        "Lower applications(first: 200), or send fewer aliases in one request."
    )
    assert cost.admit({"n": 20}, LIMIT) < LIMIT


def test_a_dear_query_without_pages_says_what_to_do() -> None:
    """Where no page argument could be lowered, fields and aliases can."""
    text = " ".join(f"a{number}: application(id: {number}) {{ {APPLICATION} }}" for number in range(4))
    with pytest.raises(QueryTooExpensive, match="Select fewer fields, or send fewer aliases"):
        reckoned(f"{{ {text} }}").admit({}, DEAR)


def test_no_mutation_is_dear() -> None:
    """What was done is answered at once and whole: a mutation that could not be is refused before it runs."""
    auths = " ".join(f"a{number}: auths {{ id auth {{ {AUTH} }} }}" for number in range(30))
    with pytest.raises(QueryTooExpensive, match="The mutation costs"):
        reckoned(f"mutation {{ unpairApplication(id: 1) {{ {auths} }} }}").admit({}, 10**9)


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[GraphQLSchema, Call, asyncio.Runner]]:
    """A tenant that has something of everything, and who may read all of it."""
    with asyncio.Runner() as runner:
        world = World(MemoryStore())
        text = runner.run(_fill(world))
        links = Links("https://a/c", "https://a/l", "https://b/c", "https://b/d", bytes(32))
        enrollment = world.enrollment
        director = Director(world.store, enrollment, links, POLICY.tokens, enrollment.allowances, None)
        yield director_schema(director), Call(Bearer(text), tenant="acme"), runner


async def _fill(world: World) -> str:
    tenant = await world.tenant()
    for number in range(APPLICATIONS):
        for kind in EntityKind:
            entity = await world.register(tenant, f"e{number}", kind)
            for _ in range(AUTHS if kind is not EntityKind.INTEGRATION_SYSTEM else 0):
                await world.hand_over(tenant, entity)
            if kind is EntityKind.APPLICATION:
                await world.store.transaction(partial(_publish, application=entity, number=number))

    office = Office(world.store, lambda tx: Installation(tx, ADMINISTRATOR))
    text, _ = await office.run(make_api_key, "all", role=Role.ADMINISTRATOR, tenant=None, lifetime=None)
    assert text.startswith(KEY_PREFIX)
    return text


def _publish(tx: Transaction, application: Entity, number: int) -> None:
    """As many services as there can be for one application, and some for each other."""
    for _ in range(MOST_SERVICES if number == 0 else number):
        content = services.read(SERVICE)
        service = services.add(application, content, id=tx.new_id(), now=tx.now)
        tx.catalogue(application.tenant_id).add(service, content.texts)


LISTS = ["applications", "runtimes", "integrationSystems", "oneTimeTokens", "tenants", "apiKeys"]


@st.composite
def selections(draw: st.DrawFn, kind: GraphQLNamedType, depth: int) -> str:
    """Some fields of the type, some of them twice under an alias, some within a fragment."""
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return "__typename"
    names = draw(st.lists(st.sampled_from(sorted(kind.fields)), min_size=1, max_size=4, unique=True))
    parts = ["__typename"] * draw(st.integers(0, 1))
    for name in names:
        inner = get_named_type(kind.fields[name].type)
        composite = hasattr(inner, "fields") or hasattr(inner, "types")
        if composite and not depth:
            continue
        below = f" {{ {draw(selections(inner, depth - 1))} }}" if composite else ""
        part = f"{name}{below}"
        parts.append(f"... on {kind.name} {{ {part} }}" if draw(st.booleans()) else part)
        if draw(st.booleans()):
            parts.append(f"again{name}: {part}")
    return " ".join(parts) or "__typename"


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A query of some pages, and its variables."""
    assert SCHEMA.query_type is not None
    roots, variables = [], {}
    for number, name in enumerate(draw(st.lists(st.sampled_from(LISTS), min_size=1, max_size=3))):
        kind = get_named_type(SCHEMA.query_type.fields[name].type)
        size = draw(st.one_of(st.none(), st.integers(1, 15)))
        argument = draw(st.sampled_from(["", f"(first: {size or 'null'})", f"(first: $v{number})"]))
        if "$" in argument:
            variables[f"v{number}"] = size
        roots.append(f"r{number}: {name}{argument} {{ {draw(selections(kind, 5))} }}")
    head = f"({' '.join(f'${name}: Int' for name in variables)})" if variables else ""
    return f"query {head} {{ {' '.join(roots)} }}", variables


def values(content: object) -> int:
    """How many values an answer has: everything that has a name in it, and every item of a list."""
    if isinstance(content, Mapping):
        return sum(1 + values(inner) for inner in content.values())
    if isinstance(content, list):
        return sum(1 + values(inner) for inner in content)
    return 0


@given(documents())
def test_no_answer_has_more_values_than_were_reckoned(
    filled: tuple[GraphQLSchema, Call, asyncio.Runner], asked: tuple[str, dict[str, Any]]
) -> None:
    """Whatever is selected, with whatever pages, what is read is never more than what the query costs."""
    (schema, call, runner), (text, variables) = filled, asked
    document = parse(text)

    async def answer() -> ExecutionResult:
        result = execute(schema, document, context_value=call, variable_values=variables)
        return result if isinstance(result, ExecutionResult) else await result

    result = runner.run(answer())

    assert not result.errors
    assert 0 < values(result.data) <= reckoned(text).total(variables)
