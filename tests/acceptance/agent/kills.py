"""Agents killed at every step, against a server of their own: ``python -m tests.acceptance.agent.kills COUNT``.

Half of the kills hit an enrollment, half a renewal. Of each half, two thirds come at the steps one after the other (an
operation on a file of the directory, the beginning of a connection), the rest at a moment drawn at random. After each:
a directory that held a working pair still does, the same command goes on to a good end, and the server has issued one
certificate for the step, no more.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support import stepping
from tests.support.agents import certificates, pairing
from tests.support.server import Server

from connector.agent.asking import holder
from connector.agent.directory import Directory, load_key

SECONDS = 60.0
RANDOM_PART = 3


@dataclass(slots=True)
class Kills:
    """Runs agents as processes of their own, which begin with everything loaded."""

    server: Server
    directory: Path
    random: Random
    done: int = 0
    found: list[str] = field(default_factory=list)

    def command(self, directory: Path, *arguments: str, step: int = -1, after: float | None = None) -> int:
        """Run it in a child, killed at the step or after so many seconds: its exit status, negative for a signal."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                quiet = os.open(self.directory / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                status = stepping.run(str(directory), step, "kill", [*arguments, "-d", str(directory)])
            finally:
                os._exit(status)
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def kill(self, directory: Path, *arguments: str, step: int, after: float | None) -> None:
        """Run it, killed."""
        status = self.command(directory, *arguments, step=step, after=after)
        self.check("it was not killed", is_good=status == -signal.SIGKILL or after is not None)

    def steps(self, directory: Path, *arguments: str) -> tuple[int, float]:
        """How many steps the command has, by the log of a run that is not disturbed, and how long it took."""
        begun = time.monotonic()
        assert self.command(directory, *arguments, step=0) == 0, (self.directory / "agent.log").read_text()[-2000:]
        lines = (self.directory / "agent.log").read_text().splitlines()
        return int(lines[-1].removeprefix("steps=")), time.monotonic() - begun

    def schedule(self, steps: int, seconds: float, count: int) -> list[tuple[int, float | None]]:
        """So many kills: at the steps in turn, as far apart as covers them all, and at random moments."""
        at_random = count // RANDOM_PART
        in_turn = count - at_random
        turns = [
            (1 + number * steps // in_turn if in_turn < steps else 1 + number % steps) for number in range(in_turn)
        ]
        return [(step, None) for step in turns] + [(-1, self.random.uniform(0, seconds)) for _ in range(at_random)]

    def check(self, what: str, *, is_good: bool) -> None:
        """Note what is not as it should be."""
        if not is_good:
            self.found.append(f"kill {self.done}: {what}")

    def works(self, path: Path) -> bool:
        """Whether key and certificate in use fit, and the server takes them."""
        pair, connection = Directory(path).identity()
        key = load_key((path / "tls.key").read_bytes(), None)
        with holder(pair, connection) as client:
            client.standing(connection.secured_connector)
        return key.public_key() == pair.leaf.public_key()

    def enroll(self, step: int, after: float | None) -> None:
        """Kill an enrollment, and go on with it."""
        self.done += 1
        path = self.directory / f"enrolled-{self.done}"
        text = pairing(self.server, path.name)
        self.kill(path, "enroll", text, step=step, after=after)
        is_whole = (path / "current").exists()
        self.check("a pair in use does not work", is_good=not is_whole or self.works(path))
        if not is_whole or (path / "pending").exists():
            self.check("the same command does not go on", is_good=self.command(path, "enroll", text) == 0)
        self.check("the pair does not work", is_good=self.works(path))
        self.check("more than one certificate", is_good=certificates(self.server, path) == 1)

    def renew(self, path: Path, step: int, after: float | None) -> None:
        """Kill a renewal, and go on with it."""
        self.done += 1
        before, issued = (path / "current").readlink(), certificates(self.server, path)
        self.kill(path, "renew", step=step, after=after)
        self.check("the pair in use does not work", is_good=self.works(path))
        if (path / "pending").exists() or (path / "current").readlink() == before:
            self.check("the same command does not go on", is_good=self.command(path, "renew") == 0)
        self.check("the pair does not work", is_good=self.works(path))
        self.check("nothing was renewed", is_good=(path / "current").readlink() != before)
        self.check("not one more certificate", is_good=certificates(self.server, path) == issued + 1)


def run(server: Server, directory: Path, count: int, *, say: Callable[[str], None], seed: int = 1) -> list[str]:
    """So many kills; what was not as it should be."""
    kills = Kills(server, directory, Random(seed))  # noqa: S311 - no secret
    path = directory / "renewed"
    steps, seconds = kills.steps(path, "enroll", pairing(server, "renewed"))
    say(f"an enrollment has {steps} steps, and takes {seconds:.2f} s")
    for step, after in kills.schedule(steps, seconds, count // 2):
        kills.enroll(step, after)
    steps, seconds = kills.steps(path, "renew")
    say(f"a renewal has {steps} steps, and takes {seconds:.2f} s")
    for step, after in kills.schedule(steps, seconds, count - count // 2):
        kills.renew(path, step, after)
    say(f"{kills.done - len({each.partition(':')[0] for each in kills.found})} of {kills.done} kills did no harm")
    return kills.found


def main(count: int) -> int:
    """Run against a server that is started for it: the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory) / "here"
        here.mkdir()
        with Server(here / "data") as server:
            found = run(server, here, count, say=lambda line: print(line, flush=True))  # noqa: T201
    for each in found:
        print(each)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
