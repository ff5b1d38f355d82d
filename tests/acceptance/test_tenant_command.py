"""A tenant's name and its default profile, by command, by the API and in the console."""

import json
from typing import Any

from tests.support.server import Server

RENAME = 'mutation { result: renameTenant(name: "%s") { id name certificateProfile } }'


def output(server: Server, *arguments: str) -> Any:
    return json.loads(server.command("tenant", *arguments, "--json").stdout)


def events(server: Server, tenant: str) -> list[tuple[str, str, str]]:
    told = json.loads(server.command("audit", "--tenant", tenant, "--json").stdout)
    return [(each["action"], each["actor"].partition(":")[0], each["reason"]) for each in told]


def test_a_tenant_is_renamed_and_its_id_stays(server: Server) -> None:
    """A command and the API give a tenant another name, which the audit tells with the former; its external id, by
    which everybody refers to it, stays. To give it the name that it has changes nothing.
    """
    made = output(server, "create", "to-be-renamed", "--name", "Before")
    assert output(server, "update", "to-be-renamed", "--name", "Между") == {**made, "name": "Между"}
    renamed = server.administer(RENAME % "After", tenant="to-be-renamed")
    assert renamed == {"id": "to-be-renamed", "name": "After", "certificateProfile": None}
    assert server.administer(RENAME % "After", tenant="to-be-renamed") == renamed
    assert {**made, "name": "After"} in output(server, "list")

    assert events(server, "to-be-renamed") == [
        ("tenant.renamed", "admin", 'name: from "Между" to "After"'),
        ("tenant.renamed", "command", 'name: from "Before" to "Между"'),
        ("tenant.created", "command", "to-be-renamed"),
    ]


def test_the_default_profile_is_chosen_by_command(server: Server) -> None:
    """The default profile is one that is set up, or the installation's again; nothing is changed by a wrong one."""
    output(server, "create", "by-profile")
    assert output(server, "update", "by-profile", "--profile", "client")["certificateProfile"] == "client"
    for arguments, sentence in (
        (("--name", "Lost", "--profile", "none"), "no certificate profile of that name. Use client"),
        (("--name", ""), "name"),
        ((), "Give --name, --profile, or both"),
    ):
        refused = server.command("tenant", "update", "by-profile", *arguments, check=False)
        assert (refused.returncode, sentence in refused.stderr) == (3, True), refused.stderr
    assert output(server, "update", "by-profile", "--profile", "", "--name", "Kept") == {
        **next(each for each in output(server, "list") if each["externalID"] == "by-profile"),
        "name": "Kept",
        "certificateProfile": None,
    }
    assert [reason for action, _, reason in events(server, "by-profile") if action == "profile.chosen"] == [
        "from client to the default",
        "from the default to client",
    ]
