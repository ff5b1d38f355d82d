"""The tutorials, word for word, in a shell, against a real server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.server import Server, environment

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = ("establish", "maintain", "revoke")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: str) -> str:
    return "\n".join(BLOCK.findall((TUTORIALS / f"{page}.md").read_text()))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The three pages, run in one shell that stops at the first command that fails: its directory and its output."""
    here = tmp_path_factory.mktemp("tutorial")
    text = "\n".join(commands(page) for page in PAGES)
    with Server(here / "connector-data") as server:
        addresses = "PUBLIC=https://localhost:8443\nMTLS=https://localhost:8444\n"
        assert addresses in text
        text = text.replace(addresses, f"PUBLIC={server.urls['public']}\nMTLS={server.urls['mtls']}\n")
        path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=here,
            env={**environment(), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    return here, done.stdout


def test_every_command_works(walked: tuple[Path, str]) -> None:
    """A newcomer who types the three tutorials sees them come out as they say."""
    _, output = walked

    assert "This is the right server." in output
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


def test_no_block_is_left_out() -> None:
    """Every block of commands on the pages is run, but for the one that starts the server."""
    for page in PAGES:
        text = (TUTORIALS / f"{page}.md").read_text()
        fences = re.findall(r"^```(\S.*)$", text, re.MULTILINE)
        assert set(fences) <= {"sh", "sh server"}
        assert fences.count("sh") == len(BLOCK.findall(text))
