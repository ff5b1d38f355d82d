"""The catalogue behind metadataUrl, with curl over mutual TLS, and read back through the Director."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from tests.support.clients import access_of
from tests.support.compass_documents import APP, page
from tests.support.director import Director, director
from tests.support.legacy import FORBIDDEN, MANAGEMENT, REVOCATIONS, Answer, curl
from tests.support.server import Identity, Server

CREATE = "mutation ($name: String!) { result: createFormation(formation: {name: $name}) { id } }"
ASSIGN = """mutation ($id: ID!, $type: FormationObjectType!, $name: String!) {
    result: assignFormation(objectID: $id, objectType: $type, formation: {name: $name}) { id } }"""
NAME = """mutation ($id: ID!, $name: Any!) {
    result: setApplicationLabel(applicationID: $id, key: "name", value: $name) { key } }"""
BUNDLES = f"query ($id: ID!) {{ result: application(id: $id) {{ {APP} }} }}"
# What a runtime agent asks over mutual TLS: two root fields, no alias.
AGENT = """query {
    runtime(id: "%s") { labels }
    applicationsForRuntime(runtimeID: "%s") {
        data { id name providerName description labels auths { id }
            bundles { data { id name description instanceAuthRequestInputSchema
                apiDefinitions { data { id name description targetURL group version {
                    value deprecated deprecatedSince forRemoval } } pageInfo { startCursor endCursor hasNextPage }
                    totalCount }
                eventDefinitions { data { id name description group version {
                    value deprecated deprecatedSince forRemoval } } pageInfo { startCursor endCursor hasNextPage }
                    totalCount }
                defaultInstanceAuth { credential {
                        ... on BasicCredentialData { username password }
                        ... on OAuthCredentialData { clientId clientSecret url } }
                    additionalHeaders additionalQueryParams requestAuth { csrf { tokenEndpointURL } } } }
                pageInfo { startCursor endCursor hasNextPage } totalCount } }
        pageInfo { startCursor endCursor hasNextPage } totalCount } }"""
EMPTY = {"startCursor": "", "endCursor": "", "hasNextPage": False}

OAUTH = {"url": "https://login.example/token", "clientId": "client", "clientSecret": "very-secret-indeed"}
FULL = {
    "provider": "Vendor",
    "name": "Orders",
    "description": "Orders of the shop",
    "shortDescription": "Orders",
    "identifier": "orders-1",
    "labels": {"connected-app": "shop"},
    "api": {
        "targetUrl": "https://shop.example/orders?v=1",
        "credentials": {"oauth": {**OAUTH, "csrfInfo": {"tokenEndpointURL": "https://shop.example/csrf"}}},
        "spec": {"openapi": "3.0.0", "info": {"title": "Ordérs", "x": [1.0, 2, None, True]}},
        "specificationUrl": "https://shop.example/openapi.json",
        "apiType": "OpenAPI",
        "requestParameters": {"headers": {"X-Tenant": ["a", "b"]}, "queryParameters": {"sap-client": ["100"]}},
    },
    "events": {"spec": {"asyncapi": "2.0.0"}},
    "documentation": {
        "displayName": "Manual",
        "description": "How to order",
        "type": "guide",
        "tags": ["a"],
        "docs": [{"title": "One", "type": "md", "source": "# One\n../up"}],
    },
}
NOBODYS = "0f6d7f7e-2f0e-4b0c-9a57-3f6c1d0b5a11"
PLAIN = {"provider": "Vendor", "name": "Plain", "description": "Nothing but a name"}


@dataclass(frozen=True, slots=True)
class Publisher:
    """An application with a certificate, and its metadataUrl."""

    server: Server
    id: str
    identity: Identity
    url: str

    def call(self, *arguments: str, at: str = "", identity: Identity | None = None) -> Answer:
        """One request below the metadataUrl."""
        return curl(self.server, f"{self.url}{at}", *arguments, identity=identity or self.identity)

    def send(self, service: Any, at: str = "", method: str = "POST") -> Answer:
        """A service as JSON."""
        # From a file: an argument may not be as long as a specification.
        path = self.identity.key.parent / "service.json"
        path.write_text(service if isinstance(service, str) else json.dumps(service, ensure_ascii=False))
        return self.call("--request", method, "--data-binary", f"@{path}", at=at)

    def add(self, service: Any) -> str:
        """Publish a service: its id."""
        answer = self.send(service)
        assert answer.status == 200, answer
        (id_,) = answer.json.values()
        return str(id_)

    def list(self) -> Any:
        """The services in short."""
        answer = self.call()
        assert answer.status == 200, answer
        return answer.json


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "catalogue") as caller:
        yield caller


def publisher(admin: Director, directory: Path, name: str = "") -> Publisher:
    """A new application, whose metadataUrl is asked for as its clients do."""
    id_ = admin.register(name or f"shop {token_hex(4)}")
    identity = admin.enroll(id_, directory)
    managed = curl(admin.server, f"{admin.server.urls['mtls']}{MANAGEMENT}", identity=identity).json
    return Publisher(admin.server, id_, identity, managed["urls"]["metadataUrl"])


@pytest.fixture
def shop(admin: Director, tmp_path: Path) -> Publisher:
    return publisher(admin, tmp_path / "shop")


def answered(server: Server, identity: Identity, document: str) -> Any:
    """What the Director answers over mutual TLS."""
    context = ssl.create_default_context(cadata=server.root.decode())
    context.load_cert_chain(identity.chain, identity.key)
    with httpx2.Client(verify=context) as http:
        content = http.post(server.mtls_director, json={"query": document, "variables": None}).json()
    assert "errors" not in content, content
    return content["data"]


def refused(answer: Answer, status: int, *words: str) -> None:
    """The answer is a refusal in the legacy API's shape, and its text holds these words."""
    assert (answer.status, answer.json["code"]) == (status, status), answer
    assert list(answer.json) == ["code", "error"]
    for word in words:
        assert word in answer.json["error"], answer


def test_service_lives_from_publishing_to_removal(admin: Director, shop: Publisher) -> None:
    """The list is empty at first; a service is published (200, its id), read back as it was sent with an empty
    provider, listed in short, replaced (200, as it is then) and deleted (204, once). Each change is in the audit.
    """
    assert shop.list() == []
    id_ = shop.add(FULL)
    assert shop.call(at=f"/{id_}").json == {**FULL, "provider": ""}
    plain = shop.add(PLAIN)
    assert shop.list() == [
        {
            "id": id_,
            "provider": "",
            "name": "Orders",
            "description": "Orders of the shop",
            "identifier": "orders-1",
            "labels": {"connected-app": "shop"},
        },
        {"id": plain, "provider": "", "name": "Plain", "description": "Nothing but a name"},
    ]

    changed = {**PLAIN, "name": "Changed", "identifier": "orders-2"}
    put = shop.send(changed, f"/{id_}", "PUT")
    assert (put.status, put.json) == (200, {**changed, "provider": ""})
    assert shop.call(at=f"/{id_}").json == put.json
    assert shop.send(changed, f"/{id_}", "PUT").json == put.json  # changes nothing, and is no event
    gone = shop.call("--request", "DELETE", at=f"/{id_}")
    assert (gone.status, gone.body) == (204, b"")
    refused(shop.call("--request", "DELETE", at=f"/{id_}"), 404)
    refused(shop.call(at=f"/{id_}"), 404)
    refused(shop.send(changed, f"/{id_}", "PUT"), 404)
    assert [each["id"] for each in shop.list()] == [plain]
    assert [each for each in admin.events(owner_id=shop.id) if each[0].startswith("service.")] == [
        ("service.added", "Orders"),
        ("service.added", "Plain"),
        ("service.changed", "Changed"),
        ("service.removed", "Changed"),
    ]


def test_service_is_a_bundle_in_the_director(admin: Director, shop: Publisher) -> None:
    """An administrator reads the service as a bundle with its API, events and document, and all that they hold; the
    ids of the parts stay the same.
    """
    id_ = shop.add(FULL)
    found = admin.ask(BUNDLES, {"id": shop.id})["bundles"]
    assert (found["totalCount"], found["pageInfo"]) == (1, EMPTY)
    (bundle,) = found["data"]
    api, events, documents = (bundle.pop(name) for name in ("apiDefinitions", "eventDefinitions", "documents"))
    assert bundle == {
        "id": id_,
        "name": "Orders",
        "description": "Orders of the shop",
        "instanceAuthRequestInputSchema": None,
        "instanceAuths": [],
        "defaultInstanceAuth": {
            "credential": OAUTH,
            "oneTimeToken": None,
            "certCommonName": None,
            "accessStrategy": None,
            "additionalHeaders": {"X-Tenant": ["a", "b"]},
            "additionalQueryParams": {"sap-client": ["100"]},
            "requestAuth": {
                "csrf": {
                    "tokenEndpointURL": "https://shop.example/csrf",
                    "credential": None,
                    "additionalHeaders": None,
                    "additionalQueryParams": None,
                }
            },
        },
    }
    definition = {"name": "Orders", "description": "Orders of the shop", "group": None, "version": None}
    (told,) = api["data"]
    spec = told.pop("spec")
    assert told.items() > {**definition, "targetURL": "https://shop.example/orders?v=1"}.items()
    assert json.loads(spec["data"]) == FULL["api"]["spec"]
    assert (spec["format"], spec["type"]) == ("JSON", "OPEN_API")
    assert spec["fetchRequest"]["url"] == "https://shop.example/openapi.json"
    assert spec["fetchRequest"]["status"]["condition"] == "INITIAL"
    (event,) = events["data"]
    assert event.items() > definition.items()
    assert json.loads(event["spec"]["data"]) == {"asyncapi": "2.0.0"}
    assert event["spec"]["type"] == "ASYNC_API"
    (document,) = documents["data"]
    assert json.loads(document.pop("data")) == FULL["documentation"]["docs"]
    assert (
        document.items() > {"title": "Manual", "displayName": "Manual", "kind": "guide", "format": "MARKDOWN"}.items()
    )
    ids = [id_, told["id"], event["id"], spec["id"], event["spec"]["id"], document["id"]]
    assert len(set(ids)) == len(ids)
    again = admin.ask(BUNDLES, {"id": shop.id})["bundles"]["data"][0]
    assert again["apiDefinitions"]["data"][0]["id"] == told["id"]


@pytest.mark.parametrize(
    ("spec", "kind", "format_", "type_"),
    [
        ("<edmx:Edmx/>", "ODATA", "XML", "ODATA"),
        ("openapi: 3.0.0\n", "", "YAML", "OPEN_API"),
        ('{"openapi": "3.0.0"}', "OpenApi", "JSON", "OPEN_API"),
        ([1, 2], "odata", "JSON", "ODATA"),
    ],
)
def test_specification_is_text_or_json(
    admin: Director, shop: Publisher, spec: object, kind: str, format_: str, type_: str
) -> None:
    """A specification that was sent as a text is that text; other JSON is its text. Format and type follow."""
    api = {"targetUrl": "http://a.example", "spec": spec, "apiType": kind}
    id_ = shop.add({**PLAIN, "api": api})
    assert shop.call(at=f"/{id_}").json["api"] == api
    (bundle,) = admin.ask(BUNDLES, {"id": shop.id})["bundles"]["data"]
    (told,) = bundle["apiDefinitions"]["data"]
    assert told["spec"]["data"] == (spec if isinstance(spec, str) else json.dumps(spec, separators=(",", ":")))
    assert (told["spec"]["format"], told["spec"]["type"]) == (format_, type_)


CREDENTIALS = {
    "basic": ({"username": "u", "password": "p"}, {"username": "u", "password": "p"}),
    "oauth": (OAUTH, OAUTH),
    "certificateGen": ({"commonName": "shop", "certificate": "PEM"}, None),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_runtime_reads_how_to_call_an_application_of_its_formation(
    admin: Director, shop: Publisher, tmp_path: Path, kind: str
) -> None:
    """The holder of a runtime's certificate sees the bundles of the applications that share a formation with it, with
    their credentials; before they share one, none.
    """
    sent, told = CREDENTIALS[kind]
    parameters = {"headers": {"X-A": ["1"]}, "queryParameters": {"b": ["2"]}}
    api = {"targetUrl": "https://a.example", "credentials": {kind: sent}, **parameters}
    id_ = shop.add({**PLAIN, "api": api, "events": {"spec": "asyncapi: 2.0.0"}})
    shop.add(PLAIN)
    runtime = admin.register(f"reader-{kind}", "Runtime")
    reader = admin.enroll(runtime, tmp_path / "runtime", "Runtime")
    document = AGENT % (runtime, runtime)
    assert answered(admin.server, reader, document)["applicationsForRuntime"]["data"] == []

    admin.ask(CREATE, {"name": f"together {kind}"})
    for type_, each in (("APPLICATION", shop.id), ("RUNTIME", runtime)):
        admin.ask(ASSIGN, {"id": each, "type": type_, "name": f"together {kind}"})
    (application,) = answered(admin.server, reader, document)["applicationsForRuntime"]["data"]
    first, second = application["bundles"]["data"]
    assert (application["id"], first["id"]) == (shop.id, id_)
    assert first["defaultInstanceAuth"] == {
        "credential": told,
        "additionalHeaders": {"X-A": ["1"]},
        "additionalQueryParams": {"b": ["2"]},
        "requestAuth": None,
    }
    assert [each["targetURL"] for each in first["apiDefinitions"]["data"]] == ["https://a.example"]
    assert [each["name"] for each in first["eventDefinitions"]["data"]] == ["Plain"]
    assert second["defaultInstanceAuth"] is None
    assert second["apiDefinitions"] == {"data": [], "pageInfo": EMPTY, "totalCount": 0}


def test_credentials_are_for_those_who_may_call(admin: Director, shop: Publisher) -> None:
    """Operators and administrators read the credentials that an application published; viewers and integration
    systems see that there is a bundle, and null; the application reads its own.
    """
    shop.add(FULL)
    document = """query ($id: ID!) { result: application(id: $id) { bundles { data { name defaultInstanceAuth {
        credential { __typename ... on OAuthCredentialData { clientSecret } } } } } } }"""
    secret = {"credential": {"__typename": "OAuthCredentialData", "clientSecret": OAUTH["clientSecret"]}}
    make = """mutation ($name: String!, $role: Role!) {
        result: createAPIKey(in: {name: $name, role: $role}) { secret } }"""
    keys = {
        role: admin.ask(make, {"name": f"reads as {role}", "role": role})["secret"]
        for role in ("viewer", "operator", "administrator")
    }
    system = admin.register(f"system {token_hex(4)}", "IntegrationSystem")
    keys["system"] = access_of(admin.http, admin.server, system, "IntegrationSystem", admin.tenant)
    keys["itself"] = access_of(admin.http, admin.server, shop.id, "Application", admin.tenant)
    for who, key in keys.items():
        found = admin.at(admin.tenant, key=key).ask(document, {"id": shop.id})
        auth = None if who in {"viewer", "system"} else secret
        assert found["bundles"]["data"] == [{"name": "Orders", "defaultInstanceAuth": auth}], who
    own = answered(
        admin.server, shop.identity, document.replace("query ($id: ID!)", "query").replace("$id", f'"{shop.id}"')
    )
    assert own["result"]["bundles"]["data"][0]["defaultInstanceAuth"] == secret


def test_secrets_are_not_logged(admin: Director, shop: Publisher) -> None:
    """No credential that was published is in the server's log, whether the service was taken or refused."""
    shop.add(FULL)
    refused(shop.send({**FULL, "name": ""}), 400, "name")
    refused(shop.send({**FULL, "api": {**FULL["api"], "targetUrl": OAUTH["clientSecret"]}}), 400, "api.targetUrl")
    text = admin.server.log.read_text()
    assert "service.added" in text
    assert OAUTH["clientSecret"] not in text


def test_catalogue_is_the_holders_own(admin: Director, shop: Publisher, tmp_path: Path) -> None:
    """Another application's metadataUrl is 404 for every call, whether there is one of that name or not; a runtime's
    certificate and a name spelled otherwise are no better. Nothing is changed, and the ids of another's services are
    none of one's own.
    """
    other = publisher(admin, tmp_path / "other")
    id_ = other.add(FULL)
    runtime = admin.enroll(admin.register(f"r-{token_hex(4)}", "Runtime"), tmp_path / "runtime", "Runtime")
    base, name = other.url.split("/v1/")[0].rpartition("/")[0], other.url.split("/v1/")[0].rpartition("/")[2]
    strange = [f"{base}/{each}/v1/metadata/services" for each in ("nobody", name.upper(), f"{name}%20", f"%2F{name}")]
    for identity, url in [
        (shop.identity, other.url),
        (runtime, other.url),
        *((other.identity, each) for each in strange),
    ]:
        for method, at in [("GET", ""), ("POST", ""), *((each, f"/{id_}") for each in ("GET", "PUT", "DELETE"))]:
            body = ("--data-raw", json.dumps(PLAIN)) if method in {"POST", "PUT"} else ()
            refused(curl(admin.server, url + at, "--request", method, *body, identity=identity), 404)
    for method in ("GET", "PUT", "DELETE"):
        body = ("--data-raw", json.dumps(PLAIN)) if method == "PUT" else ()
        refused(shop.call("--request", method, *body, at=f"/{id_}"), 404)
    assert other.call(at=f"/{id_}").json == {**FULL, "provider": ""}
    assert shop.list() == []


@pytest.mark.parametrize("name", ["A/b ../C", "..", ".", "тест", "a%2Fb", "x y?z#", "v1"])
def test_name_is_one_segment_of_the_path(admin: Director, tmp_path: Path, name: str) -> None:
    """Whatever the label name holds, the metadataUrl that is handed out leads to the application's own services."""
    made = publisher(admin, tmp_path / "named")
    admin.ask(NAME, {"id": made.id, "name": name})
    managed = curl(admin.server, f"{admin.server.urls['mtls']}{MANAGEMENT}", identity=made.identity).json
    url = managed["urls"]["metadataUrl"]
    assert url.endswith(f"/{quote(name, safe='')}/v1/metadata/services")
    named = Publisher(admin.server, made.id, made.identity, url)
    posted = named.call("--path-as-is", "--data-raw", json.dumps(PLAIN))
    assert posted.status == 200, posted
    assert [each["id"] for each in named.call("--path-as-is").json] == [posted.json["id"]]


def test_nobody_else_gets_in(admin: Director, shop: Publisher, tmp_path: Path) -> None:
    """Without a certificate, on the public address, and with a revoked one, it is 403 and nothing changes; after the
    application is unregistered its services are gone.
    """
    id_ = shop.add(PLAIN)
    public = shop.url.replace(admin.server.urls["mtls"], admin.server.urls["public"])
    for method, at in [("GET", ""), ("POST", ""), *((each, f"/{id_}") for each in ("GET", "PUT", "DELETE"))]:
        body = ("--data-raw", json.dumps(PLAIN)) if method in {"POST", "PUT"} else ()
        answer = curl(admin.server, public + at, "--request", method, *body)
        assert (answer.status, answer.json) == (403, FORBIDDEN)
    second = admin.enroll(shop.id, tmp_path / "second")
    assert (
        curl(admin.server, f"{admin.server.urls['mtls']}{REVOCATIONS}", "--request", "POST", identity=second).status
        == 201
    )
    for arguments in ((), ("--data-raw", json.dumps(PLAIN))):
        assert shop.call(*arguments, identity=second).json == FORBIDDEN
    assert [each["id"] for each in shop.list()] == [id_]

    admin.ask("mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }", {"id": shop.id})
    assert shop.call().json == FORBIDDEN


def test_methods_and_browsers(shop: Publisher) -> None:
    """Another method is 405 with those that are allowed; HEAD is none of them. A page in a browser, whose user has a
    certificate, changes nothing.
    """
    id_ = shop.add(PLAIN)
    for method, at, allowed in (("PUT", "", "GET, POST"), ("PATCH", f"/{id_}", "GET, PUT, DELETE")):
        answer = shop.call("--request", method, at=at)
        refused(answer, 405)
        assert answer.headers["allow"] == allowed
    assert shop.call("--head").status == 405
    page_ = ("--header", "Origin: https://evil.example")
    refused(shop.call(*page_, "--data-raw", json.dumps(PLAIN)), 400, "browser")
    refused(shop.call(*page_, "--request", "PUT", "--data-raw", json.dumps(FULL), at=f"/{id_}"), 400, "browser")
    refused(shop.call(*page_, "--request", "DELETE", at=f"/{id_}"), 400, "browser")
    assert shop.call(at=f"/{id_}").json == {**PLAIN, "provider": ""}


@pytest.mark.parametrize(
    "id_", ["..", "../..", "%2e%2e", "%2e%2e%2f", "%00", "a/b", "", "'", NOBODYS, "%FF", "x" * 3000]
)
def test_service_id_in_the_path_leads_nowhere_else(shop: Publisher, id_: str) -> None:
    """What is no id of a service of the caller's is 404, however it is spelled, and changes nothing."""
    shop.add(PLAIN)
    for method in ("GET", "PUT", "DELETE"):
        body = ("--data-raw", json.dumps(FULL)) if method == "PUT" else ()
        answer = shop.call("--path-as-is", "--request", method, *body, at=f"/{id_}")
        assert answer.status == 404, answer
    assert [each["name"] for each in shop.list()] == ["Plain"]


def test_pages_of_bundles(admin: Director, shop: Publisher) -> None:
    """Bundles come in the order in which they were published, page by page with first and after."""
    ids = [shop.add({**PLAIN, "name": f"number {number}"}) for number in range(5)]
    document = f"""query ($id: ID!, $after: PageCursor) {{ result: application(id: $id) {{
        bundles(first: 2, after: $after) {{ {page("id")} }} }} }}"""
    seen, after = [], ""
    for _ in range(3):
        found = admin.ask(document, {"id": shop.id, "after": after})["bundles"]
        seen += [each["id"] for each in found["data"]]
        assert found["totalCount"] == 5
        after = found["pageInfo"]["endCursor"]
    assert (seen, after) == (ids, "")
