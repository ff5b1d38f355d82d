"""The tutorials, word for word, in a shell, against the server that they start."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from pathlib import Path

import pytest
from tests.support.server import START_SECONDS, STOP_SECONDS, environment

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = ("establish", "maintain", "revoke")
FENCE = re.compile(r"^```(\S.*)\n((?:.*\n)*?)```$", re.MULTILINE)
SHELL = ("bash", "-euo", "pipefail", "-c")
FREE_PORTS = "".join(f" --{listener} localhost:0" for listener in ("public", "mtls", "pki", "internal"))


def commands(page: str, kind: str = "sh") -> str:
    """The page's blocks of that kind."""
    return "".join(block for fence, block in FENCE.findall((TUTORIALS / f"{page}.md").read_text()) if fence == kind)


@contextmanager
def server(here: Path) -> Iterator[dict[str, str]]:
    """What the page says for the other terminal, on free ports: the addresses of its listeners."""
    command = commands("establish", "sh server").rstrip("\n")
    assert command.splitlines()[-1].startswith("connector serve ")
    addresses, log = here / "connector-data" / "addresses.json", here / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*SHELL, command + FREE_PORTS],
            cwd=here,
            env=environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not addresses.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield loads(addresses.read_text())
    finally:
        # The shell may have started the server as a process of its own: both are of one group.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(STOP_SECONDS)


def run(text: str, here: Path) -> "subprocess.CompletedProcess[str]":
    """Run the commands in one shell that stops at the first that fails."""
    return subprocess.run(
        [*SHELL, text],
        cwd=here,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The three pages, walked through in a directory that holds .venv as the repository does: it, and the output."""
    here = tmp_path_factory.mktemp("tutorial")
    (here / ".venv").symlink_to(sys.prefix)
    text = "\n".join(commands(page) for page in PAGES)
    with server(here) as urls:
        addresses = "PUBLIC=https://localhost:8443\nMTLS=https://localhost:8444\n"
        assert addresses in text
        done = run(text.replace(addresses, f"PUBLIC={urls['public']}\nMTLS={urls['mtls']}\n"), here)
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
    (check,) = [line for line in commands("establish").splitlines() if line.startswith("grep ")]

    done = run(f"FINGERPRINT={'0' * 64}\n{check}", here)

    assert done.stdout == "Wrong server. Stop here.\n"


def test_no_block_is_left_out() -> None:
    """Every block on the pages is run: the one that starts the server, and the commands of the one shell."""
    for page in PAGES:
        text = (TUTORIALS / f"{page}.md").read_text()
        fences = [line for line in text.splitlines() if line.startswith("```")]
        assert len(fences) == 2 * len(FENCE.findall(text))
        assert {fence for fence, _ in FENCE.findall(text)} <= {"sh", "sh server"}
        assert bool(commands(page, "sh server")) == (page == "establish")
