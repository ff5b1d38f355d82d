"""Pages of the documentation that are run word for word, in a shell, against the server that they start."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import loads
from pathlib import Path

from tests.support.server import START_SECONDS, STOP_SECONDS, environment

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\S.*)\n((?:.*\n)*?)```$", re.MULTILINE)
SHELL = ("bash", "-euo", "pipefail", "-c")
ADDRESSES = "PUBLIC=https://localhost:8443\nMTLS=https://localhost:8444\n"
FREE_PORTS = "".join(f" --{listener} localhost:0" for listener in ("public", "mtls", "pki", "internal"))


def blocks(page: Path) -> list[tuple[str, str]]:
    """The page's blocks in order: what the fence says, and what stands within."""
    text = page.read_text()
    found: list[tuple[str, str]] = FENCE.findall(text)
    assert len([line for line in text.splitlines() if line.startswith("```")]) == 2 * len(found)
    return found


def commands(page: Path, kind: str = "sh") -> str:
    """The page's blocks of that kind."""
    return "".join(block for fence, block in blocks(page) if fence == kind)


def moved(text: str, urls: dict[str, str]) -> str:
    """The commands with the addresses at which the server really is."""
    assert ADDRESSES in text
    return text.replace(ADDRESSES, f"PUBLIC={urls['public']}\nMTLS={urls['mtls']}\n")


@contextmanager
def server(page: Path, here: Path) -> Iterator[dict[str, str]]:
    """What the page says for the other terminal, on free ports: the addresses of its listeners."""
    command = commands(page, "sh server").rstrip("\n")
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
