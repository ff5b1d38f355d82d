"""Times and days as the reader's clock shows them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, expect
from tests.acceptance.console.conftest import Stage
from tests.support.console import Window, visitor

T = "/console/t/default"
TOKYO = ZoneInfo("Asia/Tokyo")


def test_times_are_the_readers(browser: Browser, stage: Stage) -> None:
    """In a browser in Tokyo each time of the audit is Tokyo's and says so; whoever points at it reads UTC."""
    window = Window.open(browser, stage.server, timezone_id="Asia/Tokyo")
    window.sign_in("viewer")
    page = window.go(f"{T}/audit")
    shown = page.locator("td[data-name=Time] time").first
    text, hint = shown.inner_text(), shown.get_attribute("title")
    assert text.endswith(" JST")
    assert hint is not None
    at = datetime.strptime(text.removesuffix(" JST"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=TOKYO)
    assert hint == at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    expect(page.get_by_label("From (JST)")).to_be_visible()
    assert window.complaints == []


def test_days_to_filter_by_are_the_readers(stage: Stage) -> None:
    """A day of the filter is a day of the reader's: whatever happened on it there is found, and nothing else is."""
    for zone in (UTC, TOKYO, ZoneInfo("America/New_York")):
        with visitor(stage.server, "viewer") as made:
            if zone is not UTC:
                made.http.cookies.set("connector-zone", str(zone))
            today = datetime.now(UTC).astimezone(zone).date()
            found = made.get(f"{T}/audit?from={today}&until={today}").text
            assert f'From <span class="quiet">({datetime.now(UTC).astimezone(zone).tzname()})' in found
            assert {each[:10] for each in re.findall(r'nowrap"><time[^>]*>([^<]+)<', found)} == {str(today)}
            tomorrow = today + timedelta(days=1)
            assert "Nothing that fits" in made.get(f"{T}/audit?from={tomorrow}&until={tomorrow}").text


def test_day_that_no_calendar_has_is_refused(stage: Stage) -> None:
    """The last day of the calendar was an error of the server: the day after it cannot be said."""
    with visitor(stage.server, "viewer") as made:
        for page in ("audit", "certificates"):
            assert made.get(f"{T}/{page}?until=9999-12-31").status_code == 400
