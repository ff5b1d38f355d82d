"""Integration systems that act in tenants besides their own, over real HTTP: only where and while they may."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pysqlite3.dbapi2 as driver
import pytest
from tests.support.clients import access_token, credentials
from tests.support.director import Director, director
from tests.support.schemas import rows
from tests.support.server import Server

VIEWER = "{ result: viewer { id type } }"
APPLICATIONS = "{ result: applications { data { id name integrationSystemID } } }"
FIELDS = "id integrationSystemID integrationSystemName tenant createdBy createdAt"
PERMIT = f"""mutation ($id: ID!, $tenant: ID, $every: Boolean) {{
    result: permitIntegrationSystem(id: $id, tenant: $tenant, everyTenant: $every) {{ {FIELDS} }}
}}"""
WITHDRAW = "mutation ($id: ID!) { result: withdrawTenantPermission(id: $id) { id tenant } }"
PERMISSIONS = f"""query ($system: ID, $tenant: ID, $first: Int, $after: PageCursor) {{
    result: tenantPermissions(integrationSystemID: $system, tenant: $tenant, first: $first, after: $after) {{
        data {{ {FIELDS} }} pageInfo {{ endCursor }} totalCount
    }}
}}"""
GIVEN = "permission.given"
KEY = "mutation ($in: APIKeyInput!) { result: createAPIKey(in: $in) { secret } }"


@dataclass(frozen=True, slots=True)
class Site:
    """An integration system with credentials in its home tenant, and two more tenants."""

    home: Director
    away: Director
    third: Director
    system: str
    credential: dict[str, str]

    def caller(self, tenant: str | None, credential: dict[str, str] | None = None) -> Director:
        """The integration system, with a new access token, in the tenant of that header."""
        return self.home.at(tenant, key=access_token(self.home.http, credential or self.credential))

    def permit(self, tenant: str | None = None, *, every: bool = False) -> dict[str, Any]:
        given: dict[str, Any] = self.home.ask(PERMIT, {"id": self.system, "tenant": tenant, "every": every})
        return given

    def key(self, tenant: Director, role: str = "administrator") -> Director:
        """A caller with a key for that tenant alone."""
        given = {"name": str(uuid4()), "role": role, "tenant": tenant.tenant}
        return tenant.at(tenant.tenant, key=self.home.ask(KEY, {"in": given})["secret"])


@pytest.fixture(scope="module")
def caller(server: Server) -> Iterator[Director]:
    with director(server, "permissions") as found:
        yield found


@pytest.fixture
def site(caller: Director) -> Site:
    """A site of its own for each test."""
    home, away, third = (caller.enter(f"{word}-{str(uuid4())[:8]}") for word in ("home", "away", "third"))
    system = home.register("registrar", "IntegrationSystem")
    return Site(home, away, third, system, credentials(home, system))


def test_it_acts_in_the_tenant_that_the_header_names(site: Site) -> None:
    """With a permission it registers, hands over tokens and reads in that tenant, and names itself there. What it does
    is in that tenant's audit under its own id. Without a header only viewer answers, and nothing is written at home. A
    tenant without a permission, and one that does not exist, are refused alike.
    """
    given = site.permit(site.away.tenant)
    assert (given["integrationSystemID"], given["integrationSystemName"]) == (site.system, "registrar")
    assert given["tenant"] == site.away.tenant
    acting = site.caller(site.away.tenant)
    assert acting.ask(VIEWER) == {"id": site.system, "type": "INTEGRATION_SYSTEM"}
    shop = acting.register("shop", integrationSystemID=site.system)
    assert acting.token(shop)
    assert site.away.ask(APPLICATIONS)["data"] == [{"id": shop, "name": "shop", "integrationSystemID": site.system}]
    assert site.home.ask(APPLICATIONS)["data"] == []
    for tenant in (None, ""):
        unnamed = site.caller(tenant)
        assert unnamed.ask(VIEWER) == {"id": site.system, "type": "INTEGRATION_SYSTEM"}
        for document in (APPLICATIONS, 'mutation { result: registerRuntime(in: {name: "r"}) { id } }'):
            assert unnamed.refused(document).error == "tenant_required"
    assert site.home.ask(APPLICATIONS)["data"] == []
    assert site.caller(site.home.tenant).ask(APPLICATIONS)["data"] == []
    refusals = {
        site.caller(tenant).refused(document)
        for tenant in (site.third.tenant, "nobody", f"{site.away.tenant}, x", "default")
        for document in (VIEWER, APPLICATIONS, 'mutation { result: registerRuntime(in: {name: "r"}) { id } }')
    }
    assert {each.error for each in refusals} == {"tenant_forbidden"}
    actor = f"integration_system:{site.system}/{site.credential['clientId']}"
    assert events(site, actor) == {(site.away.tenant, "entity.registered"), (site.away.tenant, "token.minted")}


def events(site: Site, actor: str) -> set[tuple[str, str]]:
    """The tenant and the action of all that somebody did."""
    statement = """SELECT external_id, action FROM audit_events
        JOIN tenants ON tenants.id = audit_events.tenant_id WHERE actor = ?"""
    with driver.connect(f"file:{site.home.server.data / 'connector.db'}?mode=ro", uri=True) as connection:
        found = set(connection.execute(statement, (actor,)).fetchall())
    connection.close()
    return found


def test_objects_stay_in_their_tenant(site: Site) -> None:
    """A permission lets it into a tenant, and does not mix tenants: an id of one is unknown in the other."""
    site.permit(site.away.tenant)
    here, there = site.home.register("here"), site.away.register("there")
    document = "query ($id: ID!) { result: application(id: $id) { name } }"
    update = 'mutation ($id: ID!) { result: updateApplication(id: $id, in: {description: "x"}) { id } }'
    for tenant, own, other in ((site.home.tenant, here, there), (site.away.tenant, there, here)):
        acting = site.caller(tenant)
        assert acting.ask(document, {"id": own}) is not None
        assert acting.ask(document, {"id": other}) is None
        assert acting.refused(update, {"id": other}).error == "not_found"


@pytest.mark.parametrize("way", ["withdrawal", "system auth", "integration system", "tenant"])
def test_it_is_cut_off_with_the_next_request(site: Site, way: str) -> None:
    """An access token that was good in another tenant is refused there from the next request on: when the permission is
    withdrawn, when its system auth or the integration system is deleted, and when the tenant is gone.
    """
    given = site.permit(site.away.tenant)
    acting = site.caller(site.away.tenant)
    assert acting.ask(APPLICATIONS) == {"data": []}
    expected = "access_token_unknown"
    match way:
        case "withdrawal":
            assert site.key(site.away).ask(WITHDRAW, {"id": given["id"]}) == {
                "id": given["id"],
                "tenant": site.away.tenant,
            }
            expected = "tenant_forbidden"
        case "system auth":
            document = "mutation ($id: ID!) { result: deleteSystemAuthForIntegrationSystem(authID: $id) { id } }"
            site.home.at("").ask(document, {"id": site.credential["clientId"]})
        case "integration system":
            document = "mutation ($id: ID!) { result: unregisterIntegrationSystem(id: $id) { id } }"
            site.home.ask(document, {"id": site.system})
        case _:
            remove_tenant(site)
            expected = "tenant_forbidden"
    for document in (VIEWER, APPLICATIONS):
        assert acting.refused(document).error == expected
    assert acting.refused('mutation { result: registerApplication(in: {name: "late"}) { id } }').error == expected
    left = 1 if way == "system auth" else 0
    assert site.home.ask(PERMISSIONS, {"system": site.system})["totalCount"] == left
    if expected == "tenant_forbidden":
        assert site.caller(None).ask(APPLICATIONS) == {"data": []}


def remove_tenant(site: Site) -> None:
    """No call removes a tenant; somebody at the database does."""
    with driver.connect(str(site.home.server.data / "connector.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM tenants WHERE external_id = ?", (site.away.tenant,))
    connection.close()


def test_every_tenant_is_every_tenant(site: Site) -> None:
    """With a permission for every tenant it acts in those that there are and in new ones; without it in none."""
    given = site.permit(every=True)
    assert given["tenant"] is None
    new = site.home.enter(f"new-{site.system[:8]}")
    for tenant in (site.away, site.third, new):
        assert site.caller(tenant.tenant).ask(APPLICATIONS) == {"data": []}
    assert site.caller("nobody").refused(VIEWER).error == "tenant_forbidden"
    site.home.ask(WITHDRAW, {"id": given["id"]})
    for tenant in (site.away, site.third, new):
        assert site.caller(tenant.tenant).refused(VIEWER).error == "tenant_forbidden"


def test_who_may_permit(site: Site) -> None:
    """A permission is given by an administrator with a right to both tenants: not by one of the integration system's
    tenant, of the other tenant, or by the integration system, and not with a lesser role. Nothing changes then.
    """
    site.permit(site.third.tenant)
    before = rows(site.home.server)
    where = ({"tenant": site.away.tenant}, {"every": True})
    for given in where:
        arguments = {"id": site.system, **given}
        assert site.key(site.home).refused(PERMIT, arguments).error == "tenant_forbidden"
        assert site.key(site.away).refused(PERMIT, arguments).error == "not_found"
        assert site.caller(None).refused(PERMIT, arguments).error == "insufficient_scopes"
        assert site.caller(site.third.tenant).refused(PERMIT, arguments).error == "insufficient_scopes"
        assert site.key(site.home, "operator").refused(PERMIT, arguments).error == "insufficient_scopes"
    for wrong in ({}, {"tenant": site.away.tenant, "every": True}, {"tenant": site.home.tenant}):
        assert site.home.refused(PERMIT, {"id": site.system, **wrong}).error == "invalid_data"
    assert site.home.refused(PERMIT, {"id": site.system, "tenant": "nobody"}).error == "tenant_not_found"
    assert site.home.refused(PERMIT, {"id": str(uuid4()), "tenant": site.away.tenant}).error == "not_found"
    after = rows(site.home.server)
    assert after["tenant_permissions"] == before["tenant_permissions"]
    assert not [each for each in after["audit_events"] if each not in before["audit_events"] and GIVEN in each]


def test_who_may_request_credentials(site: Site) -> None:
    """Credentials open all that the integration system may enter, so whoever requests them has a right to all of it."""
    document = "mutation ($id: ID!) { result: requestClientCredentialsForIntegrationSystem(id: $id) { id } }"
    operator = site.key(site.home, "operator")
    assert operator.ask(document, {"id": site.system})
    site.permit(site.away.tenant)
    assert operator.refused(document, {"id": site.system}).error == "tenant_forbidden"
    assert site.key(site.home).refused(document, {"id": site.system}).error == "tenant_forbidden"
    assert site.home.ask(document, {"id": site.system})


def test_permissions_are_seen_where_they_count(site: Site) -> None:
    """Those of a tenant see the permissions for it and for every tenant, by the name of the integration system, and
    not those for other tenants; pages follow one another.
    """
    one, other, every = site.permit(site.away.tenant), site.permit(site.third.tenant), site.permit(every=True)
    seen = site.key(site.away, "viewer").ask(PERMISSIONS, {"system": site.system})["data"]
    assert [each["id"] for each in seen] == [one["id"], every["id"]]
    assert {each["integrationSystemName"] for each in seen} == {"registrar"}
    at_home = site.key(site.home, "viewer").ask(PERMISSIONS, {"system": site.system})["data"]
    assert [each["id"] for each in at_home] == [every["id"]]
    by_tenant = site.home.ask(PERMISSIONS, {"system": site.system, "tenant": site.third.tenant})["data"]
    assert [each["id"] for each in by_tenant] == [other["id"], every["id"]]
    assert site.key(site.away).refused(PERMISSIONS, {"tenant": site.third.tenant}).error == "tenant_forbidden"
    found, after = [], ""
    for _ in range(3):
        page = site.home.ask(PERMISSIONS, {"system": site.system, "first": 1, "after": after})
        found += [each["id"] for each in page["data"]]
        after = page["pageInfo"]["endCursor"]
    assert (found, after) == ([one["id"], other["id"], every["id"]], "")
    assert site.key(site.away).refused(WITHDRAW, {"id": other["id"]}).error == "not_found"
    assert site.key(site.away).refused(WITHDRAW, {"id": every["id"]}).error == "tenant_forbidden"


def test_an_application_may_name_an_integration_system_with_a_permission(site: Site) -> None:
    """In another tenant an application names it once it may act there; the permission's end leaves the application."""
    register = """mutation ($id: ID!) { result: registerApplication(in: {name: "pen", integrationSystemID: $id}) {
        id integrationSystemID labels
    } }"""
    assert site.away.refused(register, {"id": site.system}).error == "not_found"
    given = site.permit(site.away.tenant)
    made = site.away.ask(register, {"id": site.system})
    assert made["integrationSystemID"] == made["labels"]["integrationSystemID"] == site.system
    unregister = "mutation ($id: ID!) { result: unregisterIntegrationSystem(id: $id) { id } }"
    assert site.home.refused(unregister, {"id": site.system}).error == "object_in_use"
    site.home.ask(WITHDRAW, {"id": given["id"]})
    update = """mutation ($id: ID!) {
        result: updateApplication(id: $id, in: {description: "d"}) { integrationSystemID }
    }"""
    assert site.away.ask(update, {"id": made["id"]}) == {"integrationSystemID": site.system}
