"""The whole way: a real provider, a real server, the Director API."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from tests.integration.oidc.test_provider import Provider
from tests.support.schemas import connected
from tests.support.server import Server

WAIT_SECONDS = 10.0
ROLES = "CONNECTOR_OIDC__ROLES_CLAIM"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def trusting(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts the provider."""
    settings = {
        "CONNECTOR_OIDC__ISSUER": provider.url,
        "CONNECTOR_OIDC__AUDIENCE": "connector",
        ROLES: "realm_access.roles",
    }
    with Server(tmp_path_factory.mktemp("oidc") / "data", settings=settings) as server:
        yield server


def ask(server: Server, token: str, query: str, tenant: str = "default") -> dict[str, Any]:
    """The answer to a query with a JWT."""
    with connected(server) as client:
        answer = client.post(
            server.public_director,
            json={"query": query},
            headers={"Authorization": f"Bearer {token}", "Tenant": tenant},
        )
        return dict(answer.json())


def test_a_providers_token_opens_the_director(provider: Provider, trusting: Server) -> None:
    """A signed-in administrator registers an application, and the audit-facing fields name them; so after a new key."""
    provider.rotate("RS256")
    told = ask(trusting, provider.token("ann"), "{ viewer { id type } }")
    assert told["data"]["viewer"]["type"] == "USER"

    provider.rotate("ES256")
    deadline = time.monotonic() + WAIT_SECONDS + 5
    while time.monotonic() < deadline:  # an unknown key is asked for at most every ten seconds
        told = ask(trusting, provider.token("ann"), "{ viewer { id type } }")
        if told["data"] is not None:
            break
        time.sleep(0.5)
    assert told["data"]["viewer"]["id"]


def test_its_claims_are_the_callers_rights(provider: Provider, trusting: Server) -> None:
    """The roles and tenants of the token are all that its bearer has: an operator of acme is that, and there alone."""
    trusting.administer('mutation { result: createTenant(in: {externalID: "acme"}) { id } }')
    token = provider.token("ann")
    register = 'mutation { registerApplication(in: {name: "by-ann"}) { id } }'

    assert ask(trusting, token, register, "acme")["data"]["registerApplication"]["id"]
    for query, tenant, code in (
        (register, "default", 26),
        (register, "nobody", 26),
        ('mutation { createAPIKey(in: {name: "k", role: viewer, tenant: "acme"}) { secret } }', "acme", 23),
    ):
        assert ask(trusting, token, query, tenant)["errors"][0]["extensions"]["error_code"] == code


def test_a_forged_token_does_not(trusting: Server) -> None:
    """What the provider did not sign is refused by a code of its own, and the log does not hold it."""
    forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJmb3JnZWQtdG9rZW4ifQ.c2lnbmF0dXJl"
    told = ask(trusting, forged, "{ viewer { id } }")
    assert told["errors"][0]["extensions"]["error"] == "jwt_refused"
    assert forged not in trusting.log.read_text()


def test_an_issuer_that_is_away_is_told_of(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the issuer away the server starts, serves holders of keys, is ready, and says what is the matter."""
    settings = {"CONNECTOR_OIDC__ISSUER": "http://127.0.0.1:9", "CONNECTOR_OIDC__AUDIENCE": "connector"}
    with Server(tmp_path_factory.mktemp("away") / "data", settings=settings) as server, connected(server) as client:
        assert server.administer("{ result: viewer { id } }") == {"id": "first"}
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            ready = client.get(f"{server.urls['public']}/readyz")
            if "warnings" in ready.json():
                break
            time.sleep(0.1)
        assert ready.status_code == 200
        assert "cannot be reached" in json.dumps(ready.json()["warnings"])


def test_half_a_policy_does_not_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An issuer without an audience, or an HMAC among the algorithms, stops the start by name."""
    for settings, word in (
        ({"CONNECTOR_OIDC__ISSUER": "https://id.example.com"}, "oidc.audience"),
        (
            {
                "CONNECTOR_OIDC__ISSUER": "https://id.example.com",
                "CONNECTOR_OIDC__AUDIENCE": "c",
                "CONNECTOR_OIDC__ALGORITHMS": "RS256,HS256",
            },
            "oidc",
        ),
    ):
        server = Server(tmp_path_factory.mktemp("half") / "data", settings=settings)
        told = server.command("serve", check=False)
        assert told.returncode == 2
        assert word in told.stderr
        assert not server.data.exists()


def test_a_token_of_a_megabyte_never_gets_in(trusting: Server) -> None:
    """A JWT of 1 MiB is cut off with the headers, by the server, and nothing is the matter with the next request."""
    with connected(trusting) as client:
        huge = "a" * 500_000 + "." + "b" * 500_000 + ".c"
        with suppress(httpx2.TransportError):  # closed before all was sent
            answer = client.post(
                trusting.public_director, json={"query": "{viewer{id}}"}, headers={"Authorization": f"Bearer {huge}"}
            )
            assert 400 <= answer.status_code < 500
    assert trusting.administer("{ result: viewer { id } }") == {"id": "first"}
