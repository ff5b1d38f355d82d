"""Agents that are killed; `python -m tests.acceptance.agent.kills 200` kills more of them."""

import subprocess
import sys

from tests.support.server import environment


def test_an_agent_that_is_killed_goes_on() -> None:
    """Killed at steps all over an enrollment and a renewal, an agent keeps its working pair, goes on where it was, and
    the server issues one certificate for each step.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.agent.kills", "24"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "24 of 24 kills did no harm"
