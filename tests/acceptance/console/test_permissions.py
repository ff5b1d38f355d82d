"""The page of permissions: where integration systems may act besides their own tenant."""

from collections.abc import Iterator

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import Visitor, administrator, visitor

PATH = "/console/integration-systems"
NAME = "<b>regis&trar"


@pytest.fixture(scope="module")
def system(stage: Stage) -> str:
    """An integration system of the tenant default, and a second tenant."""
    stage.server.administer('mutation { result: createTenant(in: {externalID: "subsidiary"}) { id } }')
    document = "mutation ($name: String!) { result: registerIntegrationSystem(in: {name: $name}) { id } }"
    return str(stage.server.administer(document, {"name": NAME})["id"])


@pytest.fixture(scope="module")
def guest(stage: Stage) -> Iterator[Visitor]:
    with visitor(stage.server, "administrator") as made:
        yield made


def permissions(stage: Stage, system: str) -> list[dict[str, str]]:
    document = """query ($id: ID) { result: tenantPermissions(integrationSystemID: $id) {
        data { id tenant createdBy }
    } }"""
    found: list[dict[str, str]] = stage.server.administer(document, {"id": system})["data"]
    return found


def test_a_permission_is_given_and_withdrawn(stage: Stage, guest: Visitor, system: str) -> None:
    """A form gives one for a tenant or for every tenant, the page shows them, a button withdraws each."""
    assert guest.post(PATH, system=system, tenant="subsidiary").status_code == 303
    assert guest.post(PATH, system=system, every="yes", tenant="").status_code == 303
    given = permissions(stage, system)
    assert [(each["tenant"], each["createdBy"]) for each in given] == [
        ("subsidiary", "administrator:administrator"),
        (None, "administrator:administrator"),
    ]
    shown = guest.get(PATH).text
    assert "subsidiary" in shown
    assert "every tenant" in shown
    assert NAME not in shown
    assert "&lt;b&gt;regis&amp;trar" in shown
    for each in given:
        answer = guest.post(f"{PATH}/{each['id']}/withdraw")
        assert answer.headers["location"] == f"{PATH}?done=forbidden"
    assert permissions(stage, system) == []
    assert guest.post(f"{PATH}/{given[0]['id']}/withdraw").status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"tenant": "subsidiary", "every": "yes"}, 400),
        ({"tenant": "default"}, 400),
        ({"tenant": "nowhere"}, 400),
        ({"system": "none", "tenant": "subsidiary"}, 404),
    ],
)
def test_what_is_not_clear_is_refused(
    stage: Stage, guest: Visitor, system: str, fields: dict[str, str], status: int
) -> None:
    """Neither or both of a tenant and every tenant, its own tenant, and what there is not: nothing is given."""
    assert guest.post(PATH, **{"system": system, "tenant": "", **fields}).status_code == status
    assert permissions(stage, system) == []


def test_an_administrator_of_one_tenant_gives_no_more_than_that(stage: Stage, guest: Visitor, system: str) -> None:
    """They see permissions for their tenant and for every tenant, withdraw the first, and give none beyond."""
    administrator(stage.server, "of-subsidiary", "administrator", tenant="subsidiary")
    guest.post(PATH, system=system, tenant="subsidiary")
    guest.post(PATH, system=system, every="yes", tenant="")
    one, every = permissions(stage, system)
    with visitor(stage.server, "of-subsidiary") as theirs:
        shown = theirs.get(PATH).text
        assert f"{PATH}/{one['id']}/withdraw" in shown
        assert f"{PATH}/{every['id']}/withdraw" not in shown
        assert theirs.post(f"{PATH}/{every['id']}/withdraw").status_code == 403
        assert theirs.post(PATH, system=system, tenant="default").status_code in (403, 404)
        assert theirs.post(f"{PATH}/{one['id']}/withdraw").status_code == 303
    assert permissions(stage, system) == [every]
    guest.post(f"{PATH}/{every['id']}/withdraw")
