"""A console with an administrator of each role, and with something to see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests.support.console import administrator, chromium
from tests.support.schemas import connected
from tests.support.server import Identity, Server

TWO_PROFILES = {"CONNECTOR_CERTIFICATES__SPIFFE_TRUST_DOMAIN": "example.org"}
SERVICE = {
    "provider": "Vendor",
    "name": "Orders",
    "description": "Orders of the shop",
    "identifier": "orders-1",
    "api": {
        "targetUrl": "https://shop.example/orders",
        "credentials": {"basic": {"username": "a-caller", "password": "a-secret-of-the-shop"}},
        "spec": {"openapi": "3.1.0"},
    },
    "events": {"spec": {"asyncapi": "2.0.0"}},
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The server, and what is in it. Each role has an administrator of its own name."""

    server: Server
    application: str
    runtime: str
    token: str
    identity: Identity
    fingerprint: str
    formation: str

    def path(self, template: str) -> str:
        """A page's path with what there is."""
        values = {
            "tenant": "default",
            "id": self._id(template),
            "token": self.token,
            "certificate": self.fingerprint,
            "name": "root",
        }
        for name, value in values.items():
            template = template.replace(f"{{{name}}}", value)
        return template

    def _id(self, template: str) -> str:
        found = {"/runtimes/": self.runtime, "/formations/": self.formation}
        return next((id_ for part, id_ in found.items() if part in template), self.application)


# Of a module: while it is open it has an event loop of its own running, and no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One server for all tests that neither stop it nor count what is in it."""
    with Server(tmp_path_factory.mktemp("console") / "data", TWO_PROFILES) as server:
        yield furnished(server)


def publish(server: Server, identity: Identity, name: str, service: Any) -> str:
    """Publish a service as the application of that name, by which its clients know it with a prefix: its id."""
    with connected(server, identity) as http:
        answer = http.post(f"{server.urls['mtls']}/mp-{name}/v1/metadata/services", json=service)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


def furnished(server: Server) -> Stage:
    """With an application that is connected and publishes a service, a runtime, and a token that waits."""
    for role in ("viewer", "operator", "administrator"):
        administrator(server, role, role)
    application = server.application("shop")
    identity = server.enroll(server.token(application), server.data.parent / "shop")
    publish(server, identity, "shop", SERVICE)
    server.token(application)
    told = server.administer("{ result: oneTimeTokens { data { id state } } }")["data"]
    runtime = server.administer('mutation { result: registerRuntime(in: {name: "kyma"}) { id } }')["id"]
    created = server.administer('mutation { result: createFormation(formation: {name: "together"}) { id } }')
    server.administer(
        "mutation ($id: ID!) { result: assignFormation(objectID: $id, objectType: RUNTIME, "
        'formation: {name: "together"}) { id } }',
        {"id": runtime},
    )
    listed = server.administer("{ result: certificates { data { fingerprint } } }")["data"]
    return Stage(server, application, runtime, told[0]["id"], identity, listed[0]["fingerprint"], created["id"])
