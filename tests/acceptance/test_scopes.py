"""Who may do what: every operation of both APIs by everybody, against a table written by hand (check S4)."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from tests.acceptance.test_tenants import connected
from tests.support.schemas import Operation, operations
from tests.support.server import Server

VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"
ROLES = (VIEWER, OPERATOR, ADMINISTRATOR)

# The least role for each operation of the Director API. One that is new fails until it stands here.
LEAST_ROLE = {
    **dict.fromkeys(
        [
            "viewer",
            "application",
            "applications",
            "runtime",
            "runtimes",
            "integrationSystem",
            "integrationSystems",
            "oneTimeToken",
            "oneTimeTokens",
            "certificate",
            "certificates",
            "tenants",
            "tenantByExternalID",
            "tenantByInternalID",
        ],
        VIEWER,
    ),
    **dict.fromkeys(
        [
            "registerApplication",
            "updateApplication",
            "unregisterApplication",
            "unpairApplication",
            "setApplicationLabel",
            "deleteApplicationLabel",
            "setDefaultEventingForApplication",
            "deleteDefaultEventingForApplication",
            "registerRuntime",
            "updateRuntime",
            "unregisterRuntime",
            "setRuntimeLabel",
            "deleteRuntimeLabel",
            "registerIntegrationSystem",
            "updateIntegrationSystem",
            "unregisterIntegrationSystem",
            "setIntegrationSystemLabel",
            "deleteIntegrationSystemLabel",
            "requestOneTimeTokenForApplication",
            "requestOneTimeTokenForRuntime",
            "withdrawOneTimeToken",
            "deleteSystemAuthForApplication",
            "deleteSystemAuthForRuntime",
            "deleteSystemAuthForIntegrationSystem",
            "revokeCertificate",
            "revokeCertificatesOfSystemAuth",
            "revokeCertificatesOfApplication",
            "revokeCertificatesOfRuntime",
        ],
        OPERATOR,
    ),
    **dict.fromkeys(
        ["apiKeys", "createTenant", "createAPIKey", "revokeAPIKey", "revokeCertificatesOfTenant"], ADMINISTRATOR
    ),
}
# What the holder of a certificate may ask the Director.
HOLDERS = {"viewer", "application", "runtime"}
# Whether a bearer of a one-time token and a holder of a certificate may call an operation of the Connector API.
CONNECTOR = {
    "configuration": (True, True),
    "signCertificateSigningRequest": (True, True),
    "revokeCertificate": (False, True),
}

ALLOWED, FORBIDDEN, UNKNOWN = "allowed", "forbidden", "unknown"


@dataclass(frozen=True, slots=True)
class Somebody:
    """Somebody who calls: how, and what they are."""

    name: str
    client: httpx2.Client
    headers: Mapping[str, str]
    at_mtls: bool = False


def outcome(somebody: Somebody, server: Server, api: str, operation: Operation) -> tuple[str, str]:
    """What becomes of the call: allowed, forbidden or unknown, and the answer."""
    url = f"{server.urls['mtls' if somebody.at_mtls else 'public']}/{api}/graphql"
    others = {"name": f"n{uuid4().hex[:20]}", "externalID": str(uuid4())}
    variables = operation.variables({}, others)
    told = somebody.client.post(
        url, json={"query": operation.document, "variables": variables}, headers=dict(somebody.headers)
    ).json()
    for error in told.get("errors", ()):
        if error["extensions"]["code"] == "UNAUTHENTICATED":
            return UNKNOWN, json.dumps(told)
        if error["extensions"]["code"] == "FORBIDDEN":
            return FORBIDDEN, json.dumps(told)
    return ALLOWED, json.dumps(told)


def make_key(server: Server, role: str, **more: Any) -> str:
    """An API key for every tenant."""
    form = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret apiKey { id } } }"
    made = server.administer(form, {"in": {"name": f"k{uuid4().hex[:20]}", "role": role, **more}})
    if more.get("lifetimeSeconds"):
        time.sleep(more["lifetimeSeconds"] + 0.1)
    return str(made["secret"])


def revoked_key(server: Server) -> str:
    text = make_key(server, ADMINISTRATOR)
    newest = server.administer("{ result: apiKeys(first: 1) { data { id } } }")["data"][0]["id"]
    server.administer("mutation ($id: ID!) { result: revokeAPIKey(id: $id) { id } }", {"id": newest})
    return text


@pytest.fixture(scope="module")
def plain(server: Server) -> Iterator[httpx2.Client]:
    """A client without a certificate."""
    with connected(server) as client:
        yield client


def test_every_operation_is_listed() -> None:
    """The tables name the operations of both schemas, each once, and no others."""
    assert set(LEAST_ROLE) == {each.name for each in operations("director")}
    assert set(CONNECTOR) == {each.name for each in operations("connector")}


@pytest.mark.parametrize("role", ROLES)
def test_roles(server: Server, plain: httpx2.Client, role: str) -> None:
    """Each role may do what it is listed for, and is told by the name of a scope what it may not."""
    headers = {"Authorization": f"Bearer {make_key(server, role)}", "Tenant": "default"}
    somebody = Somebody(role, plain, headers)
    for operation in operations("director"):
        found, told = outcome(somebody, server, "director", operation)
        may = ROLES.index(role) >= ROLES.index(LEAST_ROLE[operation.name])
        assert found == (ALLOWED if may else FORBIDDEN), (operation.name, told)
        if not may:
            error = json.loads(told)["errors"][0]
            assert error["extensions"]["error_code"] == 23
            assert f"{operation.field.ast_node.directives[0].arguments[0].value.value} is required" in error["message"]


def test_who_is_not_known_may_do_nothing(server: Server, plain: httpx2.Client) -> None:
    """Nobody, wrong, expired and revoked keys, one-time tokens and JWTs without an issuer get nowhere."""
    token = server.token(server.application(f"a{uuid4().hex[:20]}"))
    texts = {
        "wrong key": f"connector-key-{token_urlsafe(32)}",
        "expired key": make_key(server, ADMINISTRATOR, lifetimeSeconds=1),
        "revoked key": revoked_key(server),
        "one-time token": token,
        "JWT": ".".join(b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', b'{"sub":"a"}', b"")),
    }
    everybody = [Somebody(name, plain, {"Authorization": f"Bearer {text}"}) for name, text in texts.items()]
    everybody += [
        Somebody("nobody", plain, {}),
        Somebody("token's header", plain, {"Connector-Token": token}),
        Somebody("basic", plain, {"Authorization": "Basic YTpi"}),
    ]
    for somebody in everybody:
        for operation in operations("director"):
            assert outcome(somebody, server, "director", operation)[0] == UNKNOWN, (somebody.name, operation.name)


def test_holders(server: Server, tmp_path: Path) -> None:
    """The holder of a certificate may ask the Director for itself, and nothing else; once revoked, not even that."""
    with connected(server, server.enroll(server.token(server.application(f"a{uuid4().hex[:20]}")), tmp_path)) as client:
        somebody = Somebody("holder", client, {}, at_mtls=True)
        for operation in operations("director"):
            expected = ALLOWED if operation.name in HOLDERS else FORBIDDEN
            assert outcome(somebody, server, "director", operation)[0] == expected, operation.name
        for operation in operations("connector"):  # the last revokes the certificate
            expected = ALLOWED if CONNECTOR[operation.name][1] else UNKNOWN
            assert outcome(somebody, server, "connector", operation)[0] == expected, operation.name
        for api in ("director", "connector"):
            for operation in operations(api):
                assert outcome(somebody, server, api, operation)[0] == UNKNOWN, operation.name


def test_bearers_of_tokens(server: Server, plain: httpx2.Client) -> None:
    """A minted token opens two operations; an unknown, spent, expired or withdrawn one opens none, nor does a key."""
    application = server.application(f"a{uuid4().hex[:20]}")

    def mint(terms: str = "") -> str:
        form = "mutation ($id: ID!) { result: requestOneTimeTokenForApplication(id: $id%s) { token } }"
        return str(server.administer(form % terms, {"id": application})["token"])

    spent, withdrawn, expired = mint(), mint(), mint(", terms: {lifetimeSeconds: 1}")
    with server.bearer(spent) as client:
        client.configuration(server.public_connector)
    listed = server.administer("{ result: oneTimeTokens(filter: {state: minted}) { data { id createdAt } } }")["data"]
    for each in listed:
        server.administer("mutation ($id: ID!) { result: withdrawOneTimeToken(id: $id) { id } }", {"id": each["id"]})
    time.sleep(1.1)
    key = (server.data / "admin.key").read_text().strip()
    for name, headers in (
        ("nobody", {}),
        ("unknown", {"Connector-Token": f"{token_urlsafe(64)}=="}),
        ("spent", {"Connector-Token": spent}),
        ("expired", {"Connector-Token": expired}),
        ("withdrawn", {"Connector-Token": withdrawn}),
        ("key", {"Authorization": f"Bearer {key}"}),
    ):
        for operation in operations("connector"):
            assert outcome(Somebody(name, plain, headers), server, "connector", operation)[0] == UNKNOWN, name
    for operation in operations("connector"):
        bearer = Somebody("minted", plain, {"Connector-Token": mint()})
        expected = ALLOWED if CONNECTOR[operation.name][0] else UNKNOWN
        assert outcome(bearer, server, "connector", operation)[0] == expected, operation.name
