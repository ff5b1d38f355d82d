"""The audit in the log: who did what, from where, in which request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.server import Server

from connector.client import Refused

FIELDS = {"owner": "owner_id", "systemAuth": "system_auth_id", "token": "token_id", "request": "request_id"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that logs JSON."""
    data = tmp_path_factory.mktemp("audited") / "data"
    with Server(data, settings={"CONNECTOR_LOG__FORMAT": "json"}) as server:
        yield server


def lines(server: Server) -> Sequence[Mapping[str, Any]]:
    """The log's records."""
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def events(server: Server, *arguments: str) -> Sequence[Mapping[str, Any]]:
    """The audit, oldest first."""
    found: list[Mapping[str, Any]] = json.loads(server.command("audit", *arguments, "--json").stdout)
    return found[::-1]


def named(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with the names that the log has."""
    kept = {FIELDS.get(name, name): value for name, value in event.items() if name not in {"at", "name"}}
    kept["event"] = kept.pop("action")
    return {name: value for name, value in kept.items() if value is not None and (name, value) != ("times", 1)}


def test_each_event_is_a_line_with_its_address_and_request(audited: Server, tmp_path: Path) -> None:
    """What the audit holds of an application's life, the log holds in the same words: with the client's address, and
    with the id of the request, which is another for each.
    """
    application = audited.application("audited")
    identity = audited.enroll(audited.token(application), tmp_path / "identity")
    with audited.holder(identity) as holder:
        holder.revoke(audited.mtls_connector)
    with audited.bearer(audited.token(application)) as bearer, pytest.raises(Refused):
        bearer.sign(audited.public_connector, b"no CSR")

    happened = events(audited, "--about", application)
    assert {"entity.registered", "token.minted", "token.spent", "certificate.issued", "certificate.revoked"} <= {
        each["action"] for each in happened
    }
    assert {each["address"] for each in happened} <= {"127.0.0.1", "::1"}
    assert all(each["request"] for each in happened)
    by_request = {each["request"]: each["action"] for each in happened}
    assert len(by_request) >= 6
    logged = [
        {name: value for name, value in line.items() if name not in {"time", "level", "tenant_id"}}
        for line in lines(audited)
        if line.get("owner_id") == application
    ]
    assert logged == [named(each) for each in happened]


def test_events_of_the_installation_are_lines_too(audited: Server) -> None:
    """A key for every tenant is in the log with its address; what a command does has no request, and no line."""
    audited.administer('mutation { result: createAPIKey(in: {name: "everywhere", role: viewer}) { secret } }')
    (event,) = [each for each in events(audited, "--installation") if each["reason"] == "everywhere"]
    (line,) = [each for each in lines(audited) if each.get("reason") == "everywhere"]
    assert named(event).items() <= line.items()

    audited.command("key", "create", "by-command", "--role", "viewer")
    (event,) = [each for each in events(audited, "--installation") if each["reason"] == "by-command"]
    assert (event["address"], event["request"]) == (None, None)
    assert [each for each in lines(audited) if each.get("reason") == "by-command"] == []


def test_a_refused_request_is_a_line_that_says_where(audited: Server) -> None:
    """The line of a refusal has the address, the method, the path without its query, and an id; no secret."""
    with audited.bearer("x" * 86 + "==") as stranger, pytest.raises(Refused):
        stranger.configuration(audited.public_connector)
    refused = [each for each in lines(audited) if each["event"] == "request.refused"][-1]
    assert refused["code"] == "token_unknown"
    assert (refused["method"], refused["path"]) == ("POST", "/connector/graphql")
    assert refused["address"] in {"127.0.0.1", "::1"}
    assert len(refused["request_id"]) == 16
    assert "x" * 20 not in audited.log.read_text()


def test_start_and_stop_are_lines(tmp_path: Path) -> None:
    """The log says when a server began to serve, where, in which version, and when it stopped."""
    with Server(tmp_path / "data", settings={"CONNECTOR_LOG__FORMAT": "json"}) as server:
        (started,) = [each for each in lines(server) if each["event"] == "server.started"]
        assert started["public"] == server.urls["public"]
        assert started["version"]
        assert server.stop() == 0
    assert lines(server)[-1]["event"] == "server.stopped"
