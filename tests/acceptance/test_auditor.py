"""What an auditor asks, answered by one command, one query, and one page each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.console import administrator, visitor
from tests.support.server import Server

from connector.client import Refused
from connector.domain.audit import Action
from connector.system.users import login_name

LABEL = """mutation ($id: ID!, $value: Any!) {
    result: setApplicationLabel(applicationID: $id, key: "stage", value: $value) { key }
}"""
UNREGISTER = "mutation ($id: ID!) { result: unregisterApplication(id: $id) { id } }"
KEY = 'mutation { result: createAPIKey(in: {name: "ci", role: operator}) { apiKey { id } } }'
REVOKE_KEY = "mutation ($id: ID!) { result: revokeAPIKey(id: $id) { id } }"
FIELDS = "id at action actor owner name systemAuth token serial reason times address request"
FIRST = "admin:first"

Filter = Mapping[str, Any]
Ask = Callable[[Filter, bool], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Scene:
    """What has happened, as far as an auditor has heard of it."""

    server: Server
    application: str
    gone: str
    serial: str
    request: str
    begin: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("auditor")
    with Server(directory / "data") as server:
        begin = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        administrator(server, "ann", "administrator")
        application, gone = server.application("shop"), server.application("gone")
        for value in ("test", "production"):
            server.administer(LABEL, {"id": application, "value": value})
        identity = server.enroll(server.token(application), directory / "shop")
        with server.holder(identity) as holder:
            holder.revoke(server.mtls_connector)
        server.enroll(server.token(gone), directory / "gone")
        server.token(gone)
        server.administer(UNREGISTER, {"id": gone})
        with server.bearer(server.token(application)) as bearer, pytest.raises(Refused):
            bearer.sign(server.public_connector, b"no CSR")
        key = server.administer(KEY)
        server.administer(REVOKE_KEY, {"id": key["apiKey"]["id"]})
        with visitor(server) as stranger:
            assert stranger.sign_in("ann", "a wrong password").status_code != 303
        with visitor(server, "ann"):
            pass
        revoked = json.loads(server.command("audit", "--action", "certificate.revoked", "--json").stdout)
        (of_shop,) = [each for each in revoked if each["owner"] == application]
        (of_gone,) = [each for each in revoked if each["owner"] == gone]
        yield Scene(server, application, gone, of_shop["serial"], of_gone["request"], begin)


QUESTIONS: Mapping[
    str, tuple[Callable[[Scene], Filter], bool, Callable[[Scene, Sequence[Mapping[str, Any]]], bool]]
] = {
    "who revoked this certificate, from where": (
        lambda scene: {"actions": ["certificate.revoked"], "serial": scene.serial},
        False,
        lambda scene, found: (
            [(each["actor"], each["address"] in {"127.0.0.1", "::1"}) for each in found]
            == [(f"certificate:{scene.serial}", True)]
        ),
    ),
    "what became of this certificate": (
        lambda scene: {"serial": scene.serial},
        False,
        lambda _, found: [each["action"] for each in found] == ["certificate.revoked", "certificate.issued"],
    ),
    "what did this credential do since then": (
        lambda scene: {"actor": FIRST, "since": scene.begin},
        False,
        lambda _, found: (
            {each["action"] for each in found}
            >= {"entity.registered", "label.set", "token.minted", "entity.unregistered"}
        ),
    ),
    "what was this label before": (
        lambda scene: {"owner": scene.application, "actions": ["label.set"]},
        False,
        lambda _, found: (
            [(each["name"], each["reason"]) for each in found]
            == [("shop", 'stage: from "test" to "production"'), ("shop", 'stage: "test"')]
        ),
    ),
    "who unregistered it, and what ended with it": (
        lambda scene: {"request": scene.request},
        False,
        lambda scene, found: (
            sorted((each["action"], each["actor"], each["owner"]) for each in found)
            == [
                ("certificate.revoked", FIRST, scene.gone),
                ("entity.unregistered", FIRST, scene.gone),
                ("token.withdrawn", FIRST, scene.gone),
            ]
        ),
    ),
    "which attempts of its systems were refused": (
        lambda scene: {"owner": scene.application, "actions": ["token.refused", "certificate.refused"]},
        False,
        lambda _, found: len(found) == 1 and found[0]["reason"].startswith("csr_"),
    ),
    "who got a token for it": (
        lambda scene: {"owner": scene.application, "actions": ["token.minted"], "actor": FIRST},
        False,
        lambda _, found: len(found) == 2 and all(each["token"] and each["systemAuth"] for each in found),
    ),
    "which refused sign-ins came from this address": (
        lambda _: {"actions": ["sign_in.refused"], "address": "127.0.0.1"},
        True,
        lambda _, found: len(found) == 1,
    ),
    "who signed in": (
        lambda scene: {"actions": ["session.began"], "since": scene.begin},
        True,
        lambda _, found: [each["actor"] for each in found] == ["administrator:ann"],
    ),
    "who made and revoked keys for every tenant": (
        lambda _: {"actions": ["key.created", "key.revoked"], "actor": FIRST},
        True,
        lambda _, found: (
            [(each["action"], each["reason"]) for each in found] == [("key.revoked", "ci"), ("key.created", "ci")]
        ),
    ),
    "who made this administrator": (
        lambda _: {"actions": ["administrator.created"]},
        True,
        lambda _, found: (
            [(each["actor"], each["reason"]) for each in found]
            == [(f"command:{login_name()}", "ann"), ("system", "admin")]
        ),
    ),
}


def by_command(server: Server, which: Filter, *, outside: bool) -> Sequence[Mapping[str, Any]]:
    names = {"owner": "--about"}
    given = ["--installation"] if outside else []
    for name, value in which.items():
        if name == "actions":
            given += [part for each in value for part in ("--action", each)]
        else:
            given += [names.get(name, f"--{name}"), value.removesuffix("Z") if name == "since" else value]
    return list(json.loads(server.command("audit", *given, "--most", "200", "--json").stdout))


def by_query(server: Server, which: Filter, *, outside: bool) -> Sequence[Mapping[str, Any]]:
    field = "installationAuditEvents" if outside else "auditEvents"
    document = f"query ($filter: AuditEventFilter) {{ result: {field}(filter: $filter) {{ data {{ {FIELDS} }} }} }}"
    return list(server.administer(document, {"filter": dict(which)})["data"])


def by_page(server: Server, which: Filter, *, outside: bool) -> Sequence[Mapping[str, Any]]:
    """What the page exports; one kind of event at a time, as its form sends it."""
    path = "/console/audit" if outside else "/console/t/default/audit"
    names = {"owner": "about", "since": "from"}
    fields = {"owner_id": "owner", "owner_name": "name", "system_auth_id": "systemAuth", "token_id": "token"}
    fields |= {"request_id": "request", "number": "id"}
    given = {names.get(name, name): value for name, value in which.items() if name != "actions"}
    if "from" in given:
        given["from"] = given["from"][:10]
    found = []
    with visitor(server, "ann") as guest:
        for action in which.get("actions", [""]):
            asked = {"format": "jsonl", "what": action, **given}
            text = guest.http.get(f"{path}/export", params=asked).raise_for_status().text
            assert "Nothing that fits" not in guest.http.get(path, params=asked).raise_for_status().text or not text
            found += [json.loads(line) for line in text.splitlines()]
    found.sort(key=lambda each: each["number"], reverse=True)
    return [{fields.get(name, name): value for name, value in each.items()} for each in found]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_one_answer(scene: Scene, question: str) -> None:
    """The command, the query and the page find the same events, and these answer the question."""
    which, outside, answers = QUESTIONS[question]
    if question != "who signed in":  # the page's own reader does
        assert answers(scene, by_page(scene.server, which(scene), outside=outside))
    told = by_query(scene.server, which(scene), outside=outside)
    assert by_command(scene.server, which(scene), outside=outside) == [
        {name: value for name, value in each.items() if name != "id"} for each in told
    ]
    assert answers(scene, told if question != "who signed in" else told[-1:])


def test_every_kind_of_event_is_documented() -> None:
    """What --action and the API's filter take stands in docs/operations.md."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert [action.value for action in Action if f"`{action.value}`" not in page] == []


def test_events_of_the_installation_are_not_for_callers_of_one_tenant(scene: Scene) -> None:
    """A key of one tenant reads its own events, and is refused those outside of tenants; so is its administrator."""
    made = scene.server.administer(
        'mutation { result: createAPIKey(in: {name: "one", role: administrator, tenant: "default"}) { secret } }'
    )
    headers = {"Authorization": f"Bearer {made['secret']}", "Tenant": "default"}
    ask = "{ result: %s(first: 1) { data { action } pageInfo { endCursor hasNextPage } } }"
    with scene.server.anonymous() as client:
        page = client.query(scene.server.public_director, ask % "auditEvents", headers=headers)
        assert page["pageInfo"]["hasNextPage"]
        with pytest.raises(Refused) as refused:
            client.query(scene.server.public_director, ask % "installationAuditEvents", headers=headers)
    assert refused.value.code == "tenant_forbidden"
    administrator(scene.server, "local", "administrator", "default")
    with visitor(scene.server, "local") as guest:
        assert guest.http.get("/console/audit").status_code == 403
        assert "/console/audit" not in guest.http.get("/console/t/default/audit").text


def test_pages_of_events_are_read_to_their_end(scene: Scene) -> None:
    """By its cursor each page goes on where the one before ended; a cursor of another filter is refused."""
    ask = """query ($after: PageCursor, $filter: AuditEventFilter) {
        result: auditEvents(first: 2, after: $after, filter: $filter) { data { id } pageInfo { endCursor } }
    }"""
    read, after, first = [], "", ""
    while True:
        page = scene.server.administer(ask, {"after": after})
        read += [int(each["id"]) for each in page["data"]]
        after = page["pageInfo"]["endCursor"]
        first = first or after
        if not after:
            break
    assert read == sorted(set(read), reverse=True)
    assert len(read) == len(by_query(scene.server, {}, outside=False))
    with pytest.raises(Refused, match="no cursor of this list"):
        scene.server.administer(ask, {"after": first, "filter": {"actor": FIRST}})
    with pytest.raises(Refused, match="actions"):
        scene.server.administer(ask, {"filter": {"actions": ["nothing.known"]}})
