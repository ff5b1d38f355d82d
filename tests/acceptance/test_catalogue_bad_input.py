"""Bad input to the catalogue, and its limits: refused with a status and a field, and nothing is kept of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.test_catalogue import FULL, PLAIN, Publisher, publisher, refused
from tests.support.director import Director, director
from tests.support.server import Server

SMALL = {
    "CONNECTOR_QUOTAS__SERVICES": "3",
    "CONNECTOR_QUOTAS__CATALOGUE": "20KiB",
    "CONNECTOR_QUOTAS__SERVICE_CHANGES_AN_HOUR": "40",
}
SPECS = """query ($id: ID!) { result: application(id: $id) {
    bundles { data { apiDefinitions { data { spec { data } } } } } } }"""


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with director(server, "bad-catalogue") as admin:
        yield publisher(admin, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    """A server of small quotas."""
    with (
        Server(tmp_path_factory.mktemp("small") / "data", settings=SMALL) as server,
        director(server, "small") as admin,
    ):
        yield admin


def with_spec(spec: Any, **fields: Any) -> dict[str, Any]:
    return {**PLAIN, "api": {"targetUrl": "https://a.example", "spec": spec}, **fields}


DEEP = 70
BAD_BODIES = {
    "": "Failed to read service",
    "{": "Failed to read service",
    "\ufeff{}": "Failed to read service",
    '{"name": "a", "name": "b"}': "Failed to read service",
    '{"name": "\\ud800"}': "Failed to read service",
    '{"name": NaN}': "Failed to read service",
    "[" * DEEP + "]" * DEEP: "Failed to read service",
    "[]": "Invalid data service",
    "null": "Invalid data service",
    '"text"': "Invalid data service",
    "{}": "Invalid data provider",
}


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: body[:20])
def test_what_is_no_service_is_refused(shop: Publisher, body: str) -> None:
    """A body that is no JSON, no object, ambiguous or too deep is 400, when publishing and when replacing."""
    id_ = shop.add(PLAIN)
    refused(shop.send(body), 400, BAD_BODIES[body])
    refused(shop.send(body, f"/{id_}", "PUT"), 400, BAD_BODIES[body])
    assert shop.call(at=f"/{id_}").json == {**PLAIN, "provider": ""}
    assert shop.call("--request", "DELETE", at=f"/{id_}").status == 204


@pytest.mark.parametrize(
    ("service", "field"),
    [
        ({**PLAIN, "name": ""}, "name"),
        ({**PLAIN, "description": None}, "description"),
        ({**PLAIN, "name": "a\0b"}, "name"),
        (with_spec("a\0b"), "api.spec"),
        (with_spec({"a\0": 1}), "api.spec"),
        ({**PLAIN, "api": {"targetUrl": "https://a.example/../internal"}}, "api.targetUrl"),
        ({**PLAIN, "api": {"targetUrl": "../internal"}}, "api.targetUrl"),
        ({**PLAIN, "events": {}}, "events.spec"),
        ({**PLAIN, "documentation": {}}, "documentation.displayName"),
    ],
)
def test_broken_rule_is_named(shop: Publisher, service: dict[str, Any], field: str) -> None:
    """A field that breaks a rule is 400 with its name, and nothing is published."""
    before = shop.list()
    refused(shop.send(service), 400, f"Invalid data {field}: ")
    assert shop.list() == before


def test_dots_in_texts_are_texts(shop: Publisher) -> None:
    """Names, identifiers and documents that look like paths are kept as they are, and lead nowhere."""
    dotted = {**PLAIN, "name": "../../etc/passwd", "identifier": "../services", "shortDescription": "..\\.."}
    id_ = shop.add(dotted)
    assert shop.call(at=f"/{id_}").json == {**dotted, "provider": ""}
    assert shop.call("--request", "DELETE", at=f"/{id_}").status == 204


def test_identifier_is_given_once(shop: Publisher) -> None:
    """A second service with the same identifier is 400, published or by replacement; services without one are free, and
    an identifier is free again once its service is deleted.
    """
    first, second = shop.add({**PLAIN, "identifier": "same"}), shop.add({**PLAIN, "identifier": "other"})
    refused(shop.send({**FULL, "identifier": "same"}), 400, "Invalid data identifier: ")
    refused(shop.send({**FULL, "identifier": "same"}, f"/{second}", "PUT"), 400, "Invalid data identifier: ")
    for identifier in ("", None):
        shop.add({**PLAIN, "identifier": identifier})
        shop.add({**PLAIN, "identifier": identifier})
    assert shop.call("--request", "DELETE", at=f"/{first}").status == 204
    assert shop.send({**PLAIN, "identifier": "same"}, f"/{second}", "PUT").status == 200


def test_large_specification(server: Server, tmp_path: Path) -> None:
    """A specification of nearly 1 MB is kept and read back; a body over limits.body is 413, and one more than fits into
    the catalogue 429 with the setting.
    """
    with director(server, "large-catalogue") as admin:
        shop = publisher(admin, tmp_path / "large")
        spec = "ä" * 500_000
        ids = [shop.add(with_spec(spec)) for _ in range(4)]
        assert shop.call(at=f"/{ids[0]}").json["api"]["spec"] == spec
        refused(shop.send(with_spec(spec)), 429, "quotas.catalogue")
        refused(shop.send(with_spec("x" * (1 << 20))), 413)
        assert len(shop.list()) == 4
        found = admin.ask(SPECS, {"id": shop.id})["bundles"]["data"]
        assert [each["apiDefinitions"]["data"][0]["spec"]["data"] == spec for each in found] == [True] * 4


def test_number_and_size_of_services_are_limited(small: Director, tmp_path: Path) -> None:
    """A service too many, or one that is too large with the others, is 429 with the setting; a smaller one may take the
    place of another at any time, and what was deleted makes room.
    """
    shop = publisher(small, tmp_path / "limited")
    ids = [shop.add(with_spec("x" * 5000)) for _ in range(3)]
    refused(shop.send(PLAIN), 429, "quotas.services", " 3.")
    refused(shop.send(with_spec("x" * 15_000), f"/{ids[0]}", "PUT"), 429, "quotas.catalogue")
    assert shop.send(with_spec("x" * 8000), f"/{ids[0]}", "PUT").status == 200
    assert shop.call("--request", "DELETE", at=f"/{ids[1]}").status == 204
    shop.add(with_spec("x" * 5000))


def test_changes_are_limited_and_reading_is_not(small: Director, tmp_path: Path) -> None:
    """An application that changes its services again and again is 429 with the setting and Retry-After; another
    application is not, a replacement that changes nothing does not count, and reading goes on.
    """
    shop, other = publisher(small, tmp_path / "busy"), publisher(small, tmp_path / "calm")
    id_ = shop.add(PLAIN)
    for number in range(39):
        for _ in range(2 if number < 38 else 1):
            assert shop.send({**PLAIN, "name": f"number {number}"}, f"/{id_}", "PUT").status == 200
    answer = shop.send({**PLAIN, "name": "once more"}, f"/{id_}", "PUT")
    refused(answer, 429, "quotas.service_changes_an_hour", " 40.")
    assert int(answer.headers["retry-after"]) > 0
    refused(shop.call("--request", "DELETE", at=f"/{id_}"), 429)
    assert shop.call(at=f"/{id_}").status == 200
    assert [each["id"] for each in shop.list()] == [id_]
    other.add(PLAIN)
