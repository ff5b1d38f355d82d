"""``connector-agent``, with something done to it at one of its steps: ``DIRECTORY STEP ACTION COMMAND...``.

A step is an operation on a file of the directory, or the beginning of a connection. ACTION is ``kill``, ``readonly``
or ``fill``, which remounts or fills the file system above the directory; at step 0 nothing is done, and the number of
steps is printed to standard error at the end. With ``dns``, every other look-up of a name fails.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OPERATIONS = {"open", "os.rename", "os.mkdir", "os.symlink", "os.remove", "os.rmdir", "socket.connect"}
FILLER = "filler"


class Steps:
    """Counts the steps, and acts at one."""

    def __init__(self, directory: str, at: int, action: str) -> None:
        self.directory = directory
        self.at = at
        self.action = action
        self.count = 0
        self.is_acting = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """The audit hook."""
        if self.action == "dns" and event == "socket.getaddrinfo":
            self.count += 1
            if self.count % 2:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if self.action == "dns" or event not in OPERATIONS or self.is_acting:
            return
        # Within a tree that is being removed, names are relative to an open directory.
        name = str(arguments[0])
        if event != "socket.connect" and name.startswith("/") and not name.startswith(self.directory):
            return
        self.count += 1
        if self.count == self.at:
            self.is_acting = True
            self._act()
            self.is_acting = False

    def _act(self) -> None:
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "readonly":
            # Refused while a file is being written: then at the next step.
            done = subprocess.run(["mount", "-o", "remount,ro", str(Path(self.directory).parent)], check=False)
            self.at += done.returncode != 0
        elif self.action == "fill":
            with (Path(self.directory).parent / FILLER).open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass


def run(directory: str, at: int, action: str, arguments: Sequence[str]) -> int:
    """Run the command in this process: its exit status."""
    from connector.agent import commands  # noqa: F401, PLC0415 - loaded before steps are counted
    from connector.agent.cli import run as command  # noqa: PLC0415

    steps = Steps(directory, at, action)
    sys.addaudithook(steps)
    status = command(arguments)
    if at == 0:
        sys.stderr.write(f"steps={steps.count}\n")
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
