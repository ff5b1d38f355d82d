"""Formations: what is assigned to them, what a runtime sees, and where events go."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.director import Director, director
from tests.support.server import Server

CREATE = "mutation ($name: String!) { result: createFormation(formation: {name: $name}) { id name state } }"
DELETE = "mutation ($name: String!) { result: deleteFormation(formation: {name: $name}) { name } }"
CHANGE = """mutation ($id: ID!, $type: FormationObjectType!, $name: String!) {{
    result: {}Formation(objectID: $id, objectType: $type, formation: {{name: $name}}) {{ name }} }}"""
ASSIGN, UNASSIGN = CHANGE.format("assign"), CHANGE.format("unassign")
SEEN = """query ($id: ID!) { result: applicationsForRuntime(runtimeID: $id) {
    data { name auths { id auth { certCommonName } } } totalCount } }"""
EVENTS = "query ($id: ID!) { result: application(id: $id) { eventingConfiguration { defaultURL } } }"
LABEL = """mutation ($id: ID!, $key: String!, $value: Any!) {
    result: setRuntimeLabel(runtimeID: $id, key: $key, value: $value) { value } }"""
EVENTING = """mutation ($id: ID!, $to: ID!) {
    result: setDefaultEventingForApplication(appID: $id, runtimeID: $to) { defaultURL } }"""


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "formations") as caller:
        yield caller


def change(admin: Director, document: str, id: str, kind: str, name: str) -> None:
    admin.ask(document, {"id": id, "type": kind, "name": name})


def seen(admin: Director, runtime: str) -> list[str]:
    return [each["name"] for each in admin.ask(SEEN, {"id": runtime})["data"]]


def events(admin: Director, application: str) -> str:
    return str(admin.ask(EVENTS, {"id": application})["eventingConfiguration"]["defaultURL"])


def test_runtime_sees_the_applications_of_its_formations_and_no_others(admin: Director) -> None:
    """An application is seen once a formation is shared, once however many are, and no longer after unassigning."""
    runtime = admin.register("Sees_1", "Runtime")
    shared, other = admin.register("seen"), admin.register("unseen")
    for name in ("one", "two", "without runtime"):
        assert admin.ask(CREATE, {"name": name})["state"] == "READY"
    for name in ("one", "two"):
        change(admin, ASSIGN, shared, "APPLICATION", name)
        change(admin, ASSIGN, runtime, "RUNTIME", name)
    change(admin, ASSIGN, other, "APPLICATION", "without runtime")

    assert seen(admin, runtime) == ["seen"]
    assert admin.ask(SEEN, {"id": runtime})["totalCount"] == 1
    change(admin, UNASSIGN, shared, "APPLICATION", "one")
    assert seen(admin, runtime) == ["seen"]
    change(admin, UNASSIGN, runtime, "RUNTIME", "two")
    assert seen(admin, runtime) == []


def test_what_is_assigned_cannot_be_removed(admin: Director) -> None:
    """An application in a formation is not unregistered, one that shares it with a runtime not unpaired, and the
    formation not deleted, until they are unassigned.
    """
    application, runtime = admin.register("kept"), admin.register("Keeps", "Runtime")
    admin.ask(CREATE, {"name": "keeps"})
    change(admin, ASSIGN, application, "APPLICATION", "keeps")
    unregister = "mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }"
    unpair = "mutation ($id: ID!) { result: unpairApplication(id: $id) { id } }"

    assert admin.refused(unregister, {"id": application}).error == "object_in_use"
    assert admin.ask(unpair, {"id": application}) == {"id": application}
    change(admin, ASSIGN, runtime, "RUNTIME", "keeps")
    assert admin.refused(unpair, {"id": application}).error == "object_in_use"
    assert admin.refused(DELETE, {"name": "keeps"}).error == "object_in_use"
    change(admin, UNASSIGN, application, "APPLICATION", "keeps")
    assert admin.ask(unregister, {"id": application}) == {"id": application}
    assert admin.ask("mutation ($id: ID!) { result: unregisterRuntime(id: $id) { id } }", {"id": runtime})
    assert admin.ask(DELETE, {"name": "keeps"}) == {"name": "keeps"}


def test_first_runtime_of_a_formation_becomes_the_eventing_runtime(admin: Director) -> None:
    """Events go to the runtime that was assigned first, whichever side came first; to the next when that one leaves,
    nowhere when none is left; and an administrator's own choice stands.
    """
    runtimes = {}
    for name in ("first", "second"):
        runtimes[name] = admin.register(f"Events.{name}", "Runtime")
        admin.ask(LABEL, {"id": runtimes[name], "key": "runtime_eventServiceUrl", "value": f"https://{name}.example"})
    early, late, chosen = (admin.register(name) for name in ("early", "late", "chosen"))
    admin.ask(CREATE, {"name": "eventing"})
    admin.ask(EVENTING, {"id": chosen, "to": runtimes["second"]})

    change(admin, ASSIGN, early, "APPLICATION", "eventing")
    assert events(admin, early) == ""
    change(admin, ASSIGN, runtimes["first"], "RUNTIME", "eventing")
    change(admin, ASSIGN, runtimes["second"], "RUNTIME", "eventing")
    change(admin, ASSIGN, late, "APPLICATION", "eventing")
    change(admin, ASSIGN, chosen, "APPLICATION", "eventing")
    assert [events(admin, each) for each in (early, late, chosen)] == [
        "https://first.example/mp-early/v1/events",
        "https://first.example/mp-late/v1/events",
        "https://second.example/mp-chosen/v1/events",
    ]
    change(admin, UNASSIGN, runtimes["first"], "RUNTIME", "eventing")
    assert events(admin, early) == "https://second.example/mp-early/v1/events"
    change(admin, UNASSIGN, early, "APPLICATION", "eventing")
    assert events(admin, early) == ""
    change(admin, UNASSIGN, runtimes["second"], "RUNTIME", "eventing")
    assert (events(admin, late), events(admin, chosen)) == ("", "")


def test_events_go_to_the_next_runtime_when_one_is_unregistered(admin: Director) -> None:
    """An unregistered runtime leaves its formations: events go to the next one there, or else to the next that comes,
    also if the runtime was an administrator's own choice and shared no formation.
    """
    runtimes = {}
    for name in ("gone", "chosen", "next", "last"):
        runtimes[name] = admin.register(f"Unregistered.{name}", "Runtime")
        admin.ask(LABEL, {"id": runtimes[name], "key": "runtime_eventServiceUrl", "value": f"https://{name}.example"})
    application, other = admin.register("left behind"), admin.register("chose alone")
    admin.ask(CREATE, {"name": "replaced"})
    admin.ask(EVENTING, {"id": other, "to": runtimes["chosen"]})
    for kind, each in (("RUNTIME", runtimes["gone"]), ("RUNTIME", runtimes["next"]), ("APPLICATION", application)):
        change(admin, ASSIGN, each, kind, "replaced")
    assert events(admin, application) == "https://gone.example/mp-left-behind/v1/events"

    for name in ("gone", "chosen"):
        admin.ask("mutation ($id: ID!) { result: unregisterRuntime(id: $id) { id } }", {"id": runtimes[name]})

    assert events(admin, application) == "https://next.example/mp-left-behind/v1/events"
    assert events(admin, other) == ""
    change(admin, ASSIGN, other, "APPLICATION", "replaced")
    assert events(admin, other) == "https://next.example/mp-chose-alone/v1/events"
    admin.ask("mutation ($id: ID!) { result: unregisterRuntime(id: $id) { id } }", {"id": runtimes["next"]})
    assert events(admin, application) == ""
    change(admin, ASSIGN, runtimes["last"], "RUNTIME", "replaced")
    assert events(admin, application) == "https://last.example/mp-left-behind/v1/events"


def test_formation_of_another_tenant_does_not_exist(admin: Director) -> None:
    """Neither a formation nor an object of another tenant can be named, by any operation."""
    other = admin.enter("formations-other")
    foreign, own = other.register("foreign"), admin.register("own")
    other.ask(CREATE, {"name": "foreign"})
    admin.ask(CREATE, {"name": "own"})
    id_ = other.ask('{ result: formationByName(name: "foreign") { id } }')["id"]

    assert admin.ask("query ($id: ID!) { result: formation(id: $id) { id } }", {"id": id_}) is None
    assert admin.ask('{ result: formationByName(name: "foreign") { id } }') is None
    for variables in (
        {"id": own, "type": "APPLICATION", "name": "foreign"},
        {"id": foreign, "type": "APPLICATION", "name": "own"},
    ):
        assert admin.refused(ASSIGN, variables).error == "not_found"
    assert admin.refused(DELETE, {"name": "foreign"}).error == "not_found"


@pytest.mark.parametrize(
    ("type_", "error"), [("TENANT", "invalid_data"), ("RUNTIME_CONTEXT", "invalid_data"), ("RUNTIME", "not_found")]
)
def test_other_kinds_of_objects_are_refused(admin: Director, type_: str, error: str) -> None:
    """Applications and runtimes are assigned, each under its own kind, and nothing else."""
    application = admin.register(f"as {type_}")
    admin.ask(CREATE, {"name": f"kinds {type_}"})

    assert admin.refused(ASSIGN, {"id": application, "type": type_, "name": f"kinds {type_}"}).error == error


def test_formation_names_are_unique_and_printable(admin: Director) -> None:
    """A name is taken once in a tenant, and is 1 to 256 printable characters."""
    admin.ask(CREATE, {"name": "unique"})

    assert admin.refused(CREATE, {"name": "unique"}).error == "not_unique_name"
    for name in ("", " ", "x" * 257, "a\nb", "\u202ea"):
        assert admin.refused(CREATE, {"name": name}).error == "invalid_data"


@pytest.fixture(scope="module")
def agent(admin: Director, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """A runtime with a certificate: its id, and how it asks over mutual TLS."""
    runtime = admin.register("Agent_1", "Runtime")
    identity = admin.enroll(runtime, Path(tmp_path_factory.mktemp("agent")), "Runtime")

    def ask(document: str, **variables: Any) -> Any:
        context = ssl.create_default_context(cadata=admin.server.root.decode())
        context.load_cert_chain(identity.chain, identity.key)
        with httpx2.Client(verify=context) as http:
            body = {"query": document, "variables": variables}
            return http.post(admin.server.mtls_director, json=body).json()

    return runtime, ask


def test_agent_reads_its_applications_in_one_request_with_its_labels(
    admin: Director, agent: tuple[str, Any], tmp_path: Path
) -> None:
    """A runtime's agent asks for its labels and its applications with two root fields and no alias; the id of an
    application's system auth is the common name of its certificate, and the rest of the system auth is withheld.
    """
    runtime, ask = agent
    application = admin.register("for the agent")
    admin.enroll(application, tmp_path)
    admin.ask(CREATE, {"name": "agent"})
    change(admin, ASSIGN, application, "APPLICATION", "agent")
    change(admin, ASSIGN, runtime, "RUNTIME", "agent")

    answer = ask(
        """query ($id: ID!) { runtime(id: $id) { labels } applicationsForRuntime(runtimeID: $id) {
            data { name auths { id auth { certCommonName } } } totalCount } }""",
        id=runtime,
    )

    assert "errors" not in answer
    (auth,) = admin.auths(application)
    assert answer["data"]["applicationsForRuntime"]["data"] == [
        {"name": "for the agent", "auths": [{"id": auth, "auth": None}]}
    ]


def test_agent_asks_for_no_other_runtimes_applications(admin: Director, agent: tuple[str, Any]) -> None:
    """Another runtime's applications, of the same tenant too, are answered as those of one that does not exist."""
    other = admin.register("Other_1", "Runtime")
    _, ask = agent
    for id_ in (other, "nothing"):
        (error,) = ask("query ($id: ID!) { applicationsForRuntime(runtimeID: $id) { totalCount } }", id=id_)["errors"]
        assert error["extensions"]["error"] == "not_found"


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("isNormalized", "true", None),
        ("runtime_eventServiceUrl", "https://events.example", None),
        ("runtime_consoleUrl", "https://console.example", None),
        ("isNormalized", True, "insufficient_scopes"),
        ("other", "value", "insufficient_scopes"),
    ],
)
def test_agent_labels_its_own_runtime(
    admin: Director, agent: tuple[str, Any], key: str, value: Any, error: str | None
) -> None:
    """A runtime's agent sets the three labels that it reports itself by, as texts, on its own runtime alone."""
    runtime, ask = agent
    answer = ask(LABEL, id=runtime, key=key, value=value)
    assert [each["extensions"]["error"] for each in answer.get("errors", ())] == ([error] if error else [])
    if error is None:
        labels = admin.ask("query ($id: ID!) { result: runtime(id: $id) { labels } }", {"id": runtime})["labels"]
        assert labels[key] == value
        (refused,) = ask(LABEL, id=admin.register(f"not-own-{key}", "Runtime"), key=key, value=value)["errors"]
        assert refused["extensions"]["error"] == "not_found"
