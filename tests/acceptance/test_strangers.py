"""What callers without a good credential are answered: the same, whether their document is known or not."""

import itertools
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.support.server import Server, post

from connector.client import calls
from connector.web.graphql.glance import tokens
from connector.web.graphql.sizes import DocumentLimits
from connector.web.graphql.standing import standing
from connector.web.graphql.text import lift

FRESH = itertools.count()
DOCS = Path(__file__).parents[2] / "docs"
WRONG = {
    "nobody": {},
    "wrong key": {"Authorization": "Bearer connector-key-" + "x" * 43},
    "wrong JWT": {"Authorization": "Bearer a.b.c"},
    "wrong token": {"Connector-Token": "x" * 86 + "=="},
}
QUERIES = [
    "{ viewer { id } }",
    "{ result: viewer { id type } }",
    "{ a: viewer { id } b: viewer { id } }",
    "{ a: application(id: 1) { id } b: application(id: 2) { id } }",
    "{ __typename a: application(id: 1) { id } }",
    "query Q { ...F } fragment F on Query { result: applications { totalCount } }",
    "{ ... on Query { result: applications(first: 1) @include(if: true) { totalCount } } }",
    'mutation { result: registerApplication(in: {name: "a", labels: {b: ["c"]}}) { id } }',
    "query A { viewer { id } } query B { application(id: 1) { id } }",
]
BAD = [
    ("{ nothing }", 422, "document_invalid"),
    ("{ viewer { id }", 422, "document_invalid"),
    ("viewer", 422, "document_invalid"),
    ("{ viewer { id } } }", 422, "document_invalid"),
    ("{ ...F }", 422, "document_invalid"),
    ("subscription { viewer { id } }", 422, "document_invalid"),
    ("{ " + " ".join(f"a{number}: viewer {{ id }}" for number in range(11)) + " }", 422, "document_too_complex"),
    ("{ viewer { " + "id " * 2100 + "} }", 422, "document_too_complex"),
    ("{ __schema { types { name } } }", 422, "document_invalid"),
]


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx2.Client]:
    """A client without a credential."""
    context = ssl.create_default_context(cadata=server.root.decode())
    with httpx2.Client(verify=context, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def keeper(server: Server) -> str:
    """The key of somebody who has documents kept."""
    return (server.data / "admin.key").read_text().strip()


def fresh(query: str) -> str:
    """The same document in a text that nobody has sent yet."""
    return f"{query} # {next(FRESH)}"


@pytest.fixture(params=WRONG.values(), ids=WRONG.keys())
def headers(request: pytest.FixtureRequest) -> dict[str, str]:
    """A credential that is none."""
    return dict(request.param)


@pytest.mark.parametrize("query", QUERIES)
def test_the_refusal_is_that_of_a_known_document(
    server: Server, http: httpx2.Client, keeper: str, headers: dict[str, str], query: str
) -> None:
    """Status, codes, messages, paths and data are the same before the document is known and after."""
    text, body = fresh(query), {"operationName": "B"} if "query A" in query else {}

    def ask(**credential: str) -> tuple[int, object]:
        answer = http.post(server.public_director, json={"query": text, **body}, headers=credential)
        return answer.status_code, answer.json()

    before = ask(**headers)
    ask(Authorization=f"Bearer {keeper}", Tenant="default")

    assert ask(**headers) == before
    assert before[0] == 200


@pytest.mark.parametrize(("query", "status", "code"), BAD)
def test_what_is_bad_at_a_glance_is_refused_as_such(
    server: Server, http: httpx2.Client, headers: dict[str, str], query: str, status: int, code: str
) -> None:
    """A document that can be seen to be bad gets the status and the code that it gets from a caller who is known."""
    answer = post(http, server.public_director, fresh(query), **headers)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["error"]) == (status, code)


def test_what_wants_no_credential_is_judged(server: Server, http: httpx2.Client) -> None:
    """What anybody may ask is answered to anybody, in a text that nobody has sent yet."""
    told = post(http, server.public_director, fresh("{ a: __typename }")).json()
    renewed = post(
        http,
        server.public_connector,
        fresh(
            'mutation { renewExpiredCertificate(certificate: "%s", csr: "a", proof: "b") { caCertificate } }'
            % ("0" * 64)
        ),
    ).json()

    assert told == {"data": {"a": "Query"}}
    assert renewed["errors"][0]["extensions"]["error"] == "certificate_unknown"


def test_a_good_token_has_its_document_judged_and_is_not_spent(server: Server, http: httpx2.Client) -> None:
    """The look at the token before its document is judged spends nothing; a bad document says what is wrong with it."""
    token = server.token(server.application("judged"))
    header = {"Connector-Token": token}

    bad = post(http, server.public_connector, fresh("{ configuration { nothing } }"), **header)
    good = post(http, server.public_connector, fresh("{ configuration { token { token } } }"), **header)

    assert "Cannot query field 'nothing' on type 'Configuration'" in bad.json()["errors"][0]["message"]
    assert good.json()["data"]["configuration"]["token"]["token"]


def normal(query: str) -> str:
    """A document by its tokens, what is in its literals left out."""
    return " ".join(tokens(lift(query).key, DocumentLimits()))


STANDING = {normal(text) for name in ("connector", "director") for text in standing(name)}


@pytest.mark.parametrize(
    "query",
    [value for name, value in vars(calls).items() if name.isupper() and isinstance(value, str) and "result:" in value],
)
def test_the_documents_of_our_client_stand(query: str) -> None:
    """What our own client and agent send is known from the start."""
    assert normal(query) in STANDING


def test_the_documents_of_the_documentation_stand() -> None:
    """So is what the tutorials send."""
    texts = [
        found.replace('\\"', '"')
        for page in (DOCS / "tutorials").glob("*.md")
        for found in re.findall(r'"query": "((?:[^"\\]|\\.)*)"', page.read_text())
    ]

    assert texts
    assert [text for text in texts if normal(text) not in STANDING] == []
