"""The page about the agent, word for word, in a shell, against the server that it starts."""

import sys
from pathlib import Path

from tests.support.pages import DOCS, commands, run, server

from connector.agent.cli import parser
from connector.agent.metrics import FIGURES

PAGE = DOCS / "agent.md"


def test_every_command_works(tmp_path: Path) -> None:
    """A newcomer who types the page sees it come out as it says."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with server(PAGE, tmp_path):
        done = run(commands(PAGE), tmp_path)

    assert done.returncode == 0, done.stdout
    assert "fits the fingerprint" in done.stdout
    assert done.stdout.count("status: connected") == 2
    assert done.stdout.count("APPLICATION") == 2
    assert "status: renewed" in done.stdout
    assert "BAD" not in done.stdout


def test_every_command_and_figure_is_on_the_page() -> None:
    """The page names every command, and every figure that is written."""
    text = PAGE.read_text()
    (subparsers,) = (each for each in parser()._subparsers._group_actions)  # type: ignore[union-attr] # noqa: SLF001
    assert all(f"| `{name}" in text for name in subparsers.choices or ())
    assert all(f"`{name}`" in text for name in FIGURES)
