"""The page of tenants."""

from tests.acceptance.console.conftest import Stage
from tests.support.console import visitor


def test_a_tenant_is_renamed_on_its_row(stage: Stage) -> None:
    """Each row has a form with the name as it is; the list shows the new one, the audit from what to what; what is no
    name is refused in that row, and stays there.
    """
    stage.server.command("tenant", "create", "renamed-here", "--name", "Before")
    with visitor(stage.server, "administrator") as guest:
        page = guest.get("/console/tenants").text
        assert 'action="/console/t/renamed-here/name"' in page
        assert 'value="Before"' in page

        answer = guest.post("/console/t/renamed-here/name", name="After all")
        assert answer.status_code == 303
        page = guest.get(answer.headers["location"]).text
        assert "After all" in page
        assert "Before" not in page
        assert "from &#34;Before&#34; to &#34;After all&#34;" in guest.get("/console/t/renamed-here/audit").text

        refused = guest.post("/console/t/renamed-here/name", name="a\nb")
        row = refused.text.partition('action="/console/t/renamed-here/name"')[0].rpartition("<details")[2]
        assert refused.status_code == 400
        assert row.startswith(' class="act" open')
        assert refused.text.count('<details class="act" open') == 1
    with visitor(stage.server, "operator") as guest:
        assert "/name" not in guest.get("/console/tenants").text
