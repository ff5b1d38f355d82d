"""The progress of long work."""

import os
import pty
import subprocess
import sys

SCRIPT = """
from connector.cli.progress import progress

with progress() as shown:
    shown.update(shown.add_task("", total=2), description="rows", completed=1)
"""


def test_progress_is_not_in_the_output() -> None:
    """Progress goes to the terminal on standard error: standard output, which may be a file, has none of it."""
    master, slave = pty.openpty()
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=slave, check=True)
    os.close(slave)
    shown = os.read(master, 65536)
    os.close(master)

    assert done.stdout == b""
    assert b"rows" in shown
