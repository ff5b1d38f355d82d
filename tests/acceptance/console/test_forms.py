"""Forms: from our own page alone, in the session that it was made for."""

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import PASSWORD, Visitor, visitor

from connector.web.console import PAGES

POSTS = [page.path for page in PAGES if page.method == "POST"]
OPEN_POSTS = ["/console/sign-in", "/console/welcome", "/console/sign-in/elsewhere"]


def everything(stage: Stage, made: Visitor) -> tuple[object, ...]:
    """What a form could have changed."""
    told = stage.server.administer(
        "{ result: applications { totalCount data { name labels auths { id } } } }",
    )
    tokens = stage.server.administer("{ result: oneTimeTokens { totalCount data { state } } }")
    keys = stage.server.administer("{ result: apiKeys { data { revokedAt } } }")
    return told, tokens, keys, made.http.get("/console/administrators").status_code


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("wrong", "headers"),
    [
        ("no token", {}),
        ("another's token", {}),
        ("another origin", {"Origin": "https://evil.example"}),
        ("another scheme", {"Origin": "http://{host}"}),
        ("no scheme", {"Origin": "://{host}"}),
        ("a null origin", {"Origin": "null"}),
        ("another site", {"Sec-Fetch-Site": "cross-site"}),
        ("a sibling host", {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_no_form_is_replayed(stage: Stage, path: str, wrong: str, headers: dict[str, str]) -> None:
    """Without its token, with another session's, or from another origin a form is refused, and nothing is changed."""
    with visitor(stage.server, "administrator") as made:
        before = everything(stage, made)
        fields = {"name": "forged", "external_id": "forged", "role": "viewer", "reason": "unspecified", "key": "x"}
        if wrong == "no token":
            made.csrf = ""
        if wrong == "another's token":
            made.csrf = "A" * 43
        host = stage.server.urls["public"].removeprefix("https://")
        answer = made.post(
            stage.path(path), headers={name: value.format(host=host) for name, value in headers.items()}, **fields
        )
        assert answer.status_code == 403
        assert "form_refused" in answer.text
        assert everything(stage, made) == before


@pytest.mark.parametrize("path", OPEN_POSTS)
def test_nobody_is_signed_in_by_another_site(stage: Stage, path: str) -> None:
    """The forms of those who are not signed in are bound to a cookie, and to our own page, too."""
    with visitor(stage.server) as made:
        made.get("/console/sign-in")
        for headers, csrf in (({"Origin": "https://evil.example"}, made.csrf), ({}, ""), ({}, "A" * 43)):
            made.csrf = csrf
            answer = made.post(path, headers=headers, name="administrator", password=PASSWORD, code="x", again=PASSWORD)
            assert answer.status_code == 403
            assert "__Host-connector-session" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"csrf=%s&name=x", "application/json", 400),
        (b"csrf=%s&name=x", "multipart/form-data; boundary=x", 400),
        (b"csrf=%s&name=x&name=y", "application/x-www-form-urlencoded", 400),
        (b"csrf=%s&name=%%ff%%fe", "application/x-www-form-urlencoded", 400),
        (b"csrf=%s&name=x", "text/plain", 400),
        (b"csrf=%s&name=" + b"x" * 2_000_000, "application/x-www-form-urlencoded", 413),
        (b"csrf=%s&name=%%00", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
)
def test_forms_that_cannot_be_read(stage: Stage, body: bytes, media_type: str, status: int) -> None:
    """A form of another kind, twice a field, octets that are no text, or too much of it: a clean refusal."""
    with visitor(stage.server, "operator") as made:
        content = body % made.csrf.encode() if b"%s" in body else body
        answer = made.http.post(
            "/console/t/default/applications",
            content=content,
            headers={"Origin": stage.server.urls["public"], "Content-Type": media_type},
        )
        assert answer.status_code == status


@pytest.mark.parametrize("fields", [400, 4000])
def test_a_form_of_too_many_fields(stage: Stage, fields: int) -> None:
    """A form of more fields than any of ours has is refused."""
    with visitor(stage.server, "operator") as made:
        answer = made.post("/console/t/default/applications", **{f"f{number}": "" for number in range(fields)})
        assert answer.status_code == 400
