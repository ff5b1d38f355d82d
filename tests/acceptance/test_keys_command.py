"""API keys, made, listed and revoked by command while the server runs."""

import json
import time
from typing import Any

import pytest
from tests.support.server import Server

from connector.client import Refused
from connector.system.users import login_name

REGISTER = "mutation ($name: String!) { result: registerApplication(in: {name: $name}) { id } }"
APPLICATIONS = "query { result: applications { totalCount } }"


def output(server: Server, *arguments: str) -> Any:
    return json.loads(server.command("key", *arguments, "--json").stdout)


def call(server: Server, key: str, document: str, tenant: str = "default", **variables: str) -> Any:
    """What the Director answers to somebody with this key."""
    with server.anonymous() as client:
        headers = {"Authorization": f"Bearer {key}", "Tenant": tenant}
        return client.query(server.public_director, document, variables, headers)


def refusal(server: Server, key: str, document: str, tenant: str = "default", **variables: str) -> str:
    """The code with which the Director refuses it."""
    with pytest.raises(Refused) as refused:
        call(server, key, document, tenant, **variables)
    return str(refused.value)


def test_a_key_by_command(server: Server) -> None:
    """A key that a command made calls the running server at once, within its role; revoked, it no longer does."""
    made = output(server, "create", "by-command", "--role", "operator")
    assert (made["role"], made["tenant"], made["expiresAt"], made["createdBy"]) == (
        "operator",
        None,
        None,
        f"command:{login_name()}",
    )
    listed = server.command("key", "list", "--json").stdout
    assert {**made, "key": None} in [{**each, "key": None} for each in json.loads(listed)]
    assert made["key"] not in listed

    assert call(server, made["key"], REGISTER, name="made-by-key")["id"]
    assert "tenant:write" in refusal(
        server, made["key"], 'mutation { result: createTenant(in: {externalID: "x"}) { id } }'
    )

    revoked = output(server, "revoke", made["id"])
    assert revoked["revokedAt"] is not None
    assert output(server, "revoke", made["id"]) == revoked
    assert "revoked" in refusal(server, made["key"], APPLICATIONS)


def test_a_key_of_one_tenant_by_command(server: Server) -> None:
    """A key for one tenant enters that one and no other; a viewer reads and does not write; a lifetime ends."""
    server.command("tenant", "create", "keyed")
    made = output(server, "create", "keyed-by-command", "--role", "viewer", "--tenant", "keyed")

    assert call(server, made["key"], APPLICATIONS, "keyed")["totalCount"] == 0
    assert "Unauthorized" in refusal(server, made["key"], APPLICATIONS)
    assert "application:write" in refusal(server, made["key"], REGISTER, "keyed", name="no")

    brief = output(server, "create", "brief-by-command", "--role", "viewer", "--lifetime", "1")
    time.sleep(1.05)
    assert "expired" in refusal(server, brief["key"], APPLICATIONS)


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (("create", "a/b", "--role", "viewer"), "[invalid_data]", 3),
        (("create", "first-of-two", "--role", "viewer", "--tenant", "nobody"), "[tenant_not_found]", 5),
        (("create", "first", "--role", "viewer"), "[not_unique_name]", 3),
        (("revoke", "nothing"), "[not_found]", 5),
        (("create", "no-role"), "--role", 2),
        (("create", "wrong-role", "--role", "king"), "viewer", 2),
        (("create", "no-time", "--role", "viewer", "--lifetime", "0"), "--lifetime", 2),
    ],
)
def test_key_commands_refused(server: Server, arguments: tuple[str, ...], said: str, status: int) -> None:
    """What cannot be done is refused in words, with an exit status that says which kind it is."""
    done = server.command("key", *arguments, check=False)

    assert done.returncode == status
    assert said in done.stderr
    assert done.stdout == ""
