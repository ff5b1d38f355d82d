"""The rules of what an application publishes: each field that breaks one is refused by its name."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.records import LATER, NOW, entity, identifier

from connector.domain import catalogue
from connector.domain.catalogue import Texts, whole
from connector.domain.refusals.objects import InvalidData
from connector.domain.services import MAX_NAME, MAX_TEXT, MAX_URL, MOST_ENTRIES

REQUIRED = {"provider": "p", "name": "n", "description": "d"}
OAUTH = {"url": "https://a.example/token", "clientId": "c", "clientSecret": "s"}
DOCUMENTATION = {"displayName": "m", "description": "d", "type": "t"}


def api(**fields: Any) -> dict[str, Any]:
    return {"api": {"targetUrl": "https://a.example", **fields}}


def credentials(**kinds: Any) -> dict[str, Any]:
    return api(credentials=kinds)


GOOD = [
    {},
    {"shortDescription": "", "identifier": "", "labels": {}},
    {"description": "two\r\nlines\tand a tab, ../../etc/passwd, тест"},
    {"api": None, "events": None, "documentation": None, "identifier": None},
    api(),
    api(targetUrl="http://[2001:db8::1]:8080/a%20b?x=../y#z"),
    api(spec=""),
    api(spec=[{"a": 1.5}, None, True, "../.."]),
    api(specificationUrl="https://a.example/spec", apiType="odata"),
    api(headers={"X-A": ["a", "b"], "x_b": []}, queryParameters={"a b": ["ü"]}),
    api(requestParameters={"headers": {"A": ["b"]}, "queryParameters": {}}),
    credentials(oauth={**OAUTH, "requestParameters": {}, "csrfInfo": {"tokenEndpointURL": "https://a.example"}}),
    credentials(basic={"username": "u", "password": "p"}),
    credentials(certificateGen={"commonName": "c"}),
    credentials(),
    api(specificationCredentials={"basic": {"username": "u", "password": "p"}}, specificationRequestParameters={}),
    {"events": {"spec": {"asyncapi": "3"}}},
    {"events": {"spec": "text"}},
    {"documentation": {**DOCUMENTATION, "tags": ["a"], "docs": [{"title": "t", "type": "md", "source": "# s"}, {}]}},
]

BAD: list[tuple[dict[str, Any], str]] = [
    *(({name: value}, name) for name in REQUIRED for value in ("", " ", None, 1, ["a"], "a\0", "a\x1b[2J", "x" * 3000)),
    ({"name": "two\nlines"}, "name"),
    ({"name": "right\u202eleft"}, "name"),
    ({"identifier": 7}, "identifier"),
    ({"identifier": "x" * (MAX_NAME + 1)}, "identifier"),
    ({"shortDescription": "x" * (MAX_TEXT + 1)}, "shortDescription"),
    ({"labels": {"a": 1}}, "labels"),
    ({"labels": {"": "a"}}, "labels"),
    ({"labels": ["a"]}, "labels"),
    ({"labels": {str(number): "a" for number in range(MOST_ENTRIES + 1)}}, "labels"),
    ({"api": []}, "api"),
    ({"api": {}}, "api.targetUrl"),
    *(
        (api(targetUrl=url), "api.targetUrl")
        for url in (
            "",
            "shop",
            "/path",
            "//a.example",
            "ftp://a.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https://a.example:port",
            "https://a b.example",
            "https://a.example/\n",
            "https://[::1",
            "https://a.example/../admin",
            "https://a.example/x/%2e%2E/admin",
            "https://a.example/x/./y",
            "https://a.example/x%2f..%2fy",
            "https://a.example/x/..%5cy",
            f"https://a.example/{'x' * MAX_URL}",
            5,
            {"a": "b"},
        )
    ),
    (api(specificationUrl="nowhere"), "api.specificationUrl"),
    (api(spec={"a": ["b\0"]}), "api.spec"),
    (api(spec={"a\0": 1}), "api.spec"),
    (api(apiType=["a"]), "api.apiType"),
    (api(headers={"X A": ["a"]}), "api.headers"),
    (api(headers={"X-A": ["a\r\nX-B: c"]}), "api.headers"),
    (api(headers={"X-A": "a"}), "api.headers"),
    (api(queryParameters={"a": [1]}), "api.queryParameters"),
    (api(requestParameters={"headers": {"": ["a"]}}), "api.requestParameters.headers"),
    (credentials(oauth={}), "api.credentials.oauth.url"),
    (credentials(oauth={**OAUTH, "clientSecret": ""}), "api.credentials.oauth.clientSecret"),
    (credentials(oauth={**OAUTH, "url": "token"}), "api.credentials.oauth.url"),
    (credentials(oauth={**OAUTH, "csrfInfo": {}}), "api.credentials.oauth.csrfInfo.tokenEndpointURL"),
    (credentials(basic={"username": "u"}), "api.credentials.basic.password"),
    (credentials(certificateGen={"commonName": ""}), "api.credentials.certificateGen.commonName"),
    (credentials(oauth=OAUTH, basic={"username": "u", "password": "p"}), "api.credentials"),
    (api(specificationCredentials={"basic": {}}), "api.specificationCredentials.basic.username"),
    ({"events": {}}, "events.spec"),
    ({"events": {"spec": None}}, "events.spec"),
    ({"events": {"spec": "\0"}}, "events.spec"),
    ({"documentation": {**DOCUMENTATION, "displayName": ""}}, "documentation.displayName"),
    ({"documentation": {**DOCUMENTATION, "type": None}}, "documentation.type"),
    ({"documentation": {**DOCUMENTATION, "tags": "a"}}, "documentation.tags"),
    ({"documentation": {**DOCUMENTATION, "docs": [{"source": "\0"}]}}, "documentation.docs.source"),
    ({"documentation": {**DOCUMENTATION, "docs": [[]]}}, "documentation.docs"),
]


@pytest.mark.parametrize("fields", GOOD, ids=lambda fields: json.dumps(fields)[:60])
def test_service_comes_back_as_it_was_sent(fields: dict[str, Any]) -> None:
    """Every field that is known comes back as it was sent, with an empty provider; a null is as good as no field."""
    sent = {**REQUIRED, **fields}
    content = catalogue.read({**sent, "unknown": {"a": 1}})
    service = catalogue.add(entity(), content, id=records_id(), now=NOW)

    assert json.loads(whole(service, content.texts)) == {
        **{name: value for name, value in sent.items() if value is not None},
        "provider": "",
    }


@pytest.mark.parametrize(("fields", "path"), BAD, ids=lambda value: json.dumps(value)[:60])
def test_broken_rule_is_refused_by_the_name_of_its_field(fields: dict[str, Any], path: str) -> None:
    """What breaks a rule is refused with the path of its field, and nothing that was sent is repeated."""
    with pytest.raises(InvalidData) as caught:
        catalogue.read({**REQUIRED, **fields})

    assert str(caught.value).startswith(f"Invalid data {path}: ")
    assert str(caught.value).endswith("Correct it, and send the service again.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sent", [None, True, 5, "text", [], [REQUIRED]])
def test_service_is_an_object(sent: object) -> None:
    """Any other JSON value is refused."""
    with pytest.raises(InvalidData, match="Invalid data service: "):
        catalogue.read(sent)


def records_id() -> UUID:
    return UUID(identifier(1))


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES.filter(lambda value: value is not None))
def test_any_specification_comes_back(spec: object) -> None:
    """Whatever JSON a specification is, it comes back the same, and its size is that of its text."""
    content = catalogue.read({**REQUIRED, **api(spec=spec), "events": {"spec": spec}})
    service = catalogue.add(entity(), content, id=records_id(), now=NOW)
    found = json.loads(whole(service, content.texts))

    assert found["api"]["spec"] == found["events"]["spec"] == spec
    assert "spec" not in service.facts["api"]
    assert service.text_octets == content.texts.octets == 2 * len((content.texts.api_spec or "").encode())


def test_change_keeps_id_and_beginning() -> None:
    """A service that gets another content stays the same service; its identifier, sizes and time of change follow."""
    before = catalogue.add(entity(), catalogue.read({**REQUIRED, "identifier": "a"}), id=records_id(), now=NOW)
    after = catalogue.change(before, catalogue.read({**REQUIRED, **api(spec="x")}), now=LATER)

    assert (after.id, after.created_at, after.updated_at) == (before.id, NOW, LATER)
    assert (before.identifier, after.identifier) == ("a", None)
    assert (before.text_octets, after.text_octets) == (0, len('"x"'))
    assert Texts().octets == 0


def test_credentials_have_no_repr() -> None:
    """Neither a service nor what was sent for one shows what it holds."""
    content = catalogue.read({**REQUIRED, **credentials(oauth={**OAUTH, "clientSecret": "hidden-text"})})
    service = catalogue.add(entity(), content, id=records_id(), now=NOW)

    assert "hidden-text" not in repr(content) + repr(service)
