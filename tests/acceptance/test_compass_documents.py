"""Every Director document that Compass's clients send is answered, with its whole selection."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.compass_documents import AGENT, OPERATIONS, REQUESTS, Spelling, as_in_fixtures
from tests.support.director import Director, director
from tests.support.server import Server


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "compass") as caller:
        yield caller


@pytest.fixture
def ids(admin: Director, request: pytest.FixtureRequest) -> dict[str, str]:
    """One object of each kind, and a name that is free."""
    new = request.node.callspec.indices
    unique = f"n{abs(hash(str(sorted(new.items()))))}"
    formation = 'mutation { result: createFormation(formation: {name: "%s"}) { id name } }'
    made = admin.ask(formation % f"{unique}-formation")
    credentials = "mutation ($id: ID!) {{ result: requestClientCredentialsFor{}(id: $id) {{ id }} }}"
    ids = {
        "new": f"{unique}-new",
        "formation": made["name"],
        "formation_id": made["id"],
        "system": admin.register(f"{unique}-system", "IntegrationSystem"),
        "application": admin.register(f"{unique}-application", healthCheckURL="http://health.example"),
        "runtime": admin.register(f"{unique}-Runtime", "Runtime"),
    }
    auths = {"auth": ("IntegrationSystem", "system"), "runtime_auth": ("Runtime", "runtime")}
    for name, (kind, owner) in auths.items():
        ids[name] = admin.ask(credentials.format(kind), {"id": ids[owner]})["id"]
    admin.token(ids["application"])
    (ids["application_auth"],) = admin.auths(ids["application"])
    return ids


def ask(admin: Director, request: dict[str, Any], tenant: str | None = None) -> Any:
    answer = admin.http.post(
        admin.server.public_director,
        json=request,
        headers={
            "Authorization": f"Bearer {admin.key}",
            "Tenant": admin.tenant or "" if tenant is None else tenant,
            "suggest_token": "true",
        },
    )
    content = answer.json()
    assert "errors" not in content, content["errors"]
    return content["data"]


@pytest.mark.parametrize(("name", "spelling", "alias"), REQUESTS)
def test_client_document_is_answered(
    admin: Director, ids: dict[str, str], name: str, spelling: Spelling, alias: str
) -> None:
    """Each document is answered without an error: as Compass's own tests spell it, with commas at the end, empty lists
    of arguments and variables that are null; without all that; as Apollo prints it; with and without the alias.
    """
    operation = OPERATIONS[name]
    data = ask(admin, spelling(operation.document(alias=alias, **ids)), operation.tenant)

    (key,) = data
    assert key == (alias.rstrip(": ") or operation.name)
    assert data[key] is not None


def test_document_that_is_too_large_is_refused_by_its_size(admin: Director) -> None:
    """A document with 2 000 fields, each of which the caller may read, is refused before it is run, and the next one is
    answered.
    """
    for fields in ("name " * 2000, " ".join(f"a{number}: name" for number in range(2000))):
        answer = admin.post(f'{{ result: applications(first: 1, after: "") {{ data {{ {fields} }} }} }}')

        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["extensions"]["error"] == "document_too_complex"
        assert admin.ask("{ result: viewer { type } }") == {"type": "USER"}


def test_document_of_a_runtimes_agent_is_answered(admin: Director) -> None:
    """Two root fields without an alias: the runtime's labels, and its applications."""
    runtime = admin.register("Agents.runtime", "Runtime")
    data = ask(admin, as_in_fixtures(AGENT % {"runtime": runtime}))

    assert data["runtime"] == {"labels": {"isNormalized": "true"}}
    assert data["applicationsForRuntime"]["data"] == []


def test_application_answers_what_is_kept_and_nothing_else(admin: Director) -> None:
    """The details that a client stores come back; what is not kept is null, an empty list or an empty page."""
    given = {
        "healthCheckURL": "http://health.example",
        "baseUrl": "https://base.example",
        "applicationNamespace": "name.space",
        "localTenantID": "local",
    }
    id_ = admin.register("kept", **given)
    empty = {"data": [], "pageInfo": {"startCursor": "", "endCursor": "", "hasNextPage": False}, "totalCount": 0}
    kept = {**given, "systemNumber": None, "deletedAt": None, "error": None, "webhooks": [], "operations": []}
    pages = {"bundles": empty, "integrationDependencies": empty}
    selection = " ".join((*kept.keys() - {"webhooks", "operations"}, "webhooks { id }", "operations { id }")) + "".join(
        f" {name} {{ data {{ id }} pageInfo {{ startCursor endCursor hasNextPage }} totalCount }}" for name in pages
    )

    assert admin.ask(f"query ($id: ID!) {{ result: application(id: $id) {{ {selection} }} }}", {"id": id_}) == {
        **kept,
        **pages,
    }


def test_paging_ends_with_an_empty_cursor(admin: Director) -> None:
    """A client that starts with after: "" and loops until endCursor is empty sees every application once."""
    for number in range(5):
        admin.register(f"paged-{number}")
    document = """query ($after: PageCursor) { result: applications(first: 2, after: $after) {
        data { name } pageInfo { startCursor endCursor hasNextPage } totalCount } }"""
    seen: list[str] = []
    after = ""
    while True:
        page = admin.ask(document, {"after": after})
        assert page["pageInfo"]["startCursor"] == after
        seen += [application["name"] for application in page["data"]]
        after = page["pageInfo"]["endCursor"]
        assert page["pageInfo"]["hasNextPage"] is (after != "")
        if not after:
            break

    assert len(seen) == len(set(seen)) == page["totalCount"]


def test_webhooks_and_bundles_are_refused_and_not_dropped(admin: Director) -> None:
    """A client that asks for what Connector does not do is told so: an empty list is the same as none."""
    document = "mutation ($in: ApplicationRegisterInput!) { result: registerApplication(in: $in) { id } }"
    for name in ("webhooks", "bundles"):
        assert admin.ask(document, {"in": {"name": f"without {name}", name: []}})
        refused = admin.refused(document, {"in": {"name": f"with {name}", name: [{"type": "CONFIGURATION_CHANGED"}]}})
        assert refused[:2] == (22, "invalid_data")
        assert name in refused.message


def test_a_change_in_the_background_is_refused(admin: Director) -> None:
    """Mode SYNC is what happens anyway; ASYNC, which would answer before the change is made, is refused."""
    document = (
        'mutation ($mode: OperationMode) {{ result: registerApplication(in: {{name: "{}"}}, mode: $mode) {{ id }} }}'
    )
    for name, mode in (("in mode", "SYNC"), ("in no mode", None)):
        assert admin.ask(document.format(name), {"mode": mode})
    assert admin.refused(document.format("later"), {"mode": "ASYNC"})[:2] == (22, "invalid_data")


def test_update_of_labels_restores_is_normalized(admin: Director) -> None:
    """A runtime's new labels without isNormalized get it as "true"; with it, the given value stays."""
    runtime = admin.register("Normal_1", "Runtime")
    document = """mutation ($id: ID!, $labels: Labels) {
        result: updateRuntime(id: $id, in: {name: "Normal_1", labels: $labels}) { labels } }"""

    assert admin.ask(document, {"id": runtime, "labels": {"a": 1}})["labels"] == {"a": 1, "isNormalized": "true"}
    assert admin.ask(document, {"id": runtime, "labels": {"isNormalized": "false"}})["labels"] == {
        "isNormalized": "false"
    }


def test_deleted_system_auth_is_answered_as_its_interface(admin: Director) -> None:
    """DeleteSystemAuthFor... answers the interface SystemAuth, with the concrete type's name."""
    id_ = admin.register("owner of auths")
    admin.token(id_)
    (auth,) = admin.auths(id_)
    document = "mutation ($id: ID!) { result: deleteSystemAuthForApplication(authID: $id) { __typename id tenantId } }"

    answer = admin.ask(document, {"id": auth})

    assert (answer["__typename"], answer["id"]) == ("AppSystemAuth", auth)


def test_tenants_are_searched_by_a_part_of_their_name_or_id(admin: Director) -> None:
    """tenants(searchTerm) finds those whose external id or name contains the term, in any case."""
    admin.enter("searched-Alpha")
    admin.enter("searched-beta")
    document = "query ($term: String) { result: tenants(searchTerm: $term) { data { id } totalCount } }"

    found = admin.ask(document, {"term": "SEARCHED-a"})
    assert ([tenant["id"] for tenant in found["data"]], found["totalCount"]) == (["searched-Alpha"], 1)
    assert admin.ask(document, {"term": "%"})["totalCount"] == 0
