"""The page for Compass clients, word for word, in a shell, against the server that it starts."""

import sys
from pathlib import Path

from graphql import build_schema, parse, validate
from tests.support.pages import DOCS, blocks, commands, moved, run, server

from connector.web.graphql.sdl import sdl

PAGE = DOCS / "compass-clients.md"


def test_the_life_of_a_legacy_application_as_the_page_shows_it(tmp_path: Path) -> None:
    """Whoever types the page's commands gets the output that the page shows."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with server(PAGE, tmp_path) as urls:
        done = run(moved(commands(PAGE), urls), tmp_path)

    assert done.returncode == 0, done.stdout
    assert done.stdout.rstrip("\n") == commands(PAGE, "text").rstrip("\n")
    assert (tmp_path / "renewed.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert {fence for fence, _ in blocks(PAGE)} == {"sh server", "sh", "sh by hand", "text", "graphql"}


def test_queries_of_the_page_are_valid() -> None:
    """Each GraphQL document of the page can be sent to the Director."""
    schema = build_schema(sdl("director"))
    documents = [text for fence, text in blocks(PAGE) if fence == "graphql"]

    assert documents
    assert [error.message for text in documents for error in validate(schema, parse(text))] == []
