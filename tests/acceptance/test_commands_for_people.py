"""The commands as people meet them: help, durations, words, questions, labels, and what happened."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.server import COMMAND, Server, environment

from connector.system.users import login_name

BY = f"command:{login_name()}"
INPUT, USAGE, NOT_FOUND, ABORTED = 3, 2, 5, 1


def output(server: Server, *arguments: str) -> Any:
    """The result of the command, from its JSON."""
    return json.loads(server.command(*arguments, "--json").stdout)


def answering(server: Server, answer: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command with a terminal as its standard input, at which somebody answers."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        return subprocess.run(
            [*COMMAND, *arguments, "--data-dir", str(server.data)],
            stdin=theirs,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("arguments", [("-h",), ("application", "-h"), ("token", "mint", "-h")])
def test_short_help_is_known_everywhere(server: Server, arguments: tuple[str, ...]) -> None:
    """-h is --help, at every level."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0
    assert "Usage: " in done.stdout


def test_lifetimes_are_durations_as_in_the_settings(server: Server) -> None:
    """What the settings read as a duration, --lifetime reads; anything else is refused with an example."""
    server.application("durations")
    assert output(server, "token", "mint", "durations", "--lifetime", "4m")["expiresAt"]
    assert output(server, "key", "create", "durations", "--role", "viewer", "--lifetime", "90d")["expiresAt"]
    refused = server.command("token", "mint", "durations", "--lifetime", "soon", check=False)
    assert (refused.returncode, "90d" in refused.stderr) == (USAGE, True)
    too_long = server.command("key", "create", "x", "--role", "viewer", "--lifetime", "9999d", check=False)
    assert (too_long.returncode, "should be 1s to " in too_long.stderr) == (USAGE, True)


def test_labels_and_updates_by_command(server: Server) -> None:
    """Labels are set, as texts or JSON, and deleted; name and description are changed; values are words."""
    server.command("application", "register", "labelled")
    server.command("application", "label", "labelled", "team", "Billing & more")
    labels = output(server, "application", "label", "labelled", "regions", '["eu", true]', "--json-value")["labels"]
    assert (labels["team"], labels["regions"]) == ("Billing & more", ["eu", True])
    shown = server.command("application", "show", "labelled").stdout
    assert 'regions=["eu", true]' in shown
    assert "team=Billing & more" in shown
    assert "{'" not in shown
    assert "True" not in shown
    left = output(server, "application", "unlabel", "labelled", "regions")["labels"]
    assert "regions" not in left
    assert server.command("application", "unlabel", "labelled", "regions", check=False).returncode == NOT_FOUND
    bad = server.command("application", "label", "labelled", "n", "{", "--json-value", check=False)
    assert (bad.returncode, "not JSON" in bad.stderr) == (INPUT, True)

    server.command("application", "update", "labelled", "--name", "renamed", "--description", "A shop")
    assert output(server, "application", "show", "renamed")["description"] == "A shop"
    assert server.command("application", "update", "renamed", check=False).returncode == INPUT


def test_integration_systems_by_command(server: Server) -> None:
    """They have the commands that applications have."""
    made = output(server, "integration-system", "register", "crm")
    assert made in output(server, "integration-system", "list")
    server.command("integration-system", "unregister", "crm")
    assert "crm" not in server.command("integration-system", "list").stdout


def test_permissions_by_command(server: Server) -> None:
    """An integration system is permitted to act in another tenant, or in all; the permission is listed and withdrawn.
    What is not clear is refused.
    """
    server.command("tenant", "create", "branch")
    server.command("integration-system", "register", "agent")
    permit = ("integration-system", "permit", "agent")
    one = output(server, *permit, "--in", "branch")
    assert (one["integrationSystemName"], one["tenant"], one["createdBy"]) == ("agent", "branch", BY)
    every = output(server, *permit, "--everywhere")
    assert every["tenant"] is None
    assert output(server, "integration-system", "permissions") == [one, every]
    assert output(server, "integration-system", "permissions", "--in", "default") == [every]
    for wrong in ((), ("--in", "branch", "--everywhere"), ("--in", "default")):
        assert server.command(*permit, *wrong, check=False).returncode == INPUT
    assert server.command(*permit, "--in", "nowhere", check=False).returncode == NOT_FOUND
    for each in (one, every):
        assert output(server, "integration-system", "forbid", each["id"]) == each
    assert output(server, "integration-system", "permissions") == []
    assert server.command("integration-system", "forbid", one["id"], check=False).returncode == NOT_FOUND


def test_the_audit_by_command(server: Server) -> None:
    """Who did what is listed newest first, by action, and by what it happened to."""
    made = output(server, "application", "register", "audited")
    server.command("application", "label", "audited", "a", "b")
    events = output(server, "audit", "--about", made["id"])
    assert [each["action"] for each in events] == ["label.set", "entity.registered"]
    assert {each["name"] for each in events} == {"audited"}
    (event,) = output(server, "audit", "--about", made["id"], "--action", "label.set")
    assert event["reason"] == 'a: "b"'
    assert output(server, "audit", "--until", "2000-01-01") == []
    assert len(output(server, "audit", "--most", "1")) == 1


def test_events_outside_of_tenants_are_listed_by_command(server: Server) -> None:
    """A key for every tenant is listed only with --installation, and an empty list of a tenant names that option."""
    server.command("key", "create", "anywhere", "--role", "viewer")
    created = output(server, "audit", "--installation", "--action", "key.created", "--actor", BY)
    assert "anywhere" in {each["reason"] for each in created}
    listed = server.command("audit", "--action", "key.created", "--actor", BY)
    assert (listed.stdout, "--installation" in listed.stderr) == ("", True)


def test_what_cannot_be_undone_is_asked_at_a_terminal(server: Server) -> None:
    """Whoever sits at a terminal is asked, and a no changes nothing; --yes and a script are not asked."""
    for name in ("asked", "by-yes", "by-script"):
        server.command("application", "register", name)
    refused = answering(server, "n\n", "application", "unregister", "asked")
    assert refused.returncode == ABORTED
    assert "Remove the application asked" in refused.stderr
    assert "asked" in server.command("application", "list").stdout
    assert answering(server, "y\n", "application", "unregister", "asked").returncode == 0
    assert answering(server, "", "application", "unregister", "by-yes", "--yes").returncode == 0
    server.command("application", "unregister", "by-script")
    left = {each["name"] for each in output(server, "application", "list")}
    assert not left & {"asked", "by-yes", "by-script"}


def test_an_unknown_serial_number_is_explained(server: Server) -> None:
    """Nothing is said of headers that a command does not have: how the number is written, and how to list them."""
    done = server.command("revoke", "xyz", check=False)
    assert done.returncode == NOT_FOUND
    assert "'xyz'" in done.stderr
    assert "connector certificate list" in done.stderr
    assert "header" not in done.stderr


def test_a_backup_does_not_replace_a_file(server: Server, tmp_path: Path) -> None:
    """A file that is there is said to be; the storage is not blamed."""
    file = tmp_path / "backup.db"
    file.write_text("kept")
    done = server.command("db", "backup", str(file), check=False)
    assert done.returncode == INPUT
    assert f"{file} exists" in done.stderr
    assert file.read_text() == "kept"
