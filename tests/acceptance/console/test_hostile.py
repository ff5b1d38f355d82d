"""Names and texts that would like to be more than text; and the headers that would hold them back if they were."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser
from tests.acceptance.console.conftest import Stage
from tests.support.console import Window, visitor

from connector.web.console import PAGES
from connector.web.console.routes import OPEN

INJECTIONS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "'><body onload='alert(4)'>",
    "javascript:alert(5)",
    "</textarea><script>alert(6)</script>",
    "</title><script>alert(7)</script>",
    "{{ 7 * 7 }}{% raise %}",
    "${alert(8)}",
    "<iframe srcdoc='<script>alert(9)</script>'>",
    "<a href=javascript:alert(10)>x</a>",
    "&lt;script&gt;alert(11)&lt;/script&gt;",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=javascript:alert(12)>",
    "\u202egnp.exe<script>alert(13)</script>",
    "=cmd|' /C calc'!A0",
]
LONG = "x" * 10_000
NO_NAMES = (LONG, "\u202etxt", "a\nb", " ", "", "\u0000")
POLICY = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"}


def test_no_text_becomes_more(browser: Browser, stage: Stage) -> None:
    """The sixteen texts as names, descriptions, labels and searches, on every page that shows them: no dialog, no
    complaint, nothing of them becomes an element, and they read as they were written.
    """
    ids = []
    for number, text in enumerate(INJECTIONS):
        made = stage.server.administer(
            "mutation ($in: ApplicationRegisterInput!) { result: registerApplication(in: $in) { id } }",
            {"in": {"name": _name(number, text), "description": _plain(text), "labels": {"text": text}}},
        )
        ids.append(made["id"])
    window = Window.open(browser, stage.server)
    window.sign_in("administrator")
    page = window.page
    for number, text in enumerate(INJECTIONS):
        window.go(f"/console/t/default/applications/{ids[number]}")
        assert page.locator("main").inner_text().count(_plain(text)[:20]) >= 1, text
        for path in ("applications", "runtimes", "certificates"):
            window.go(f"/console/t/default/{path}?q={quote(text)}")
            assert page.locator("#q").input_value() == text
        for field in ("about", "actor", "serial", "address", "request"):
            window.go(f"/console/t/default/audit?{field}={quote(text)}")
            assert page.locator(f"#{field}").input_value() == text
        window.go(f"/console/t/default/applications?label=text={quote(json.dumps(text))}")
        assert page.locator("tbody tr").count() == 1
        assert page.locator("script:not([src]), iframe, img, style, main svg:not(.chart)").count() == 0
    window.go("/console/t/default/applications")
    names = page.locator("main").inner_text()
    assert [text for number, text in enumerate(INJECTIONS) if _name(number, text) not in names] == []
    assert window.dialogs == []
    assert window.complaints == []


def test_no_refusal_becomes_more(browser: Browser, stage: Stage) -> None:
    """The sixteen as names of runtimes, in a form that refuses them: the message and the field show them as text."""
    window = Window.open(browser, stage.server)
    window.sign_in("administrator")
    page = window.page
    for text in INJECTIONS:
        window.go("/console/t/default/runtimes")
        page.get_by_text("Register a runtime").click()
        page.locator("#new-name").fill(text)
        page.get_by_role("button", name="Register", exact=True).click()
        page.get_by_role("alert").wait_for()
        assert page.locator("#new-name").input_value() == text
        window.go(f"/console/sign-in?next={quote(text)}&done={quote(text)}")
    assert window.dialogs == []
    # The refusals' own statuses, and no other complaint.
    assert {each for each in window.complaints if "400" not in each} == set()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *((f"/console/t/default/{each}", name) for each in ("applications", "name") for name in NO_NAMES),
        *((path, name) for path in ("/console/keys", "/console/tenants") for name in (*INJECTIONS, *NO_NAMES)),
    ],
)
def test_names_that_are_none_are_refused(stage: Stage, name: str, path: str) -> None:
    """A name full of HTML, of marks that turn the writing around, of ten thousand characters or of none: one clean
    refusal, whose page is small and shows it as text.
    """
    with visitor(stage.server, "administrator") as made:
        answer = made.post(path, name=name, external_id=name, role="viewer")
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
        assert "Invalid data" not in answer.text
        assert len(answer.content) < 100_000
        assert "<script>" not in answer.text
        assert "onerror=alert" not in answer.text.replace("&lt;img src=x onerror=alert", "")


def test_long_texts_do_not_break_a_page(browser: Browser, stage: Stage) -> None:
    """A label of sixteen thousand characters and a description of two thousand without a blank stay within the page."""
    made = stage.server.administer(
        "mutation ($in: ApplicationRegisterInput!) { result: registerApplication(in: $in) { id } }",
        {"in": {"name": "l" * 100, "description": "d" * 2000, "labels": {"k" * 256: "v" * 16_000}}},
    )
    window = Window.open(browser, stage.server, viewport={"width": 360, "height": 740})
    window.sign_in("operator")
    for path in ("applications", f"applications/{made['id']}", f"audit?about={made['id']}"):
        window.go(f"/console/t/default/{path}")
        assert window.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert len(window.page.content()) < 100_000


@pytest.mark.parametrize(
    "path",
    [*(page.path for page in PAGES if page.method == "GET"), *(path for method, path in OPEN if method == "GET")],
)
def test_every_answer_has_the_headers(stage: Stage, path: str) -> None:
    """A policy without unsafe-inline, no sniffing, no framing, no referrer elsewhere, and no copy in any cache."""
    if path.endswith("/events") or ("{name}" in path and "assets" in path):
        return
    for name in ("administrator", None):
        with visitor(stage.server, name) as made:
            headers = made.http.get(stage.path(path)).headers
            assert set(headers["content-security-policy"].split("; ")) >= POLICY
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"
            assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["%00", "..%2f", "%ff", "a" * 5000, "%3Cscript%3E", "0" * 64, "%252e%252e"])
@pytest.mark.parametrize("below", ["applications", "certificates", "runtimes"])
def test_addresses_of_nothing(stage: Stage, below: str, path: str) -> None:
    """Whatever stands in an address: a page that says that there is nothing, and never a fault of ours."""
    with visitor(stage.server, "viewer") as made:
        answer = made.http.get(f"/console/t/default/{below}/{path}")
        assert answer.status_code in (400, 404)
        assert "internal" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=" + "A" * 3000,
        "state=%00",
        "from=yesterday",
        "until=2026-13-01",
        "q=" + "x" * 300,
        "label=%20%3D",
        "what=x",
        "sort=x&after=AAAA",
    ],
)
@pytest.mark.parametrize("below", ["applications", "certificates", "audit"])
def test_queries_of_nonsense(stage: Stage, below: str, query: str) -> None:
    """Whatever stands in a query: a page, or a refusal that says what to do; never a fault of ours."""
    with visitor(stage.server, "viewer") as made:
        answer = made.http.get(f"/console/t/default/{below}?{query}")
        assert answer.status_code in (200, 400)


def _name(number: int, text: str) -> str:
    """The text as an application's name, which is any printable text."""
    return "".join(character for character in f"{number} {text}" if character.isprintable())[:100].strip()


def _plain(text: str) -> str:
    """What the API takes as a description: it refuses marks that turn the writing around."""
    return text.replace("\u202e", "")
