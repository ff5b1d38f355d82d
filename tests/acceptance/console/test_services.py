"""What the console shows of the services that applications have published."""

import re

import pysqlite3.dbapi2 as sqlite
from tests.acceptance.console.conftest import TWO_PROFILES, Stage, furnished
from tests.support.console import visitor
from tests.support.server import Server

T = "/console/t/default"
BUNDLES = """query ($id: ID!) { result: application(id: $id) { bundles { data {
    id name apiDefinitions { data { id } } eventDefinitions { data { id } } documents { data { id } }
} } } }"""


def _multiply(server: Server, number: int) -> None:
    """Copy the one service so many times: to publish them would take longer than all tests."""
    database = sqlite.connect(server.data / "connector.db", timeout=20)
    with database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(services)")]
        (row,) = database.execute("SELECT * FROM services").fetchall()
        made = dict(zip(columns, row, strict=True))
        for each in range(number):
            copy = {**made, "id": f"00000000-0000-4000-8000-{each:012}", "identifier": None}
            copy["created_at"] += each + 1
            marks = ", ".join("?" * len(columns))
            database.execute(f"INSERT INTO services VALUES ({marks})", [copy[name] for name in columns])  # noqa: S608 - marks
    database.close()


def test_services_are_listed_by_the_ids_of_the_api(stage: Stage) -> None:
    """The page of services gives names, sizes, and the ids by which the Director API knows bundles, APIs, event
    definitions and documents; the application's page links to it. Nothing says how to call them.
    """
    told = stage.server.administer(BUNDLES, {"id": stage.application})["bundles"]["data"]
    ids = [each["id"] for each in told]
    ids += [one["id"] for each in told for part in ("apiDefinitions", "eventDefinitions") for one in each[part]["data"]]
    assert len(ids) == 3
    with visitor(stage.server, "viewer") as guest:
        page = guest.get(f"{T}/applications/{stage.application}").text
        assert "<bdi>Orders</bdi>" in page
        assert f'href="{T}/applications/{stage.application}/services"' in page
        text = guest.get(f"{T}/applications/{stage.application}/services").text
        assert [each for each in ids if each not in text] == []
        for shown in (page, text):
            assert re.search(r"\d+ bytes", shown)
            assert not re.search("a-caller|a-secret-of-the-shop|shop.example", shown)
        assert "none" in guest.get(f"{T}/applications/{stage.server.application('silent')}").text
        assert "/services" not in guest.get(f"{T}/runtimes/{stage.runtime}").text
        assert guest.get(f"{T}/applications/{stage.runtime}/services").status_code == 404


def test_many_services_are_read_page_by_page(fresh_server: Server) -> None:
    """With 201 services the application's page shows a few and how many there are; their own page shows each once."""
    fresh_server.settings = TWO_PROFILES
    stage = furnished(fresh_server.start())
    _multiply(fresh_server, 200)
    with visitor(fresh_server, "viewer") as guest:
        page = guest.get(f"{T}/applications/{stage.application}").text
        assert "All 201 services" in page
        assert page.count("<li><b><bdi>Orders</bdi></b>") == 5
        shown, path = [], f"{T}/applications/{stage.application}/services"
        while path:
            text = guest.get(path).text
            shown += re.findall(r'</bdi><br><small class="mono">([0-9a-f-]{36})</small>', text)
            following = re.search(r'href="([^"]+)" rel="next"', text)
            path = following[1].replace("&amp;", "&") if following else ""
        assert len(shown) == len(set(shown)) == 201
        other = f"{T}/applications/{fresh_server.application('other')}/services"
        cursor = re.search(r"after=[^&\"]+", guest.get(f"{T}/applications/{stage.application}/services").text)
        assert cursor is not None
        assert guest.get(f"{other}?{cursor[0]}").status_code == 400
