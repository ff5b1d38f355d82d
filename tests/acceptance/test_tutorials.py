"""The tutorials, word for word, in a shell, against the server that they start."""

import sys
from pathlib import Path

import pytest
from tests.support.pages import DOCS, blocks, commands, moved, run, server

PAGES = {name: DOCS / "tutorials" / f"{name}.md" for name in ("establish", "maintain", "revoke")}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The three pages, walked through in a directory that holds .venv as the repository does: it, and the output."""
    here = tmp_path_factory.mktemp("tutorial")
    (here / ".venv").symlink_to(sys.prefix)
    text = "\n".join(map(commands, PAGES.values()))
    with server(PAGES["establish"], here) as urls:
        done = run(moved(text, urls), here)
    assert done.returncode == 0, done.stdout
    return here, done.stdout


def test_every_command_works(walked: tuple[Path, str]) -> None:
    """A newcomer who types the three tutorials sees them come out as they say."""
    _, output = walked

    assert "This is the right server." in output
    assert "Wrong server." not in output
    assert "Good for another 30 days." in output
    assert output.count("system.pem: OK") == 1
    assert output.count("renewed.pem: OK") == 1
    assert "superseded" in output
    assert '{"data":{"result":true}}' in output


def test_revocation_is_seen_at_once(walked: tuple[Path, str]) -> None:
    """Both revocations, the holder's and the administrator's, end in a refusal that says so."""
    here, output = walked

    assert output.count('"error":"certificate_revoked"') == 2
    assert '"error":"certificate_revoked"' in (here / "refused.json").read_text()


def test_a_wrong_server_is_noticed(walked: tuple[Path, str]) -> None:
    """Where the fingerprint is another, the reader is told to stop."""
    here, _ = walked
    (check,) = [line for line in commands(PAGES["establish"]).splitlines() if line.startswith("grep ")]

    done = run(f"FINGERPRINT={'0' * 64}\n{check}", here)

    assert done.stdout == "Wrong server. Stop here.\n"


def test_no_block_is_left_out() -> None:
    """Every block on the pages is run: the one that starts the server, and the commands of the one shell."""
    for name, page in PAGES.items():
        assert {fence for fence, _ in blocks(page)} <= {"sh", "sh server"}
        assert bool(commands(page, "sh server")) == (name == "establish")
