"""OAuth 2.0 clients over real HTTP: how they get in, what they may do, and how they are cut off."""

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pysqlite3.dbapi2 as driver
import pytest
from oauthlib.oauth2 import BackendApplicationClient
from tests.support.clients import access_token, credentials, grant
from tests.support.director import Director, director
from tests.support.postgres import Postgres
from tests.support.server import Server

VIEWER = "{ result: viewer { id type } }"
CREDENTIALS = """query ($id: ID!) { result: integrationSystem(id: $id) { auths { id auth { credential {
    ... on OAuthCredentialData { clientId clientSecret url } } } } } }"""
DELETE = "mutation ($id: ID!) { result: deleteSystemAuthFor%s(authID: $id) { id } }"
UNREGISTER = "mutation ($id: ID!) { result: unregister%s(id: $id) { id } }"
KINDS = ("Application", "Runtime", "IntegrationSystem")
GRANT = "grant_type=client_credentials"
PERMIT = "mutation ($id: ID!, $tenant: ID) { result: permitIntegrationSystem(id: $id, tenant: $tenant) { id } }"
WITHDRAW = "mutation ($id: ID!) { result: withdrawTenantPermission(id: $id) { id } }"
UNKNOWN = "connector-access-" + "x" * 43


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "oauth") as caller:
        yield caller


@pytest.fixture
def system(admin: Director, request: pytest.FixtureRequest) -> str:
    """A new integration system."""
    return admin.register(f"system {abs(hash(request.node.nodeid))}", "IntegrationSystem")


def bearer(admin: Director, credential: Mapping[str, str], tenant: str | None = None, **parameters: str) -> Director:
    """Whoever calls the Director with a new access token of this client."""
    return admin.at(tenant, key=access_token(admin.http, dict(credential), **parameters))


def basic(credential: Mapping[str, str]) -> dict[str, str]:
    pair = f"{credential['clientId']}:{credential['clientSecret']}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}


def post(admin: Director, credential: Mapping[str, str], body: str, **headers: str) -> httpx2.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return admin.http.post(credential["url"], content=body, headers={**form, **headers})


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the error, from an answer that nobody may keep."""
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description"}
    return answer.status_code, answer.json()["error"]


def test_curl_goes_from_credentials_to_a_registered_application(admin: Director, system: str) -> None:
    """With HTTP Basic or with body parameters, curl gets an access token and registers an application by it."""
    credential = credentials(admin, system)
    curl = ["curl", "--silent", "--show-error", "--cacert", str(admin.server.data / "ca" / "root.pem")]
    by_basic = ["--user", f"{credential['clientId']}:{credential['clientSecret']}"]
    by_body = ["-d", f"client_id={credential['clientId']}", "-d", f"client_secret={credential['clientSecret']}"]
    for number, way in enumerate((by_basic, by_body)):
        told = json.loads(subprocess.check_output([*curl, *way, "-d", GRANT, credential["url"]]))
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 3600)
        document = f'mutation {{ registerApplication(in: {{name: "by curl {number}"}}) {{ name }} }}'
        answer = subprocess.check_output(
            [
                *curl,
                *("-H", f"Authorization: Bearer {told['access_token']}", "-H", "Content-Type: application/json"),
                *("-d", json.dumps({"query": document}), admin.server.public_director),
            ]
        )
        assert json.loads(answer) == {"data": {"registerApplication": {"name": f"by curl {number}"}}}


def test_a_standard_client_finds_its_way_by_the_metadata(admin: Director, system: str) -> None:
    """OAuthlib's client, told nothing but the issuer, gets a token, calls with it, revokes it, and is refused."""
    credential = credentials(admin, system)
    issuer = admin.server.urls["public"]
    metadata = admin.http.get(f"{issuer}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == issuer
    assert metadata["token_endpoint"] == credential["url"]
    client = BackendApplicationClient(credential["clientId"])
    body = client.prepare_request_body(client_secret=credential["clientSecret"], include_client_id=True)
    client.parse_request_body_response(post(admin, {"url": metadata["token_endpoint"]}, body).text)
    url, headers, _ = client.add_token(admin.server.public_director)

    def viewer() -> Any:
        return admin.http.post(url, json={"query": VIEWER}, headers=headers).json()

    assert viewer()["data"]["result"] == {"id": system, "type": "INTEGRATION_SYSTEM"}
    url, sent, body = client.prepare_token_revocation_request(metadata["revocation_endpoint"], client.access_token)
    answer = admin.http.post(url, content=body, headers={**sent, **basic(credential)})
    assert answer.status_code == 200
    url = admin.server.public_director
    assert viewer()["errors"][0]["extensions"]["error"] == "access_token_unknown"


def test_the_secret_is_shown_once_and_kept_as_a_digest(admin: Director, system: str) -> None:
    """Later reads answer the client id and the URL with an empty secret; the database holds no secret."""
    credential = credentials(admin, system)
    token = access_token(admin.http, credential)

    (auth,) = admin.ask(CREDENTIALS, {"id": system})["auths"]

    assert auth["auth"]["credential"] == {**credential, "clientSecret": ""}
    kept = b"".join(path.read_bytes() for path in admin.server.data.glob("connector.db*"))
    assert credential["clientId"].encode() in kept
    assert credential["clientSecret"].encode() not in kept
    assert token.encode() not in kept
    log = admin.server.log.read_text()
    assert credential["clientSecret"] not in log
    assert token not in log


def test_without_a_permission_an_integration_system_acts_in_its_own_tenant(admin: Director, system: str) -> None:
    """The Tenant header may be empty, left out, or name its own tenant; another's, or one that there is not, is refused
    alike. The audit names the integration system and the client.
    """
    credential = credentials(admin, system)
    for number, tenant in enumerate((None, "", "oauth")):
        caller = bearer(admin, credential, tenant)
        assert caller.ask(VIEWER) == {"id": system, "type": "INTEGRATION_SYSTEM"}
        application = caller.register(f"of {system[-12:]} {number}")
        assert admin.ask("query ($id: ID!) { result: application(id: $id) { id } }", {"id": application})
        assert caller.token(application)
    document = "mutation { result: createTenant(in: {externalID: %s}) { id } }"
    admin.ask(document % f'"beside-{system}"')
    for tenant in (f"beside-{system}", "none", "default"):
        stranger = bearer(admin, credential, tenant)
        for text in (
            VIEWER,
            "{ result: applications { totalCount } }",
            'query { result: application(id: "1") { id } }',
        ):
            assert stranger.refused(text).error == "tenant_forbidden"
    actors = f"SELECT DISTINCT actor FROM audit_events WHERE owner_id = '{application}'"  # noqa: S608 - an id of ours
    with driver.connect(f"file:{admin.server.data / 'connector.db'}?mode=ro", uri=True) as connection:
        assert connection.execute(actors).fetchall() == [(f"integration_system:{system}/{credential['clientId']}",)]
    connection.close()


@pytest.mark.parametrize("kind", ["Application", "Runtime"])
def test_applications_and_runtimes_read_themselves_alone(admin: Director, kind: str) -> None:
    """With an access token, an application or runtime is the viewer and reads itself; another of its kind is null, and
    another tenant's header is refused.
    """
    word = kind.lower()
    own, other = (admin.register(f"{word}-{name}-reads", kind) for name in ("own", "other"))
    caller = bearer(admin, credentials(admin, own, kind))
    document = f"query ($id: ID!) {{ result: {word}(id: $id) {{ id auths {{ id auth {{ certCommonName }} }} }} }}"

    assert caller.ask(VIEWER) == {"id": own, "type": kind.upper()}
    assert caller.ask(document, {"id": own})["auths"][0]["auth"] is not None
    assert caller.ask(document, {"id": other}) is None
    assert caller.at("default").refused(document, {"id": own}).error == "tenant_forbidden"
    assert caller.refused("{ result: applications { totalCount } }").error == "insufficient_scopes"
    assert caller.refused("{ result: formations { totalCount } }").error == "insufficient_scopes"


def test_a_runtime_labels_itself_and_sees_its_applications(admin: Director) -> None:
    """A runtime's client sets its own labels and reads its applications; for another runtime it is not found."""
    own, other = (admin.register(f"runtime-{name}", "Runtime") for name in ("labels", "is-labelled"))
    caller = bearer(admin, credentials(admin, own, "Runtime"))
    label = (
        'mutation ($id: ID!) { result: setRuntimeLabel(runtimeID: $id, key: "isNormalized", value: "true") { key } }'
    )
    applications = "query ($id: ID!) { result: applicationsForRuntime(runtimeID: $id) { totalCount } }"

    assert caller.ask(label, {"id": own}) == {"key": "isNormalized"}
    assert caller.ask(applications, {"id": own}) == {"totalCount": 0}
    assert caller.refused(label, {"id": other}).error == "not_found"
    assert caller.refused(applications, {"id": other}).error == "not_found"


def test_a_client_gets_no_more_scopes_than_it_asks_for(admin: Director, system: str) -> None:
    """Of the scopes that are asked for, a token holds those that the client may have; where none is left, there is no
    token. The narrowed token is refused everything else.
    """
    credential = credentials(admin, system)
    asked = "application:read application_template:read tenant:write"
    assert grant(admin.http, credential, scope=asked)["scope"] == "application:read"
    assert "runtime:write" in grant(admin.http, credential)["scope"].split(" ")
    caller = bearer(admin, credential, scope=asked)

    assert caller.ask("{ result: applications { totalCount } }") is not None
    refusal = caller.refused('mutation { result: registerApplication(in: {name: "more"}) { id } }')
    assert refusal.error == "insufficient_scopes"
    answer = post(admin, credential, f"{GRANT}&scope=tenant%3Awrite", **basic(credential))
    assert refused(answer) == (400, "invalid_scope")


@pytest.mark.parametrize("kind", KINDS)
def test_deletion_cuts_a_client_off(admin: Director, kind: str) -> None:
    """The next request after the system auth was deleted, or its owner unregistered, is refused: with the access token
    and at the token endpoint. To delete it as that of another kind is an error and changes nothing.
    """
    owner = admin.register(f"{kind}-cut-off", kind)
    for end in ("auth", "owner"):
        credential = credentials(admin, owner, kind)
        caller = bearer(admin, credential)
        for other in KINDS:
            if other != kind:
                assert admin.refused(DELETE % other, {"id": credential["clientId"]}).error == "not_found"
        assert caller.ask(VIEWER)["id"] == owner

        if end == "auth":
            admin.ask(DELETE % kind, {"id": credential["clientId"]})
        else:
            admin.ask(UNREGISTER % kind, {"id": owner})

        assert caller.refused(VIEWER).error == "access_token_unknown"
        assert refused(post(admin, credential, GRANT, **basic(credential))) == (401, "invalid_client")


def test_a_client_is_cut_off_on_every_replica(postgresql: Postgres, tmp_path: Path) -> None:
    """A token of one replica is good on the other, and on neither once its system auth was deleted on one. A permission
    to act in another tenant begins and ends on both as well.
    """
    with postgresql.database() as url:
        settings = {"CONNECTOR_DATABASE__URL": url}
        with Server(tmp_path / "one" / "data", settings=settings) as one:
            other = tmp_path / "two" / "data"
            other.mkdir(mode=0o700, parents=True)
            shutil.copytree(one.data / "ca", other / "ca")
            with Server(other, settings=settings) as two, director(one, "acme") as admin:
                system, away = admin.register("system", "IntegrationSystem"), admin.enter("away")
                credential = credentials(admin, system)
                token = bearer(admin, credential).key

                def told(tenant: str) -> set[str]:
                    """What both replicas say to it in that tenant: its id, or why they refuse it."""
                    return {_viewer(admin, each, token, tenant) for each in (two, one)}

                assert told("acme") == {system}
                assert told("away") == {"tenant_forbidden"}
                given = admin.ask(PERMIT, {"id": system, "tenant": away.tenant})
                assert told("away") == {system}
                away.ask(WITHDRAW, given)
                assert told("away") == {"tenant_forbidden"}
                admin.ask(PERMIT, {"id": system, "tenant": away.tenant})
                assert told("away") == {system}
                admin.ask(DELETE % "IntegrationSystem", {"id": credential["clientId"]})
                assert told("acme") == told("away") == {"access_token_unknown"}


def _viewer(admin: Director, server: Server, token: str, tenant: str) -> str:
    headers = {"Authorization": f"Bearer {token}", "Tenant": tenant}
    answer = admin.http.post(server.public_director, json={"query": VIEWER}, headers=headers).json()
    if "errors" in answer:
        return str(answer["errors"][0]["extensions"]["error"])
    return str(answer["data"]["result"]["id"])


def test_credentials_of_an_integration_system_are_deleted_without_a_tenant(admin: Director) -> None:
    """With an empty Tenant header or none, whoever may enter its tenant deletes it; to anybody else it never was."""
    key = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret } }"
    stranger = admin.at(
        "", key=admin.ask(key, {"in": {"name": "s", "role": "administrator", "tenant": "default"}})["secret"]
    )
    system = admin.register("deleted without a tenant", "IntegrationSystem")
    document = DELETE % "IntegrationSystem"
    for tenant in (None, ""):
        client_id = credentials(admin, system)["clientId"]
        told = {
            stranger.at(each).refused(document, {"id": name}) for each in ("", None) for name in (client_id, "none")
        }
        assert {refusal.error for refusal in told} == {"not_found"}
        assert admin.at("default").refused(document, {"id": client_id}).error == "not_found"
        assert admin.at(tenant).ask(document, {"id": client_id}) == {"id": client_id}
    # What belongs to a tenant still needs one.
    application = admin.register("needs a tenant")
    client_id = credentials(admin, application, "Application")["clientId"]
    assert admin.at("").refused(document, {"id": client_id}).error == "not_found"
    assert admin.at("").refused(DELETE % "Application", {"id": client_id}).error == "tenant_required"


def test_bad_token_requests_are_refused_as_rfc_6749_says(admin: Director, system: str) -> None:
    """Each kind of bad request has its status and its error; a 401 says how to authenticate."""
    credential = credentials(admin, system)
    good, wrong = basic(credential), basic({**credential, "clientSecret": "wrong"})
    nobody = basic({**credential, "clientId": "nobody"})
    pair = f"client_id={credential['clientId']}&client_secret={credential['clientSecret']}"
    cases: list[tuple[str, dict[str, str], tuple[int, str]]] = [
        ("", good, (400, "invalid_request")),
        ("grant_type=", good, (400, "invalid_request")),
        (f"{GRANT}&{GRANT}", good, (400, "invalid_request")),
        (f"{GRANT}&{pair}", good, (400, "invalid_request")),
        (f"{GRANT}&client_id=another", good, (400, "invalid_request")),
        (f"{GRANT}&scope=%FF", good, (400, "invalid_request")),
        ("&".join(f"p{number}=1" for number in range(50)), good, (400, "invalid_request")),
        (f"{GRANT}&p={'x' * 20_000}", good, (413, "invalid_request")),
        ("grant_type=password&username=a&password=b", good, (400, "unsupported_grant_type")),
        ("grant_type=authorization_code&code=1", good, (400, "unsupported_grant_type")),
        (GRANT, {**good, "Content-Type": "application/json"}, (400, "invalid_request")),
        (GRANT, wrong, (401, "invalid_client")),
        (GRANT, nobody, (401, "invalid_client")),
        (GRANT, {}, (401, "invalid_client")),
        (f"{GRANT}&client_id={credential['clientId']}", {}, (401, "invalid_client")),
        (f"{GRANT}&client_id=%00&client_secret=a", {}, (401, "invalid_client")),
        (GRANT, {"Authorization": "Basic !"}, (401, "invalid_client")),
        (GRANT, {"Authorization": "Basic bm8gY29sb24="}, (401, "invalid_client")),
        (GRANT, {"Authorization": f"Bearer {admin.key}"}, (401, "invalid_client")),
    ]
    for body, headers, expected in cases:
        answer = post(admin, credential, body, **headers)
        assert refused(answer) == expected, (body[:80], headers)
        assert ("Basic" in answer.headers.get("www-authenticate", "")) is (expected[0] == 401)
    for method in ("GET", "PUT", "DELETE"):
        answer = admin.http.request(method, credential["url"], headers=good)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert post(admin, credential, GRANT, **good).status_code == 200


def test_a_secret_in_the_query_string_is_refused(admin: Director, system: str) -> None:
    """Parameters in the URL are refused, good credentials or not, and the secret stays out of the log."""
    credential = credentials(admin, system)
    pair = f"client_id={credential['clientId']}&client_secret={credential['clientSecret']}"
    for query, headers in ((f"{GRANT}&{pair}", {}), (pair, {}), ("a=b", basic(credential))):
        answer = post(admin, {"url": f"{credential['url']}?{query}"}, GRANT, **headers)
        assert refused(answer) == (400, "invalid_request")
    assert credential["clientSecret"] not in admin.server.log.read_text()


def test_the_revocation_endpoint_ends_own_tokens_alone(admin: Director, system: str) -> None:
    """A client revokes its own token, and one that is not known; another's is refused and lives on (RFC 7009)."""
    own, other = (credentials(admin, system) for _ in range(2))
    token, others = access_token(admin.http, own), access_token(admin.http, other)
    url = {"url": own["url"].replace("/token", "/revoke")}

    assert refused(post(admin, url, f"token={others}", **basic(own))) == (400, "invalid_grant")
    assert refused(post(admin, url, f"token={token}", **basic({**own, "clientSecret": "x"}))) == (401, "invalid_client")
    assert refused(post(admin, url, "token_type_hint=access_token", **basic(own))) == (400, "invalid_request")
    assert admin.at(None, key=token).ask(VIEWER)
    for body in (f"token={token}&token_type_hint=refresh_token", f"token={token}", f"token={UNKNOWN}"):
        assert post(admin, url, body, **basic(own)).status_code == 200
    assert admin.at(None, key=token).refused(VIEWER).error == "access_token_unknown"
    assert admin.at(None, key=others).ask(VIEWER)


def test_wrong_secrets_are_throttled(tmp_path: Path) -> None:
    """After so many wrong secrets an address waits, with the right secret as well; so it does for access tokens."""
    with (
        Server(tmp_path / "data", settings={"CONNECTOR_LIMITS__ATTEMPTS": "5"}) as server,
        director(server, "a") as admin,
    ):
        credential = credentials(admin, admin.register("system", "IntegrationSystem"))
        for _ in range(3):
            assert post(admin, credential, GRANT, **basic({**credential, "clientSecret": "x"})).status_code == 401
        for _ in range(2):
            assert admin.at(None, key=UNKNOWN).refused(VIEWER).error == "access_token_unknown"
        answer = post(admin, credential, GRANT, **basic(credential))
        assert refused(answer) == (429, "too_many_attempts")
        assert int(answer.headers["retry-after"]) >= 1


def test_an_access_token_expires(tmp_path: Path) -> None:
    """A token whose lifetime is over is refused as expired."""
    settings = {"CONNECTOR_TOKENS__ACCESS_LIFETIME": "1s"}
    with Server(tmp_path / "data", settings=settings) as server, director(server, "a") as admin:
        credential = credentials(admin, admin.register("system", "IntegrationSystem"))
        told = grant(admin.http, credential)
        assert told["expires_in"] == 1
        with driver.connect(server.data / "connector.db") as connection:
            connection.execute("UPDATE access_tokens SET expires_at = issued_at")
        connection.close()
        assert admin.at(None, key=told["access_token"]).refused(VIEWER).error == "access_token_expired"
