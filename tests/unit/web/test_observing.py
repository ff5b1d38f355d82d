"""What the web counts of its requests."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from connector.bootstrap import metrics
from connector.domain.refusals.tokens import TokenSpent
from connector.system.meters import Board, meters
from connector.web.notes import note
from connector.web.observing import FAMILIES, REFUSALS, REQUESTS, SECONDS, door, observed

ROOT = Path(__file__).parents[3]


@pytest.fixture(name="board")
def _board() -> Iterator[Board]:
    """Where this process counts meanwhile."""
    board = Board(FAMILIES)
    meters().row = board.row(1)
    yield board
    meters().row = None


@given(
    st.text()
    | st.sampled_from(["/v1/", "/console", "/connector/graphql", "/x.crl"]).flatmap(
        lambda each: st.text().map(each.__add__)
    )
)
def test_every_path_has_a_door(path: str) -> None:
    """Whatever the path is, its door is one of those that are counted."""
    assert (door(path),) in SECONDS.values


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/connector/graphql", "connector"),
        ("/director/graphql", "director"),
        ("/console/t/default", "console"),
        ("/v1/applications/certificates", "legacy"),
        ("/verdict/nginx", "verdict"),
        ("/oauth2/token", "oauth"),
        ("/readyz", "health"),
        ("/pki/root.pem", "pki"),
        ("/", "other"),
    ],
)
def test_doors(path: str, name: str) -> None:
    """The doors are what people know them by."""
    assert door(path) == name


@pytest.mark.parametrize("status", [200, 303, 404, 503])
def test_a_request_is_counted_once(board: Board, status: int) -> None:
    """With its door and its status, and the time to its beginning; what is no request is not."""

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await send({"type": "http.response.body", "body": b"b"})

    async def nothing(*_: object) -> Any:
        return {}

    for kind in ("http", "lifespan"):
        asyncio.run(observed(answer)({"type": kind, "path": "/ocsp", "method": "GET"}, nothing, nothing))
    counted = {values: number for values, number in board.totals(REQUESTS).items() if number}
    assert counted == {("ocsp", f"{status // 100}xx"): 1}
    assert board.durations(SECONDS)["ocsp",].counts[-1] == 1


def test_refusals_are_counted_by_code(board: Board) -> None:
    """A refusal under its own code, and anything else as internal."""
    note(TokenSpent())
    note(KeyError("secret"))
    assert {values: number for values, number in board.totals(REFUSALS).items() if number} == {
        ("token_spent",): 1,
        ("internal",): 1,
    }


def test_the_page_is_made_from_the_code() -> None:
    """docs/metrics.md is what the code says; `make docs` makes it anew."""
    assert (ROOT / "docs" / "metrics.md").read_text() == metrics.document()
