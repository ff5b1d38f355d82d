"""Who calls the Director: API keys, tenants, holders of certificates; and no secret where it could be read."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as driver
import pytest
from tests.support.director import REQUEST, Director, director
from tests.support.server import Server

from connector.client import Refused

MAKE = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret apiKey { %s } } }"
FIELDS = "id name role tenant createdBy createdAt expiresAt revokedAt"
KEYS = f"query ($first: Int) {{ result: apiKeys(first: $first) {{ data {{ {FIELDS} }} totalCount }} }}"
REVOKE = f"mutation ($id: ID!) {{ result: revokeAPIKey(id: $id) {{ {FIELDS} }} }}"
VIEWER = "{ result: viewer { id type } }"
APPLICATIONS = "{ result: applications { totalCount } }"
TENANTS = "{ result: tenants { data { id internalID name createdAt } totalCount } }"
CREATE = "mutation ($in: TenantInput!) { result: createTenant(in: $in) { id internalID name createdAt } }"


@pytest.fixture(scope="module")
def admin(server: Server) -> Iterator[Director]:
    with director(server, "keys") as caller:
        caller.enter("keys-other")
        yield caller


def make(admin: Director, name: str, role: str = "viewer", **given: Any) -> tuple[Director, dict[str, Any]]:
    """The bearer of a new key, in the same tenant, and the key's record."""
    made = admin.ask(MAKE % FIELDS, {"in": {"name": name, "role": role, **given}})
    return admin.at(admin.tenant, key=made["secret"]), made["apiKey"]


def test_a_key_is_made_listed_and_revoked(admin: Director) -> None:
    """A key calls at once, goes by its name, is listed without its text, and is refused from its revocation on."""
    bearer, key = make(admin, "made", "operator")
    assert (key["createdBy"], key["tenant"], key["expiresAt"], key["revokedAt"]) == ("admin:first", None, None, None)
    assert bearer.ask(VIEWER) == {"id": "made", "type": "USER"}
    assert bearer.at().ask(VIEWER) == {"id": "made", "type": "USER"}
    application = bearer.register("by-key")
    assert admin.events(owner_id=application, actor="admin:made") == [("entity.registered", "by-key")]
    listed = admin.post(KEYS)
    assert key in listed.json()["data"]["result"]["data"]
    assert bearer.key not in listed.text

    revoked = admin.ask(REVOKE, {"id": key["id"]})
    assert revoked == {**key, "revokedAt": revoked["revokedAt"]}
    assert admin.ask(REVOKE, {"id": key["id"]}) == revoked
    assert bearer.refused(VIEWER)[:2] == (26, "key_revoked")
    assert admin.events(reason="made") == [("key.created", "made"), ("key.revoked", "made")]
    assert admin.refused(REVOKE, {"id": "nobody"}).error_code == 20


def test_a_key_expires(admin: Director) -> None:
    """A key with a lifetime is good for that long; a lifetime of nothing, or of more than ten years, is none."""
    bearer, key = make(admin, "brief", lifetimeSeconds=1)
    assert bearer.ask(APPLICATIONS)["totalCount"] >= 0
    for seconds in (0, -1, 2**31 - 1):
        refused = admin.refused(MAKE % "id", {"in": {"name": "no", "role": "viewer", "lifetimeSeconds": seconds}})
        assert (refused.error_code, "lifetimeSeconds" in refused.message) == (22, True)

    time.sleep(1.05)
    assert key["expiresAt"] is not None
    assert bearer.refused(VIEWER)[:2] == (26, "key_expired")


def test_keys_have_names(admin: Director) -> None:
    """Of one name there is one key for each tenant and one for all; roles are the three that there are."""
    make(admin, "twice")
    make(admin, "twice", tenant="keys")
    make(admin, "twice", tenant="keys-other")
    for tenant in (None, "keys"):
        wrong = {"name": "twice", "role": "viewer", "tenant": tenant}
        assert admin.refused(MAKE % "id", {"in": wrong})[:2] == (31, "not_unique_name")
    for name in ("", "a/b", "a\n", "a" * 101):
        assert "data name:" in admin.refused(MAKE % "id", {"in": {"name": name, "role": "viewer"}}).message
    assert admin.refused(MAKE % "id", {"in": {"name": "king", "role": "king"}}).error_code == 22
    wrong = {"name": "nowhere", "role": "viewer", "tenant": "nowhere"}
    assert admin.refused(MAKE % "id", {"in": wrong})[:2] == (25, "tenant_not_found")


def test_roles(admin: Director) -> None:
    """What a role does not hold is refused with 23 and the scope's name, and nothing is changed."""
    viewer, _ = make(admin, "reads")
    operator, key = make(admin, "registers", "operator")
    application = operator.register("role")
    tries = [
        (viewer, REQUEST.format(kind="Application", fields="token"), {"id": application}, "application:write"),
        (viewer, KEYS, {}, "api_key:read"),
        (operator, KEYS, {}, "api_key:read"),
        (operator, REVOKE, {"id": key["id"]}, "api_key:write"),
        (operator, CREATE, {"in": {"externalID": "no"}}, "tenant:write"),
    ]
    for bearer, document, variables, scope in tries:
        refused = bearer.refused(document, variables)
        assert refused[:2] == (23, "insufficient_scopes")
        assert f": {scope} is required" in refused.message
    assert viewer.ask("query ($id: ID!) { result: application(id: $id) { auths { id } } }", {"id": application}) == {
        "auths": []
    }
    assert operator.ask(VIEWER)["id"] == "registers"


def test_a_key_of_one_tenant(admin: Director) -> None:
    """An administrator of one tenant makes and sees keys of that one, and is not told which tenants there are."""
    bearer, own = make(admin, "limited", "administrator", tenant="keys")
    _, foreign = make(admin, "foreign", tenant="keys-other")
    _, general = make(admin, "general")
    for tenant in (None, "keys-other", "nowhere"):
        refused = bearer.refused(MAKE % "id", {"in": {"name": "more", "role": "viewer", "tenant": tenant}})
        assert refused[:2] == (26, "tenant_forbidden")
    assert bearer.at("keys-other").refused(APPLICATIONS) == bearer.at("nowhere").refused(APPLICATIONS)
    assert bearer.at("nowhere").refused(APPLICATIONS)[:2] == (26, "tenant_forbidden")
    assert bearer.refused(CREATE, {"in": {"externalID": "more"}})[:2] == (26, "tenant_forbidden")

    _, more = make(bearer, "more", tenant="keys")
    assert more["createdBy"] == "admin:keys/limited"
    seen = bearer.ask(KEYS)
    assert {each["tenant"] for each in seen["data"]} == {"keys"}
    assert seen["totalCount"] == len(seen["data"])
    for wrong in (foreign["id"], general["id"]):
        assert bearer.refused(REVOKE, {"id": wrong}) == bearer.refused(REVOKE, {"id": "nobody"})
    assert bearer.ask(REVOKE, {"id": own["id"]})["revokedAt"] is not None
    assert bearer.refused(APPLICATIONS).error == "key_revoked"


def test_tenants(admin: Director) -> None:
    """A tenant is created once, is found by both of its ids, and is listed for those who may enter it."""
    made = admin.ask(CREATE, {"in": {"externalID": "keys-new", "name": "A new one"}})
    assert (made["id"], made["name"]) == ("keys-new", "A new one")
    read = "query ($id: ID!) {{ result: tenantBy{}ID(id: $id) {{ id internalID name createdAt }} }}"
    pairs = [("External", made["id"]), ("Internal", made["internalID"])]
    assert [admin.ask(read.format(kind), {"id": each}) for kind, each in pairs] == [made, made]
    assert made in admin.ask(TENANTS)["data"]
    assert admin.refused(CREATE, {"in": {"externalID": "keys-new"}})[:2] == (31, "not_unique_name")
    for wrong in ("", "a b", "-a", "a/b", "\u00e4", "a" * 129, "a\n"):
        assert "data externalID:" in admin.refused(CREATE, {"in": {"externalID": wrong}}).message

    bearer, _ = make(admin, "of-one", tenant="keys")
    assert [bearer.ask(read.format(kind), {"id": each}) for kind, each in pairs] == [None, None]
    assert [tenant["id"] for tenant in bearer.ask(TENANTS)["data"]] == ["keys"]


def test_the_tenant_header(admin: Director) -> None:
    """No tenant is 24, an unknown one 25 for who may enter all; the header twice is no tenant at all."""
    assert admin.at().refused(APPLICATIONS)[:2] == (24, "tenant_required")
    assert admin.at("").refused(APPLICATIONS)[:2] == (24, "tenant_required")
    for wrong in ("nowhere", "KEYS", "keys,keys-other", "*", "%", "x" * 1000):
        assert admin.at(wrong).refused(APPLICATIONS)[:2] == (25, "tenant_not_found")
    twice = [("Authorization", f"Bearer {admin.key}"), ("Tenant", "keys"), ("Tenant", "keys-other")]
    answer = admin.http.post(admin.server.public_director, json={"query": APPLICATIONS}, headers=twice)
    assert (answer.status_code, answer.json()["data"]) == (400, None)


def test_a_holder_asks_about_itself(admin: Director, tmp_path: Path) -> None:
    """The holder of a certificate reads its own entry, and nobody else's; to write is not for it."""
    owner, other = admin.register("holder"), admin.register("not the holder")
    identity = admin.enroll(owner, tmp_path)
    url = admin.server.mtls_director
    read = "query ($id: ID!) { result: application(id: $id) { id name auths { id auth { certCommonName } } } }"
    with admin.server.holder(identity) as client:
        assert client.query(url, VIEWER) == {"id": owner, "type": "APPLICATION"}
        own = client.query(url, read, {"id": owner}, {"Tenant": "keys"})
        assert (own["name"], own["auths"][0]["auth"]["certCommonName"]) == ("holder", own["auths"][0]["id"])
        assert client.query(url, read, {"id": other}) is None
        assert client.query(url, "query ($id: ID!) { result: runtime(id: $id) { id } }", {"id": owner}) is None
        for document, headers, code in [
            (APPLICATIONS, {}, "insufficient_scopes"),
            ('mutation { result: createTenant(in: {externalID: "no"}) { id } }', {}, "insufficient_scopes"),
            (VIEWER, {"Tenant": "keys-other"}, "tenant_forbidden"),
            (VIEWER, {"Tenant": "nowhere"}, "tenant_forbidden"),
        ]:
            with pytest.raises(Refused) as refused:
                client.query(url, document, None, headers)
            assert refused.value.code == code


def every_cell(database: Path) -> set[str]:
    """What stands in any column of any table, as text."""
    with driver.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"')]  # noqa: S608 - a name
    connection.close()
    return {cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for row in rows for cell in row}


def test_no_secret_is_kept(fresh_server: Server, tmp_path: Path) -> None:
    """Neither the database, in any column, nor the log holds a secret that was handed over or presented."""
    with fresh_server as running, director(running, "secrets") as admin:
        application, runtime = admin.register("secret"), admin.register("secret", "Runtime")
        bearer, key = make(admin, "secret", lifetimeSeconds=60)
        waiting, spent = admin.token(application), admin.token(runtime, "Runtime")
        shown = admin.ask(REQUEST.format(kind="Application", fields="token rawEncoded"), {"id": application})
        with running.bearer(spent) as client:
            told = client.configuration(running.public_connector)
            with pytest.raises(Refused):
                client.configuration(running.public_connector)
        with running.bearer(told.token) as client, pytest.raises(Refused):
            client.sign(running.public_connector, b"no CSR")
        bearer.refused(CREATE, {"in": {"externalID": "no"}})
        admin.ask(REVOKE, {"id": key["id"]})
        bearer.refused(VIEWER)
        wrong = admin.at("secrets", key=f"{bearer.key}x")
        assert wrong.refused(VIEWER).error == "key_unknown"
        identity = admin.enroll(application, tmp_path / "identity")
        with running.holder(identity) as client:
            beside = client.configuration(running.mtls_connector).token
        secrets = [admin.key, bearer.key, waiting, spent, shown["token"], shown["rawEncoded"], told.token, beside]
        cells = every_cell(running.data / "connector.db")
        running.stop()
    kept = {path: path.read_bytes() for path in [*running.data.glob("connector.db*"), running.log]}

    assert sha256(waiting.encode()).digest().decode("latin-1") in cells  # so that a secret would be seen there
    assert key["id"] in cells
    assert b"request.refused" in kept[running.log]
    for secret in secrets:
        for form in (secret, secret.rstrip("="), secret[:40]):
            assert [cell for cell in cells if form in cell] == []
            assert [path for path, content in kept.items() if form.encode() in content] == []
