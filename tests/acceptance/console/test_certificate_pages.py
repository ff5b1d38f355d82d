"""Pages of certificates: whose they are, and what can be asked of their holders."""

from pathlib import Path

from tests.acceptance.console.conftest import Stage
from tests.support.console import visitor

T = "/console/t/default"


def serial_of(stage: Stage, application: str) -> str:
    """The fingerprint of its one certificate, as the list has it."""
    document = "query ($id: ID) { result: certificates(filter: {ownerID: $id}) { data { fingerprint } } }"
    return str(stage.server.administer(document, {"id": application})["data"][0]["fingerprint"])


def test_holder_is_asked_to_renew(stage: Stage, tmp_path: Path) -> None:
    """A button asks for the renewal of a certificate that is in use, once; viewers have none, and are refused."""
    application = stage.server.application("to be renewed")
    stage.server.enroll(stage.server.token(application), tmp_path)
    page = f"{T}/certificates/{serial_of(stage, application)}"
    with visitor(stage.server, "viewer") as viewer:
        assert f'action="{page}/renewal"' not in viewer.get(page).text
        assert viewer.post(f"{page}/renewal").status_code == 403
    with visitor(stage.server, "operator") as made:
        assert f'action="{page}/renewal"' in made.get(page).text
        assert made.post(f"{page}/renewal").headers["location"] == f"{page}?done=asked"
        shown = made.get(page).text
        assert "Its holder was asked to renew it" in shown
        assert f'action="{page}/renewal"' not in shown
        assert made.post(f"{page}/renewal").headers["location"] == page
        events = made.http.get(f"{T}/audit/export?format=jsonl&what=certificate.renewal_asked").text
        assert events.count("administrator:operator") == 1


def test_certificate_of_an_unregistered_system_says_whose_it_was(stage: Stage, tmp_path: Path) -> None:
    """After its owner was unregistered, the list and the page of a certificate still have the name."""
    application = stage.server.application("once <there>")
    stage.server.enroll(stage.server.token(application), tmp_path)
    page = f"{T}/certificates/{serial_of(stage, application)}"
    with visitor(stage.server, "operator") as made:
        made.get(f"{T}/applications/{application}")
        assert made.post(f"{T}/applications/{application}/unregister").status_code == 303
        for path in (page, f"{T}/certificates"):
            shown = made.get(path).text
            assert '<bdi>once &lt;there&gt;</bdi> <span class="quiet">(unregistered)</span>' in shown
            assert f"/applications/{application}" not in shown
