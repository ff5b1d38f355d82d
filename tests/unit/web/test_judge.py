"""Judging a document: graphql-core's verdict, at a cost that is linear in the document."""

import gc
import tracemalloc
from dataclasses import replace
from typing import ClassVar

import pytest
from graphql import ExecutionResult, ValidationContext, build_schema, execute, parse, specified_rules, validate
from graphql.validation.rules import overlapping_fields_can_be_merged as merging
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.compass_documents import CRED

from connector.domain.refusals.requests import DocumentInvalid, DocumentTooComplex
from connector.web.graphql.execution import Execution
from connector.web.graphql.judge import Judge, Judged
from connector.web.graphql.sdl import sdl
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.standing import standing
from connector.web.graphql.text import lift

DIRECTOR = build_schema(sdl("director"))
LIMITS = DocumentLimits(fields=10_000, aliases=10_000, tokens=10_000, fragments=100)
CREDENTIAL = """credential {
    ... on BasicCredentialData { username password }
    ... on OAuthCredentialData { clientId clientSecret url }
    ... on OAuthCredentialData { clientId url }
}"""


class Counting(merging.OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule as it is, and what it spent."""

    seen: ClassVar[merging.RuleContext]

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        Counting.seen = self.rule_context


def verdict(text: str, limits: DocumentLimits = LIMITS) -> str:
    """What becomes of the text: good, invalid, or complex."""
    try:
        Judge(DIRECTOR, limits, introspection=False).judge(lift(text))
    except DocumentInvalid:
        return "invalid"
    except DocumentTooComplex:
        return "complex"
    return "good"


@st.composite
def selections(draw: st.DrawFn, kind: str = "Application", depth: int = 0) -> str:
    """Fields of a type, with aliases, arguments and fragments that often collide."""
    leaves = {
        "Application": ["id", "name", "description", 'labels(key: "a")', 'labels(key: "b")', "labels"],
        "Auth": ["certCommonName"],
        "AppSystemAuth": ["id", "type"],
        "OneTimeToken": ["token", "used", "expiresAt"],
        "CredentialData": ["__typename"],
        "BasicCredentialData": ["username", "password"],
        "OAuthCredentialData": ["clientId", "clientSecret", "url"],
    }
    inner = {
        "Application": [("auths", "AppSystemAuth")],
        "AppSystemAuth": [("auth", "Auth")],
        "Auth": [("oneTimeToken", "OneTimeToken"), ("credential", "CredentialData")],
        "CredentialData": [("... on BasicCredentialData", "BasicCredentialData")],
    }
    alias = draw(st.sampled_from(["", "", "x: ", "y: "]))
    one = st.sampled_from(leaves[kind]).map(lambda field: f"{alias if kind != 'CredentialData' else ''}{field}")
    parts = draw(st.lists(one, min_size=1, max_size=3))
    if kind == "Application":
        parts += draw(st.lists(st.sampled_from(["...F", "...G", "... on Application { name }"]), max_size=2))
    if kind == "CredentialData":
        parts += draw(st.lists(st.sampled_from(["... on OAuthCredentialData { username: url }"]), max_size=1))
    if depth < 3:
        for field, type_name in draw(st.lists(st.sampled_from(inner.get(kind, [("", "")])), max_size=2)):
            if field:
                parts.append(f"{field} {{ {draw(selections(type_name, depth + 1))} }}")
    return " ".join(parts)


@settings(deadline=None, max_examples=60)
@given(selections(), selections(), selections())
def test_the_verdict_is_graphql_cores(fields: str, first: str, second: str) -> None:
    """Fields that may be merged may, and others may not, as graphql-core has it; what is refused as too complex has its
    keys so often that graphql-core compares more than 500, and 4 for each token.
    """
    text = f"{{ application(id: 1) {{ {fields} ...F ...G }} }}"
    for name, held in (("F", first), ("G", second)):
        text += f" fragment {name} on Application {{ {held.replace('...F', '').replace('...G', '')} id }}"
    document = parse(text)
    rules = [Counting if rule is merging.OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
    expected = "invalid" if validate(DIRECTOR, document, rules, max_errors=1) else "good"
    spent = merging.MAX_COMPLEXITY_BUDGET - Counting.seen.remaining_complexity_budget

    found = verdict(text)
    assert found == expected or (found == "complex" and spent > 500 + 4 * document.token_count)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("", "good"),
        ("... on BasicCredentialData { url: username }", "good"),
        ("... on BasicCredentialData { clientId: username }", "invalid"),
        ("... on CertificateOAuthCredentialData { url: clientId }", "invalid"),
        ("... on OAuthCredentialData { url: clientSecret }", "invalid"),
        ("... on OAuthCredentialData { certificate }", "invalid"),
        ("... on BasicCredentialData { username { x } }", "invalid"),
        ("... on AppSystemAuth { id }", "invalid"),
        ("... on Nothing { url }", "invalid"),
    ],
)
def test_credentials_that_do_not_merge_are_refused(change: str, expected: str) -> None:
    """The fragments that Compass's clients send of a credential merge; with a field of another type or of another
    name under the same key, or a fragment on what is no credential, the document is refused.
    """
    text = f"{{ application(id: 1) {{ auths {{ auth {{ credential {{ {CRED} {change} }} }} }} }} }}"
    assert verdict(text) == expected


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40))
def test_what_real_clients_repeat_is_no_burden(auths: int, times: int) -> None:
    """A union's members with the same fields, in as many places as a document may have, are read."""
    text = "{ " + " ".join(
        f"a{number}: application(id: 1) {{ auths {{ auth {{ {CREDENTIAL} }} }} }}" for number in range(auths)
    )
    text += " ".join(f"b{number}: viewer {{ id type id type }}" for number in range(times)) + " }"

    assert verdict(text, DocumentLimits(fields=10_000, aliases=1000, root_fields=1000, tokens=10_000)) == "good"


@pytest.mark.parametrize(
    "text",
    [
        "{ applications { data { " + "auths { id } " * 80 + "} } }",
        "{ applications { data { " + "name " * 400 + "} } }",
        "{ applications { data { " + 'labels(key: "a") ' * 400 + "} } }",
        "{ applications { data { " + "... on Application { id } " * 200 + "} } }",
        "{ applications { data { " + "auths { auth { certCommonName } auth { certCommonName } } " * 60 + "} } }",
        "{ applications { data { "
        + " ".join(f"...F{number}" for number in range(60))
        + " } } } "
        + " ".join(f"fragment F{number} on Application {{ {'id name ' * 10} }}" for number in range(60)),
    ],
    ids=["objects", "leaves", "arguments", "inline fragments", "nested", "fragments"],
)
def test_the_search_for_conflicts_is_linear(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often keys are repeated, graphql-core compares no more than a bound that grows with the document."""
    spent = 0
    spend = merging.spend_complexity_budget

    def count(context: merging.RuleContext, cost: int) -> None:
        nonlocal spent
        spent += cost
        spend(context, cost)

    monkeypatch.setattr(merging, "spend_complexity_budget", count)

    assert verdict(text) == "complex"
    assert spent <= 500 + 4 * parse(text).token_count + 1000  # and the one that is too much


def test_no_names_are_looked_for_that_are_almost_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for names like a wrong one, quadratic in their length, is not made."""

    def searched(*_: object) -> list[str]:
        raise AssertionError

    for rule in ("fields_on_correct_type", "known_argument_names", "known_type_names"):
        monkeypatch.setattr(f"graphql.validation.rules.{rule}.suggestion_list", searched)

    assert verdict("{ applicationz { data { id } } }") == "invalid"
    assert verdict("{ applications(firzt: 1) { totalCount } }") == "invalid"
    assert verdict("query ($a: Strin) { viewer { id } }") == "invalid"


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { id } }",
        "{ " + " ".join(f"a{number}: viewer {{ id type }}" for number in range(200)) + " }",
        "{ applications { data { " + " ".join(f"{'n' * 300}{number}: name" for number in range(40)) + " } } }",
        "{ applications { data { " + " ".join(f"a{number}: name" for number in range(400)) + " } } }",
        "{ viewer { id } } #" + "é" * 10_000,
        "{ viewer { id } } #" + "\U0001f600" * 10_000,
        "mutation ($id: ID!) { unregisterApplication(id: $id) { id " + "@include(if: true) " * 1 + "} }",
        'mutation { registerApplication(in: {name: "a", labels: {'
        + " ".join(f"k{n}: [1, 2]" for n in range(200))
        + "}}) { id } }",
    ],
    ids=["small", "fields", "long names", "plain", "wide", "wider", "variables", "values"],
)
def test_what_is_kept_is_counted(text: str) -> None:
    """The octets of a document are at least what it takes of the memory once it was run, and at most four times as
    much.
    """
    judge = Judge(DIRECTOR, DocumentLimits(aliases=1000, root_fields=1000, fields=1000), introspection=False)
    tracemalloc.start()
    kept, held = [run(judge.judge(lift(text)))], [0, 0]  # the first fills caches of graphql-core
    for part in range(2):
        kept += [run(judge.judge(lift(text + " " * (1 + part * 50 + number)))) for number in range(50)]
        gc.collect()
        held[part] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    each = (held[1] - held[0]) / 50

    assert each <= kept[0].octets <= 4 * each


def run(judged: Judged) -> Judged:
    """The document after a request; all that is asked for was found out."""
    variables = {"id": "1", **judged.lifted}
    result = execute(
        DIRECTOR,
        judged.document,
        variable_values=variables,
        field_resolver=lambda *_, **__: {"data": []},
        executor_class=Execution,
        shape=judged.shape,
    )
    assert isinstance(result, ExecutionResult)
    assert judged.shape is None or judged.shape.room < judged.document.token_count
    return judged


@pytest.mark.parametrize("api", ["connector", "director"])
def test_our_own_documents_are_good(api: str) -> None:
    """What a start takes in without validating it is what the judge finds good, whether it may introspect or not."""
    schema = build_schema(sdl(api))
    for introspection in (False, True):
        judge = Judge(schema, DocumentLimits(), introspection=introspection)
        for text in map(lift, standing(api)):
            ours = judge.judge(text, is_ours=True)
            assert ours == replace(judge.judge(text), costs=ours.costs)


def test_our_own_documents_are_measured() -> None:
    """Limits of the settings hold for our own documents too."""
    (document, *_) = standing("director")
    with pytest.raises(DocumentTooComplex):
        Judge(DIRECTOR, DocumentLimits(fields=1), introspection=False).judge(lift(document), is_ours=True)
