"""Formations as an administrator types them."""

import json
from typing import Any

import pytest
from tests.support.server import Server

SEEN = "query ($id: ID!) { result: applicationsForRuntime(runtimeID: $id) { data { name } } }"


def output(server: Server, *arguments: str) -> Any:
    return json.loads(server.command("formation", *arguments, "--json").stdout)


@pytest.fixture(scope="module", autouse=True)
def taken(server: Server) -> None:
    """A formation that exists."""
    server.administer('mutation { result: createFormation(formation: {name: "taken"}) { id } }')


def test_a_formations_life_by_command(server: Server) -> None:
    """Create, list, assign by name and by id, show, unassign, delete: each prints what it did, and JSON on demand."""
    application = server.application("commanded app")
    server.application("commanded too")
    made = server.administer('mutation { result: registerRuntime(in: {name: "commanded-run"}) { id } }')
    created = output(server, "create", "by command")
    assert created["name"] == "by command"
    assert created in output(server, "list")
    assert "by command" in server.command("formation", "list").stdout
    assert output(server, "show", "by command") == []

    for arguments in (("commanded too",), (application,), ("commanded-run", "--runtime")):
        assert output(server, "assign", "by command", *arguments) == created
    shown = output(server, "show", "by command")
    assert [(each["name"], each["kind"]) for each in shown] == [
        ("commanded too", "Application"),
        ("commanded app", "Application"),
        ("commanded-run", "Runtime"),
    ]
    seen = server.administer(SEEN, {"id": made["id"]})["data"]
    assert [each["name"] for each in seen] == ["commanded app", "commanded too"]

    refused = server.command("formation", "delete", "by command", check=False)
    assert (refused.returncode, "[object_in_use]" in refused.stderr) == (3, True)
    for arguments in (("commanded too",), ("commanded app",), ("commanded-run", "--runtime")):
        assert output(server, "unassign", "by command", *arguments) == created
    assert output(server, "delete", "by command") == created
    assert created not in output(server, "list")


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("create", ""), "invalid_data", 3),
        (("create", "taken"), "not_unique_name", 3),
        (("delete", "nothing"), "not_found", 5),
        (("assign", "taken", "nothing"), "not_found", 5),
    ],
)
def test_refusals_by_command(server: Server, arguments: tuple[str, ...], code: str, status: int) -> None:
    """What cannot be done is one sentence with its code, and an exit status of its own."""
    done = server.command("formation", *arguments, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert f"[{code}]" in done.stderr


def test_a_formation_is_its_tenants_own(server: Server) -> None:
    """With --tenant a formation is made there, and no other tenant's command finds it."""
    server.administer('mutation { result: createTenant(in: {externalID: "commanded-tenant"}) { id } }')
    made = output(server, "create", "elsewhere", "--tenant", "commanded-tenant")
    assert output(server, "list", "--tenant", "commanded-tenant") == [made]
    assert made not in output(server, "list")
    assert server.command("formation", "show", "elsewhere", check=False).returncode == 5
