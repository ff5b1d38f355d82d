"""The commands of the tab "openssl + curl", pasted into a terminal as somebody would."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest
from tests.acceptance.console.conftest import Stage
from tests.support.console import visitor
from tests.support.server import environment

from connector.client import parse

T = "/console/t/default"
SECONDS = 40.0
SHELLS = ["dash", "bash"]


@dataclass(slots=True)
class Terminal:
    """An interactive shell in a terminal of its own."""

    shell: subprocess.Popen[bytes]
    line: int
    shown: str = field(default="")

    @classmethod
    def open(cls, shell: str, directory: Path, path: str) -> Self:
        """Start it in that directory."""
        line, its = pty.openpty()
        values = {**environment(), "PATH": path, "PS1": "> ", "HISTFILE": "/dev/null"}
        arguments = [shell, "--norc", "-i"] if shell == "bash" else [shell, "-i"]
        started = subprocess.Popen(
            arguments, cwd=directory, env=values, stdin=its, stdout=its, stderr=its, start_new_session=True
        )
        os.close(its)
        return cls(started, line)

    def type(self, text: str) -> None:
        """Type, or paste."""
        for each in text.splitlines(keepends=True):
            os.write(self.line, each.encode())

    def until(self, pattern: str) -> str:
        """All that was shown, once it has this."""
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, self.shown
            if select.select([self.line], [], [], 0.2)[0]:
                self.shown += os.read(self.line, 65536).decode()
        return self.shown

    def done(self) -> None:
        """Wait until the shell takes the next command: it is alive."""
        self.shown = ""
        self.type("echo still $((40 + 2))\n")
        self.until("still 42")

    def close(self) -> None:
        """Let it end."""
        self.shell.kill()
        self.shell.wait()
        os.close(self.line)


@dataclass(frozen=True, slots=True)
class Site:
    """A directory with nothing in it, and a curl that writes down its arguments and does what curl does."""

    directory: Path
    programs: Path

    def terminal(self, shell: str) -> Terminal:
        return Terminal.open(shell, self.directory, f"{self.programs}:{os.environ['PATH']}")

    @property
    def arguments(self) -> str:
        return (self.programs / "arguments").read_text()

    def files(self) -> dict[str, str]:
        return {each.name: each.read_text() for each in self.directory.iterdir()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    programs, directory = tmp_path / "programs", tmp_path / "empty"
    for each in (programs, directory):
        each.mkdir()
    curl = programs / "curl"
    curl.write_text(f'#!/bin/sh\necho "$@" >>{programs}/arguments\nexec {shutil.which("curl")} "$@"\n')
    curl.chmod(0o700)
    return Site(directory, programs)


@pytest.fixture
def terminal(site: Site, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    made = site.terminal(request.param)
    yield made
    made.close()


def handed(stage: Stage, name: str) -> tuple[str, str]:
    """The pairing string of a new application, and the commands of the tab."""
    application = stage.server.application(name)
    with visitor(stage.server, "operator") as made:
        made.get(f"{T}/applications/{application}")
        place = made.post(f"{T}/applications/{application}/connect").headers["location"]
        text = made.get(place).text
    pairing = re.search(r'<textarea id="pairing"[^>]*>([^<]+)</textarea>', text)
    commands = re.search(r'<pre id="openssl"[^>]*><code>(.*?)</code>', text, re.DOTALL)
    assert pairing is not None
    assert commands is not None
    return pairing[1], f"{commands[1]}\n"


def paste(terminal: Terminal, commands: str, pairing: str) -> None:
    """Paste the commands, and then what they ask for."""
    terminal.type(commands)
    terminal.until("(?<!')pairing string: ")  # and not the command that says it
    terminal.type(f"{pairing}\n")


@pytest.mark.parametrize("terminal", SHELLS, indirect=True)
def test_pasted_commands_connect(stage: Stage, site: Site, terminal: Terminal, request: pytest.FixtureRequest) -> None:
    """Pasted whole, they ask for the pairing string, do not show it, and leave key, chain and root with nothing else;
    no token is among the arguments of a program, where other users could read it.
    """
    pairing, commands = handed(stage, f"pasted {request.node.name}")
    paste(terminal, commands, pairing)
    assert pairing not in terminal.until(r"Connected: key\.pem, chain\.pem and root\.pem are here\.\r")
    terminal.done()
    files = site.files()
    assert set(files) == {"key.pem", "chain.pem", "root.pem"}
    assert files["chain.pem"].count("BEGIN CERTIFICATE") == 2
    assert (site.directory / "key.pem").stat().st_mode & 0o777 == 0o600
    assert "graphql" in site.arguments
    assert parse(pairing).token not in site.arguments
    assert "Connector-Token" not in site.arguments


@pytest.mark.parametrize("terminal", SHELLS, indirect=True)
def test_refusal_is_shown_and_nothing_is_overwritten(
    stage: Stage, site: Site, terminal: Terminal, request: pytest.FixtureRequest
) -> None:
    """With a token that was redeemed the server's sentence is shown, no file is left, and the terminal goes on; where a
    file of one of these names is already, nothing is asked for and nothing is spent.
    """
    pairing, commands = handed(stage, f"refused {request.node.name}")
    stage.server.enroll(parse(pairing).token, site.programs / "first")
    paste(terminal, commands, pairing)
    terminal.until("one-time token .*(redeemed|used|spent)")
    terminal.done()
    assert site.files() == {}
    for name in ("key.pem", "chain.pem", "root.pem"):
        (site.directory / name).write_text("of before")
        terminal.type(commands)
        terminal.until(rf"{name} is here already\. Go to another directory\.\r")
        terminal.done()
        assert site.files() == {name: "of before"}
        (site.directory / name).unlink()
